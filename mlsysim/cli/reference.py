"""Commands that look facts up."""

from __future__ import annotations

from typing import Annotated

import typer

from mlsysim.cli.options import Form, Output, show_table


def _kinds() -> list[str]:
    from mlsysim.zoo import CATALOGS

    return list(CATALOGS)


def zoo(
    kind: Annotated[
        str, typer.Argument(help="hardware, models, systems or grids.", autocompletion=_kinds)
    ] = "hardware",
    name: Annotated[str | None, typer.Argument(help="One entry: its figures, each with its source.")] = None,
    output: Form = Output.text,
) -> None:
    """List a registry, or the figures of one entry with their sources.

    A terminal shows the main columns; --output markdown and json have them all. For instance, where the figures of the
    H100 come from:

        mlsysim zoo hardware H100
    """
    from mlsysim.errors import unknown
    from mlsysim.zoo import BRIEF, CATALOGS, figures, rows

    if name is None:
        found = rows(kind)
        columns = BRIEF.get(kind, tuple(found[0])) if output is Output.text else tuple(found[0])
        show_table(output, columns, [[row[column].text for column in columns] for row in found])
    else:
        if kind not in CATALOGS:
            raise unknown("zoo", kind, CATALOGS)
        show_table(output, ["Figure", "Value", "Condition", "Source"], figures(CATALOGS[kind][name]))


def walls(
    number: Annotated[int | None, typer.Argument(help="One wall, by its number.")] = None,
    output: Form = Output.text,
) -> None:
    """List the 22 walls, or one with its equation, symbols and sources.

    For instance, the memory wall:

        mlsysim walls 2
    """
    from mlsysim.core.walls import WALLS, wall
    from mlsysim.references import reference

    if number is None:
        show_table(
            output,
            ["Wall", "Name", "Domain", "Solver", "Term"],
            [(w.number, w.name, w.domain, w.solver, w.term) for w in WALLS],
        )
        return
    one = wall(number)
    rows = [("Name", one.name), ("Domain", one.domain), ("Question", one.question), ("Equation", one.equation)]
    rows += [(symbol, meaning) for symbol, meaning in one.symbols.items()]
    rows += [("Solver", one.solver), ("Acts on", f"{one.term}: {one.effect}")]
    rows += [("Source", f"{reference(key).short}, {reference(key).title}") for key in one.sources]
    show_table(output, ["Field", "Value"], rows)
