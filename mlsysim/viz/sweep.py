"""A figure of many configurations over one of their axes."""

from __future__ import annotations

from typing import Any

from mlsysim.core.sweep import Sweep
from mlsysim.errors import InputError, InputTypeError, shown, unknown
from mlsysim.units import pretty
from mlsysim.viz.style import EngFormatter, plt, settings, theme_of

MOST_LINES = 12
"""Lines that a reader can tell apart."""


def plot_sweep(sweep: Sweep, figure: str, over: str | None = None, *, theme: str = "light", ax: Any = None) -> Any:
    """Draw a figure of a sweep over one axis, with a line for each combination of the other axes.

    Configurations that do not fit in memory are dotted.

    Parameters
    ----------
    sweep
        What `Engine.sweep` or `sweep` returned, or rows of it.
    figure
        The name of a figure with numbers.
    over
        The axis along which lines go; by default the last that varies.
    theme
        ``"light"`` or ``"dark"``.
    ax
        Axes to draw in; by default a new figure.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    InputError, InputTypeError, UnknownName
        For no sweep, an unknown figure or axis, a figure without numbers, or more lines than can be told apart.

    Examples
    --------
    >>> from mlsysim import Engine, Hardware, Models
    >>> devices = [Hardware.A100, Hardware.H100]
    >>> sweep = Engine.sweep(Models.Llama3_8B, devices, batch_sizes=[1, 8, 64, 512], seq_lens=[2048])
    >>> [line.get_label() for line in plot_sweep(sweep, "throughput").lines if line.get_linestyle() == "-"]
    ['NVIDIA A100 SXM4 80GB', 'NVIDIA H100 SXM5 80GB']
    """
    import numpy as np

    if not isinstance(sweep, Sweep):
        raise InputTypeError(f"sweep must be a result of Engine.sweep; got {shown(sweep)}")
    if not len(sweep):
        raise InputError("no row is left to draw")
    values = sweep.column(figure)
    if values.dtype.kind not in "fiu":
        raise InputError(f"{figure} has no numbers to draw")
    over = over or (sweep.varied or [*sweep.space])[-1]
    if over not in sweep.space:
        raise unknown("axis of the sweep", over, sweep.space)
    others = [name for name in sweep.varied if name != over]
    texts = [sweep.column(name).astype(str) for name in others]
    labels = np.array([", ".join(parts) for parts in zip(*texts, strict=True)] if others else [figure] * len(sweep))
    lines = list(dict.fromkeys(labels.tolist()))
    if len(lines) > MOST_LINES:
        raise InputError(
            f"{len(lines)} combinations of {', '.join(others)} are more than the {MOST_LINES} lines that can be told"
            " apart: choose some with where()"
        )
    field, along, colours = sweep.field(figure), sweep.column(over), theme_of(theme)
    fits = sweep.column("feasible") if "feasible" in sweep.columns else np.ones(len(sweep), bool)
    ticks = [] if along.dtype.kind in "fiu" else list(dict.fromkeys(along.tolist()))
    places = np.array([ticks.index(one) for one in along.tolist()]) if ticks else along
    with plt.rc_context(settings(theme)):
        ax = ax or plt.subplots()[1]
        for number, line in enumerate(lines):
            colour = colours.series[number % len(colours.series)]
            dashes = "" if ticks else "-" if number < len(colours.series) else "--"
            here = np.flatnonzero(labels == line)
            held = here[fits[here]]
            ax.plot(places[here], values[here], "." if ticks else ":", color=colour, linewidth=1, markersize=2)
            size = 7 if ticks else 3
            ax.plot(places[held], values[held], linestyle=dashes, color=colour, label=line, marker="o", markersize=size)
        if len(lines) > 1:
            ax.legend(fontsize=8)
        ax.set(xlabel=sweep.field(over).label.strip(), ylabel=field.label.strip())
        if ticks:
            ax.set_xticks(range(len(ticks)), [str(one) for one in ticks])
        elif along.min() > 0 and along.max() >= 8 * along.min():
            ax.set_xscale("log", base=2)
            ax.xaxis.set_major_formatter(lambda value, _: f"{value:,.4g}")
        finite = values[np.isfinite(values)]
        if len(finite) and finite.min() > 0 and finite.max() >= 20 * finite.min():
            ax.set_yscale("log")
        ax.yaxis.set_major_formatter(_in(field.stored) if field.stored else EngFormatter())
    return ax


def _in(unit: str) -> Any:
    """Labels of an axis as a reader wants quantities of that unit."""
    return lambda value, _: pretty(value, unit)
