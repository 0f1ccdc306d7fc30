"""Times of the same work, side by side."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mlsysim.errors import InputError, InputTypeError, shown
from mlsysim.units import pretty
from mlsysim.viz.style import plt, settings, theme_of

MARKERS = "osD^v"


def plot_times(times: Mapping[str, Mapping[str, float]], *, theme: str = "light", ax: Any = None) -> Any:
    """Draw how long each piece of work takes, on a logarithmic axis, with a mark for each who does it.

    Parameters
    ----------
    times
        For each piece of work, from top to bottom: seconds by who does it.
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
        For no times, a time that is not above 0, more doers than marks, or another theme.

    Examples
    --------
    >>> times = {"import": {"ours": 0.02, "theirs": 0.5}, "solve": {"ours": 2e-5}}
    >>> [line.get_label() for line in plot_times(times).lines if not line.get_label().startswith("_")]
    ['ours', 'theirs']
    """
    if not isinstance(times, Mapping) or not all(isinstance(one, Mapping) for one in times.values()):
        raise InputTypeError(f"times must be seconds by work and by who does it; got {shown(times)}")
    if not times or not all(value > 0 for one in times.values() for value in one.values()):
        raise InputError(f"times must be above 0, at least one; got {shown(dict(times))}")
    who = list(dict.fromkeys(name for one in times.values() for name in one))
    if len(who) > len(MARKERS):
        raise InputError(f"times must be of at most {len(MARKERS)}; got those of {', '.join(who)}")
    colours = theme_of(theme)
    with plt.rc_context(settings(theme)):
        ax = ax or plt.subplots(figsize=(8, 1.2 + 0.34 * len(times)))[1]
        for place, one in enumerate(times.values()):
            ax.plot([min(one.values()), max(one.values())], [place, place], "-", color=colours.faint, linewidth=1)
        for name, colour, marker in zip(who, colours.series, MARKERS, strict=False):
            here = [(one[name], place) for place, one in enumerate(times.values()) if name in one]
            ax.plot(*zip(*here, strict=True), marker, color=colour, label=name, markersize=7)
        ax.set_yticks(range(len(times)), [*times])
        ax.set_ylim(len(times) - 0.5, -0.5)
        ax.set(xscale="log", xlabel="Time")
        ax.xaxis.set_major_formatter(lambda value, _: pretty(value, "s"))
        ax.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=len(who), frameon=False)
        ax.grid(axis="x", alpha=0.3)
    return ax
