"""Show results where they are read: plain text in a terminal, real tables in a notebook or on a page."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pint

from mlsysim.errors import InputError, shown
from mlsysim.tables import markdown_table, text_table


def _text(value: Any) -> str:
    if isinstance(value, pint.Quantity):
        return f"{value:.4g~P}" if isinstance(value.magnitude, int | float) else f"{value:~P}"
    if isinstance(value, float):
        return f"{value:.4g}"
    return str(value)


def _in_notebook() -> bool:
    try:
        from IPython import get_ipython
    except ImportError:
        return False
    return getattr(get_ipython(), "kernel", None) is not None


def _emit(text: str, markdown: str) -> None:
    if _in_notebook():
        from IPython.display import Markdown, display

        display(Markdown(markdown))
    else:
        print(text)


def table(headers: Sequence[str], rows: Sequence[Sequence[Any]], align: str | None = None) -> None:
    """Show a table.

    Parameters
    ----------
    headers
        One for each column.
    rows
        Cells; quantities are shown with four digits and their unit.
    align
        One of ``<``, ``>`` and ``^`` for each column; left if it is left out.

    Raises
    ------
    InputError
        If a row has another number of cells than there are headers, or `align` other signs.

    Examples
    --------
    >>> table(["Device", "Ridge"], [["H100", 295.34]], "<>")
    Device   Ridge
    ──────────────
    H100     295.3
    """
    for number, row in enumerate(rows):
        if len(row) != len(headers):
            raise InputError(f"rows[{number}] must have {len(headers)} cells, one for each header; got {shown(row)}")
    if align is not None and (len(align) != len(headers) or set(align) - set("<>^")):
        raise InputError(f"align must have one of < > ^ for each of {len(headers)} columns; got {align!r}")
    cells = [[_text(cell) for cell in row] for row in rows]
    _emit(text_table(headers, cells, align), markdown_table(headers, cells, align))


def info(title: str | None = None, **fields: Any) -> None:
    """Show named values, one a line; underscores in a name become blanks.

    Examples
    --------
    >>> info("Fleet", Inter_node="400 Gbps")
    Fleet
    Inter node   400 Gbps
    """
    rows = [[name.replace("_", " "), _text(value)] for name, value in fields.items()]
    width = max((len(name) for name, _ in rows), default=0)
    lines = [*([title] if title else []), *(f"{name:<{width}}   {value}" for name, value in rows)]
    heading = f"**{title}**\n\n" if title else ""
    _emit("\n".join(lines), heading + markdown_table(["", ""], rows))


def banner(text: str) -> None:
    """Show a heading.

    Examples
    --------
    >>> banner("Node")
    ━━ Node ━━
    """
    _emit(f"━━ {text} ━━", f"**{text}**")
