"""Published results beside predictions: point by point, and how the errors spread."""

from __future__ import annotations

from statistics import quantiles
from typing import Any

from mlsysim.errors import InputError, InputTypeError, shown, unknown
from mlsysim.validation.report import GROUPS, Comparison, Report
from mlsysim.viz.style import plt, settings, theme_of

_GOLDEN = 0.618
"""Steps of this part of a row put any number of points apart, the same ones each time."""


def plot_predictions(
    report: Report, domain: str | None = None, *, by: str = "metric", theme: str = "light", ax: Any = None
) -> Any:
    """Draw what was predicted over what was measured, both logarithmic: on the diagonal they agree.

    Each record is one point, its headline, in its own unit, and the line through it its band; dotted lines are half and
    twice the measured.

    Parameters
    ----------
    report
        What `validate` returned.
    domain
        Draw this one only; by default all.
    by
        What the colours tell apart: the six largest groups, and the others together.
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
        For what is no report, a grouping or a domain that there is none of, or one without an answer.

    Examples
    --------
    >>> from mlsysim import validate
    >>> from mlsysim.validation.records import published
    >>> axes = plot_predictions(validate(published("serving")[:12]), "serving")
    >>> axes.get_xlabel()
    'Measured, in the unit of each record'
    """
    points = _headlines(report, domain)
    groups, colours = _grouped(points, by, len(theme_of(theme).series)), theme_of(theme)
    with plt.rc_context(settings(theme)):
        ax = ax or plt.subplots()[1]
        for (name, members), colour in zip(groups.items(), colours.series, strict=False):
            places = [(one.measured, one.predicted) for one in members]
            ax.plot(*zip(*places, strict=True), "o", color=colour, alpha=0.7, markersize=5, label=name)
            banded = [(one.measured, one.low, one.high) for one in members if one.low and one.high]
            if banded:
                ax.vlines(*zip(*banded, strict=True), color=colour, alpha=0.25, linewidth=1, zorder=1)
        ends = [edge(x for one in points for x in (one.measured, one.predicted)) for edge in (min, max)]
        low, high = ends[0] / 1.5, ends[1] * 1.5
        for factor, style in ((0.5, ":"), (1, "-"), (2, ":")):
            ax.plot([low, high], [factor * low, factor * high], style, color=colours.faint, linewidth=1, zorder=0)
        ax.set(xscale="log", yscale="log", xlim=(low, high), ylim=(low, high))
        ax.set(xlabel="Measured, in the unit of each record", ylabel="Predicted")
        ax.legend(frameon=False, fontsize=8)
    return ax


def plot_errors(report: Report, by: str = "domain", *, theme: str = "light", ax: Any = None) -> Any:
    """Draw how far predictions lie from what was measured: a row for each group, a point for each record.

    The thick line holds the middle half of a group, the thin one the middle four fifths, the cross is the median.

    Parameters
    ----------
    report
        What `validate` returned.
    by
        What the rows are, as in `validate`.
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
        For what is no report, a grouping that there is none of, or a report without an answer.

    Examples
    --------
    >>> from mlsysim import validate
    >>> from mlsysim.validation.records import published
    >>> axes = plot_errors(validate(published("serving")[:12]), "hardware")
    >>> [label.get_text() for label in axes.get_yticklabels()]
    ['a100-sxm-80gb (3)', 'h100-sxm (2)', 'h100-pcie (1)', 'l4 (2)', 'jetson-agx-orin-64gb (2)', ...]
    """
    groups, colours = _grouped(_headlines(report), by), theme_of(theme)
    with plt.rc_context(settings(theme)):
        ax = ax or plt.subplots(figsize=(7, 1.2 + 0.42 * len(groups)))[1]
        for row, members in enumerate(groups.values()):
            ratios = sorted(one.predicted / one.measured for one in members)
            heights = [row + 0.5 * (number * _GOLDEN % 1 - 0.5) for number in range(len(ratios))]
            ax.plot(ratios, heights, ".", color=colours.series[0], alpha=0.55, markersize=5, zorder=1)
            if len(ratios) > 1:
                tenths, quarters = quantiles(ratios, n=10, method="inclusive"), quantiles(ratios, method="inclusive")
                ax.plot([tenths[0], tenths[-1]], [row, row], "-", color=colours.ink, linewidth=1, zorder=2)
                ax.plot([quarters[0], quarters[-1]], [row, row], "-", color=colours.ink, linewidth=4, zorder=2)
                ax.plot([quarters[1]], [row], "x", color=colours.series[1], markersize=8, markeredgewidth=2, zorder=3)
        ax.axvline(1, color=colours.faint, linewidth=1, zorder=0)
        ax.set(xscale="log", xlabel="Predicted over measured", ylim=(len(groups) - 0.4, -0.6))
        ax.set_yticks(range(len(groups)), [f"{name} ({len(members)})" for name, members in groups.items()])
        low, high = ax.get_xlim()
        fine = (0.8, 1.25) if high < 8 * low else ()
        ticks = [tick for tick in sorted((0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, *fine)) if low <= tick <= high]
        ax.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
        ax.minorticks_off()
        ax.grid(axis="y", visible=False)
    return ax


def _headlines(report: Report, domain: str | None = None) -> list[Comparison]:
    """The figures that each record is judged by, of one domain or of all."""
    if not isinstance(report, Report):
        raise InputTypeError(f"report must be what validate returned; got {shown(report)}")
    domains = report.errors("domain")
    if domain is not None and domain not in domains:
        raise unknown("domain", domain, domains)
    found = [one for one in report.comparisons if one.headline and domain in (None, one.record.domain)]
    if not found:
        raise InputError("report must have an answer; it has none" + (f" in {domain}" if domain else ""))
    return [one for one in found if one.measured > 0 and one.predicted > 0]


def _grouped(points: list[Comparison], by: str, most: int | None = None) -> dict[str, list[Comparison]]:
    """Points by group; with `most`, the smallest groups beyond it are one."""
    if by not in GROUPS:
        raise unknown("grouping", by, GROUPS)
    groups: dict[str, list[Comparison]] = {}
    for one in points:
        groups.setdefault(GROUPS[by](one), []).append(one)
    if most is None or len(groups) <= most:
        return groups
    order = sorted(groups, key=lambda name: -len(groups[name]))
    return {name: groups[name] for name in order[: most - 1]} | {
        "others": [one for name in order[most - 1 :] for one in groups[name]]
    }
