"""Commands that look facts up."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from mlsysim.cli import completion
from mlsysim.cli.answers import Output, json_of, say, show_table
from mlsysim.cli.options import Form

if TYPE_CHECKING:
    from mlsysim.records import Sourced

Catalog = Annotated[str, typer.Argument(help="hardware, models, systems or infra.", autocompletion=completion.catalogs)]
FIGURE_HEADERS = ["Figure", "Value", "Condition", "Source"]
FIELD_HEADERS = ["Field", "Value"]
WALL_HEADERS = ["Wall", "Name", "Domain", "Solver", "Term"]


def zoo(
    catalog: Catalog = "hardware",
    name: Annotated[
        str | None,
        typer.Argument(help="One entry: its figures, each with its source.", autocompletion=completion.entries),
    ] = None,
    match: Annotated[str | None, typer.Option(help="Only rows in which this text stands, in any column.")] = None,
    sort: Annotated[str | None, typer.Option(help="Sort by this column.", autocompletion=completion.columns)] = None,
    descending: Annotated[bool, typer.Option("--descending", help="Largest first.")] = False,
    output: Form = Output.text,
) -> None:
    """List a registry, or the figures of one entry with their sources.

    A terminal shows the main columns; --output markdown and json have them all. For instance, the cards of NVIDIA by
    bandwidth, and where the figures of the H100 come from:

        mlsysim zoo hardware --match NVIDIA --sort Bandwidth --descending

        mlsysim zoo hardware H100
    """
    from mlsysim.catalogs import entry
    from mlsysim.zoo import BRIEF, arranged, plain, rows

    if name is not None:
        _show_figures(entry(name, catalog), output)
        return
    found = rows(catalog)
    columns = BRIEF.get(catalog, tuple(found[0])) if output is Output.text else tuple(found[0])
    shown = arranged(found, match, sort, descending)
    records = plain(shown) if output is Output.csv else None
    show_table(output, columns, [[row[column].text for column in columns] for row in shown], None, records)


def _show_figures(record: Sourced, output: Output) -> None:
    from mlsysim.zoo import figures

    known = record.all_figures.items()
    plain = [{"figure": path} | figure.model_dump() for path, figure in known] if output is Output.csv else None
    show_table(output, FIGURE_HEADERS, figures(record), None, plain)


def cite(
    name: Annotated[
        str,
        typer.Argument(
            help="An entry, such as Hardware.Cloud.H100, or H100 for short.", autocompletion=completion.all_entries
        ),
    ],
    path: Annotated[
        str | None, typer.Argument(help="One figure, such as memory.bandwidth.", autocompletion=completion.paths)
    ] = None,
    output: Form = Output.text,
) -> None:
    """Say where the figures of an entry come from: value, condition, date and source.

    For instance:

        mlsysim cite Hardware.Cloud.H100 memory.bandwidth
    """
    from mlsysim.catalogs import entry

    record = entry(name)
    if path is None:
        _show_figures(record, output)
        return
    figure = record.source(path).figure
    told = figure.model_dump() | {"cited": figure.cited}
    if output is Output.json:
        say(json_of(told))
    elif output is Output.text:
        say(str(record.source(path)))
    else:
        show_table(
            output, FIELD_HEADERS, [(name, value) for name, value in told.items() if value is not None], None, [told]
        )


def schema(
    kind: Annotated[
        list[str],
        typer.Argument(
            help="A kind of file: hardware, model, system, grid, scenario. Or a command, for its JSON: eval, serve,"
            " train, lower, sweep, audit, zoo, cite, walls; optimize parallelism, batching or placement.",
            autocompletion=completion.schemas,
            metavar="KIND|COMMAND",
        ),
    ],
) -> None:
    """Print a JSON Schema: of a file that you write, or of the JSON that a command answers.

    An editor checks and completes your YAML with the first, a program checks an answer with the second:

        mlsysim schema hardware > hardware.schema.json

        mlsysim schema optimize parallelism > answer.schema.json
    """
    from mlsysim.cli.schemas import json_schema

    say(json_of(json_schema(" ".join(kind))))


def walls(
    number: Annotated[
        int | None, typer.Argument(help="One wall, by its number.", autocompletion=completion.walls)
    ] = None,
    output: Form = Output.text,
) -> None:
    """List the 22 walls, or one with its equation, symbols and sources.

    For instance, the memory wall:

        mlsysim walls 2
    """
    from mlsysim.core.walls import WALLS, wall
    from mlsysim.references import reference

    if number is None:
        show_table(output, WALL_HEADERS, [(w.number, w.name, w.domain, w.solver, w.term) for w in WALLS])
        return
    one = wall(number)
    rows = [("Name", one.name), ("Domain", one.domain), ("Question", one.question), ("Equation", one.equation)]
    rows += [(symbol, meaning) for symbol, meaning in one.symbols.items()]
    rows += [("Solver", one.solver), ("Acts on", f"{one.term}: {one.effect}")]
    rows += [("Source", str(reference(key))) for key in one.sources]
    show_table(output, FIELD_HEADERS, rows)
