"""One table, three ways: for a terminal, for a page, for Markdown."""

from __future__ import annotations

from collections.abc import Sequence
from io import StringIO
from typing import Any, Literal

_JUSTIFY: dict[str, Literal["left", "right", "center"]] = {"<": "left", ">": "right", "^": "center"}


def text_table(headers: Sequence[str], rows: Sequence[Sequence[Any]], align: str | None = None) -> str:
    """Return a table of plain text, as wide as the terminal allows; `align` has one of < > ^ for each column.

    Examples
    --------
    >>> print(text_table(["Device", "Ridge"], [["H100", 295]]))
    Device   Ridge
    ──────────────
    H100     295
    """
    from rich import box
    from rich.console import Console
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for header, sign in zip(headers, align or "<" * len(headers), strict=True):
        table.add_column(header, justify=_JUSTIFY[sign], overflow="fold", no_wrap=not table.columns)
    for row in rows:
        table.add_row(*(str(cell) for cell in row))
    console = Console(file=StringIO(), color_system=None, markup=False, highlight=False, force_jupyter=False)
    with console.capture() as capture:
        console.print(table)
    return "\n".join(line.rstrip() for line in capture.get().rstrip().splitlines())


def _columns(headers: Sequence[str], align: str | None) -> list[str]:
    return [_JUSTIFY[sign] for sign in align or "<" * len(headers)]


def markdown_table(headers: Sequence[str], rows: Sequence[Sequence[Any]], align: str | None = None) -> str:
    """Return a Markdown pipe table; `align` as in `text_table`.

    Examples
    --------
    >>> print(markdown_table(["Device", "Ridge"], [["H100", 295]], "<>"))
    | Device   |   Ridge |
    |:---------|--------:|
    | H100     |     295 |
    """
    from tabulate import tabulate

    cells = [[str(cell).replace("|", "\\|") for cell in row] for row in rows]
    return tabulate(cells, headers, tablefmt="pipe", colalign=_columns(headers, align), disable_numparse=True)


def html_table(headers: Sequence[str], rows: Sequence[Sequence[Any]], align: str | None = None) -> str:
    """Return an HTML table with its text escaped; `align` as in `text_table`.

    Examples
    --------
    >>> "<td>a &lt; b" in html_table(["Claim"], [["a < b"]])
    True
    """
    from tabulate import tabulate

    cells = [[str(cell) for cell in row] for row in rows]
    return tabulate(cells, headers, tablefmt="html", colalign=_columns(headers, align), disable_numparse=True)
