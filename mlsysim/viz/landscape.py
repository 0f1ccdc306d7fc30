"""The registries at a glance: devices, models, fabrics and grids on two axes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from mlsysim.hardware.registry import Hardware
from mlsysim.infra.registry import Grids
from mlsysim.models.registry import Models
from mlsysim.systems.registry import Fabrics
from mlsysim.viz.style import EngFormatter, plt, settings, theme_of

_MARKERS = "osD^vP*X"


class Point(NamedTuple):
    """One entry of a registry on two axes."""

    name: str
    group: str
    x: float
    y: float


def _scatter(points: Sequence[Point], labelled: Iterable[str], theme: str, ax: Any, **axes: Any) -> Any:
    """Draw points by group, with the names of some; both axes are logarithmic unless `axes` says otherwise."""
    colours, groups = theme_of(theme), list(dict.fromkeys(point.group for point in points))
    with plt.rc_context(settings(theme)):
        ax = ax or plt.subplots(figsize=(7, 4.8))[1]
        for group, colour, marker in zip(groups, colours.series * 2, _MARKERS, strict=False):
            here = [point for point in points if point.group == group]
            style = {"linestyle": "none", "markersize": 5, "alpha": 0.85}
            ax.plot([p.x for p in here], [p.y for p in here], marker, color=colour, label=group, **style)
        for point in points:
            if point.name in labelled:
                ax.annotate(point.name, (point.x, point.y), xytext=(5, 4), textcoords="offset points", fontsize=8)
        ax.set(**({"xscale": "log", "yscale": "log"} | axes))
        if len(groups) > 1:
            ax.legend(frameon=False, loc="upper left", fontsize=9)
    return ax


def _guides(ax: Any, points: Sequence[Point], slopes: dict[int, str], theme: str) -> None:
    """Draw lines of equal y/x behind the points, each with its name near the right edge or the top."""
    faint = theme_of(theme).faint
    low, high = min(point.x for point in points) / 3, max(point.x for point in points) * 3
    bottom, top = min(point.y for point in points) / 10, max(point.y for point in points) * 30
    for slope, name in slopes.items():
        end = min(high, top / slope)
        ax.plot([low, end], [slope * low, slope * end], ":", color=faint, linewidth=1, zorder=0)
        style = {"ha": "right", "va": "top" if end < high else "bottom", "fontsize": 7, "color": faint}
        ax.annotate(name, (end, slope * end), **style)
    ax.set(xlim=(low, high), ylim=(bottom, top))


def plot_hardware(
    *,
    labelled: Sequence[str] = (
        "B200",
        "CS2",
        "GroqLPU",
        "T4",
        "RaspberryPi5",
        "Coral",
        "ESP32_S3",
        "nRF52840",
        "ATmega328P",
    ),
    theme: str = "light",
    ax: Any = None,
) -> Any:
    """Draw every device by the bandwidth of its memory and its headline peak, with lines of equal ridge point.

    Parameters
    ----------
    labelled
        Names of the devices to label.
    theme
        ``"light"`` or ``"dark"``.
    ax
        Axes to draw in; by default a new figure.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    UnknownName
        For another theme.

    Examples
    --------
    >>> axes = plot_hardware()
    >>> axes.get_xlabel()
    'Memory bandwidth'
    """
    points = [
        Point(name, group, device.plain.bandwidth, device.plain.peaks[device.compute.peak_precision])
        for group, registry in Hardware.groups.items()
        for name, device in ((name, registry[name]) for name in registry.names)
        if device.plain.bandwidth is not None
    ]
    ax = _scatter(points, labelled, theme, ax, xlabel="Memory bandwidth", ylabel="Headline peak, dense")
    ax.xaxis.set_major_formatter(EngFormatter("B/s"))
    ax.yaxis.set_major_formatter(EngFormatter("FLOP/s"))
    _guides(ax, points, {ridge: f"{ridge:,} FLOP/B" for ridge in (1, 10, 100, 1000)}, theme)
    return ax


def plot_models(
    *,
    labelled: Sequence[str] = (
        "GPT3",
        "Llama3_8B",
        "BERT_Base",
        "ResNet50",
        "MobileNetV2",
        "DS_CNN",
        "DLRM_DCNv2",
        "SDXL_UNet",
    ),
    theme: str = "light",
    ax: Any = None,
) -> Any:
    """Draw every model by its parameters and the operations of one pass at batch 1, with lines of equal reuse.

    Parameters
    ----------
    labelled
        Names of the models to label.
    theme
        ``"light"`` or ``"dark"``.
    ax
        Axes to draw in; by default a new figure.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    UnknownName
        For another theme.

    Examples
    --------
    >>> axes = plot_models()
    >>> axes.get_xlabel()
    'Parameters'
    """
    points = [
        Point(name, group, registry[name].parameter_count, registry[name].demand().flops)
        for group, registry in Models.groups.items()
        for name in registry.names
    ]
    ax = _scatter(points, labelled, theme, ax, xlabel="Parameters", ylabel="Operations of one pass")
    ax.xaxis.set_major_formatter(EngFormatter())
    ax.yaxis.set_major_formatter(EngFormatter("FLOP"))
    _guides(ax, points, {reuse: f"{reuse} FLOP a parameter" for reuse in (2, 200)}, theme)
    return ax


def plot_fabrics(*, theme: str = "light", ax: Any = None) -> Any:
    """Draw the fabrics by bandwidth: of one port or one accelerator, per direction.

    Parameters
    ----------
    theme
        ``"light"`` or ``"dark"``.
    ax
        Axes to draw in; by default a new figure.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    UnknownName
        For another theme.

    Examples
    --------
    >>> axes = plot_fabrics()
    >>> axes.get_xlabel()
    'Bandwidth, one way'
    """
    colours = theme_of(theme)
    fabrics = sorted(Fabrics, key=lambda fabric: fabric.bandwidth.m_as("byte/s"))
    with plt.rc_context(settings(theme)):
        ax = ax or plt.subplots(figsize=(7, 0.24 * len(fabrics) + 0.9))[1]
        rates = [fabric.bandwidth.m_as("byte/s") for fabric in fabrics]
        ax.hlines(range(len(rates)), rates[0] / 2, rates, color=colours.faint, linewidth=1)
        ax.plot(rates, range(len(rates)), "o", color=colours.series[0])
        ax.set(xscale="log", xlabel="Bandwidth, one way", xlim=(rates[0] / 2, 2 * rates[-1]))
        ax.set_yticks(range(len(rates)), [fabric.name for fabric in fabrics])
        ax.xaxis.set_major_formatter(EngFormatter("B/s"))
        ax.grid(axis="y", visible=False)
    return ax


def plot_grids(
    *,
    labelled: Sequence[str] = ("Quebec", "US_Avg", "Germany", "Poland", "Ireland", "Sweden", "Indiana"),
    theme: str = "light",
    ax: Any = None,
) -> Any:
    """Draw the grids by electricity price and carbon intensity, where both are known.

    Parameters
    ----------
    labelled
        Names of the grids to label.
    theme
        ``"light"`` or ``"dark"``.
    ax
        Axes to draw in; by default a new figure.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    UnknownName
        For another theme.

    Examples
    --------
    >>> axes = plot_grids()
    >>> axes.get_ylabel()
    'Carbon intensity [gCO2e/kWh]'
    """
    points = [
        Point(
            name,
            grid.scope or "scope not stated",
            grid.electricity_price.m_as("dollar/kWh"),
            grid.carbon_intensity.m_as("gCO2e/kWh"),
        )
        for name, grid in ((name, Grids[name]) for name in Grids.names)
        if grid.electricity_price is not None
    ]
    return _scatter(
        points,
        labelled,
        theme,
        ax,
        xscale="linear",
        yscale="linear",
        xlabel="Electricity price [USD/kWh]",
        ylabel="Carbon intensity [gCO2e/kWh]",
        ylim=(0, None),
    )
