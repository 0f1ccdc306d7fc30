"""What an audit predicted, beside what it measured."""

from __future__ import annotations

from typing import Any

from mlsysim.audit.report import Audit
from mlsysim.errors import InputTypeError, shown
from mlsysim.viz.style import EngFormatter, plt, settings, theme_of

MARKS = {
    "measured": ("Measured", "o"),
    "operators": ("Predicted, pass by pass", "D"),
    "roofline": ("Predicted, as one point", "|"),
}


def plot_audit(audit: Audit, *, theme: str = "light", ax: Any = None) -> Any:
    """Draw each work of an audit as a row: its time, the predictions of it, and how far they lie apart.

    Parameters
    ----------
    audit
        What `mlsysim.audit.audit` returns.
    theme
        ``"light"`` or ``"dark"``.
    ax
        Axes to draw in; by default a new figure.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    InputTypeError, UnknownName
        For anything that is no audit, and for another theme.
    """
    if not isinstance(audit, Audit):
        raise InputTypeError(f"audit must be what mlsysim.audit.audit returns; got {shown(audit)}")
    colours, rows = theme_of(theme), audit.plain["predictions"]
    with plt.rc_context(settings(theme)):
        ax = ax or plt.subplots(figsize=(7, 2.6))[1]
        for place, row in enumerate(rows):
            times = [row[name] for name in MARKS]
            ax.plot([min(times), max(times)], [place, place], color=colours.faint, linewidth=1, zorder=1)
            note = f"{row['error']:+.0%}"
            ax.annotate(note, (max(times), place), xytext=(9, 0), textcoords="offset points", va="center", fontsize=9)
        for (name, (label, mark)), colour in zip(MARKS.items(), colours.series, strict=False):
            times = [row[name] for row in rows]
            ax.scatter(times, range(len(rows)), marker=mark, s=90 if mark == "|" else 45, color=colour, label=label)
        ax.set(xscale="log", xlabel="Time of one pass", ylim=(len(rows) - 0.5, -0.5))
        ax.set_yticks(range(len(rows)), [row["shows"] for row in rows])
        ax.xaxis.set_major_formatter(EngFormatter("s"))
        ax.margins(x=0.15)
        ax.grid(axis="y", visible=False)
        ax.figure.legend(
            *ax.get_legend_handles_labels(), frameon=False, loc="outside upper center", ncols=3, fontsize=9
        )
    return ax
