"""The forms of an answer: text for a terminal, Markdown for a page, JSON and CSV for a program."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum
from typing import TYPE_CHECKING, Any, NamedTuple

import typer

from mlsysim.errors import InputError
from mlsysim.tables import markdown_table, text_table

if TYPE_CHECKING:
    from mlsysim.core.derivation import Derivation
    from mlsysim.core.result import Result


class Output(StrEnum):
    """The forms of an answer."""

    text = "text"
    json = "json"
    markdown = "markdown"
    csv = "csv"


class Table(NamedTuple):
    """Rows as a reader wants them, and the same as a program does: plain numbers by name."""

    headers: Sequence[str]
    cells: Sequence[Sequence[Any]]
    records: Sequence[Mapping[str, Any]]
    align: str | None = None
    names: Sequence[str] = ()
    """Those of the columns of the records, where there may be none."""

    def told(self, output: Output, most: int | None = None) -> str:
        """Return the table in one of the forms; of a text or Markdown table at most so many rows."""
        if output is Output.csv:
            return csv_of(self.records, self.names)
        if output is Output.json:
            return json_of(self.records)
        rest = 0 if most is None else len(self.cells) - most
        made = text_table if output is Output.text else markdown_table
        return made(self.headers, self.cells[:most], self.align) + (f"\n\n… {rest:,} more" if rest > 0 else "")


def say(text: str) -> None:
    """Print to the standard output."""
    typer.echo(text)


def json_of(answer: Any) -> str:
    """Return an answer as JSON."""
    return json.dumps(answer, indent=2, default=list, ensure_ascii=False, allow_nan=False)


def csv_of(records: Iterable[Mapping[str, Any]], names: Sequence[str] = ()) -> str:
    """Return rows as CSV, whose header has the `names` at least; a column of several values is a column for each.

    Examples
    --------
    >>> print(csv_of([{"config": {"tp": 8, "pp": 2}, "time": 0.5, "lacks": None}]))
    config.tp,config.pp,time,lacks
    8,2,0.5,
    """
    rows = [_flat(record) for record in records]
    text = io.StringIO()
    writer = csv.DictWriter(
        text, list(dict.fromkeys([*names, *(name for row in rows for name in row)])), lineterminator="\n"
    )
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().rstrip("\n")


def _flat(record: Mapping[str, Any]) -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for name, value in record.items():
        if isinstance(value, Mapping):
            flat |= {f"{name}.{key}": one for key, one in value.items()}
        else:
            flat[name] = "; ".join(map(str, value)) if isinstance(value, tuple | list) else value
    return flat


def figures_of(result: Result) -> Table:
    """Return the figures of a result as rows of name, value and unit."""
    records = []
    for name, field in result.fields().items():
        value = result.plain[name]
        if not field.hidden:
            told = field.text(value) if isinstance(value, dict) else value
            records.append({"figure": name, "value": told, "unit": field.stored or ""})
    if (band := result.band) is not None:
        unit = result.fields()[band.figure].stored or ""
        ends = [{"figure": name, "value": getattr(band, name), "unit": unit} for name in ("low", "high")]
        flags = [{"figure": name, "value": getattr(band, name), "unit": ""} for name in ("calibrated", "not_modeled")]
        records += [*ends, *flags]
    return Table(["Figure", "Value"], list(result.rows()), records)


def show_table(
    output: Output,
    headers: Sequence[str],
    rows: Sequence[Sequence[Any]],
    align: str | None = None,
    records: Sequence[Mapping[str, Any]] | None = None,
) -> None:
    """Print rows; JSON and CSV have the `records` where they are given, else the cells by their headers."""
    plain = [dict(zip(headers, row, strict=True)) for row in rows] if records is None else records
    say(Table(headers, rows, plain, align).told(output))


def show_result(
    result: Result,
    output: Output,
    explain: bool = False,
    tables: Mapping[str, Table] | None = None,
    *,
    only: str | None = None,
    most: int | None = None,
    more: Mapping[str, Any] | None = None,
) -> None:
    """Print a result, the tables that follow it, its derivation; end with exit code 3 where it does not hold.

    Parameters
    ----------
    result, output
        What, in which form.
    explain
        Whether the derivation follows.
    tables
        By title. JSON has them within the result; CSV, which has one table, has the figures.
    only
        The title of the only table wanted: all its rows; CSV is then of that table.
    most
        Rows of each other table.
    more
        What JSON has beside the result.
    """
    if explain and output is Output.csv:
        raise InputError("--explain gives a text of equations: choose --output text, markdown or json")
    found = tables or {}
    wanted = found if only is None else {only: found[only]}
    derivation = result.explain() if explain else None
    if output is Output.json:
        answer = result.to_dict() | dict(more or {})
        say(json_of(answer | ({"derivation": _steps(derivation)} if derivation else {})))
    elif output is Output.csv:
        say((figures_of(result) if only is None else found[only]).told(output))
    else:
        text = output is Output.text
        parts = [str(result) if text else result.to_markdown()]
        for title, table in wanted.items():
            heading = f"{title.capitalize()}\n\n" if text else f"### {title.capitalize()}\n\n"
            parts.append(heading + table.told(output, most if only is None else None))
        if derivation:
            parts.append(str(derivation) if text else derivation.to_markdown())
        say("\n\n".join(parts))
    if not holds(result):
        raise typer.Exit(3)


def _steps(derivation: Derivation) -> list[dict[str, str]]:
    names = "quantity", "equation", "substituted", "source"
    return [dict(zip(names, row, strict=True)) for row in derivation.rows()]


def holds(result: Result) -> bool:
    """Whether a result says that it fits, is feasible, or passes what was claimed."""
    flags = (result.plain.get(name) for name in ("passed", "feasible", "is_feasible"))
    return all(flag for flag in flags if flag is not None)
