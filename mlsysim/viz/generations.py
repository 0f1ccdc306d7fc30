"""How generations of devices grow."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from mlsysim.core.solver.base import check_hardware
from mlsysim.errors import InputError, shown
from mlsysim.hardware.types import HardwareNode
from mlsysim.viz.style import plt, settings, short_name, theme_of

_FIGURES = ("peak rate", "memory bandwidth", "memory capacity")


def growth(devices: Sequence[HardwareNode], precision: str = "fp16") -> dict[str, list[float]]:
    """Return peak rate, memory bandwidth and memory capacity of devices, each over that of the first.

    Parameters
    ----------
    devices
        At least two, oldest first.
    precision
        Format of the peak.

    Raises
    ------
    InputError, InputTypeError, UnknownName
        For fewer than two devices, one without published bandwidth, or one that cannot compute in the precision.

    Examples
    --------
    >>> from mlsysim import Hardware
    >>> {name: round(ratios[-1], 2) for name, ratios in growth([Hardware.A100, Hardware.H100]).items()}
    {'peak rate': 3.17, 'memory bandwidth': 1.64, 'memory capacity': 1.0}
    """
    if len(devices) < 2:
        raise InputError(f"devices must have at least two entries; got {shown(devices)}")
    figures = []
    for device in devices:
        plain = check_hardware(device).plain
        if plain.bandwidth is None:
            raise InputError(f"the bandwidth of {device.name} is not published")
        figures.append((plain.peaks[device.compute_format(precision)], plain.bandwidth, plain.capacity))
    return {name: [row[column] / figures[0][column] for row in figures] for column, name in enumerate(_FIGURES)}


def plot_growth(
    devices: Sequence[HardwareNode], *, precision: str = "fp16", theme: str = "light", ax: Any = None
) -> Any:
    """Draw how peak rate, memory bandwidth and capacity grew over generations, on a logarithmic axis.

    Parameters
    ----------
    devices
        At least two, oldest first.
    precision
        Format of the peak.
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
        As `growth`, or for another theme.

    Examples
    --------
    >>> from mlsysim import Hardware
    >>> len(plot_growth([Hardware.V100, Hardware.A100, Hardware.H100]).lines)
    3
    """
    colours = theme_of(theme)
    ratios = growth(devices, precision)
    with plt.rc_context(settings(theme)):
        ax = ax or plt.subplots()[1]
        places = range(len(devices))
        for (name, values), colour, marker in zip(ratios.items(), colours.series, "osD", strict=False):
            ax.plot(places, values, marker=marker, color=colour)
            ax.annotate(
                f"{name} × {values[-1]:.3g}",
                (places[-1], values[-1]),
                xytext=(9, 0),
                textcoords="offset points",
                va="center",
                color=colour,
            )
        ax.set(yscale="log", ylabel=f"Over {short_name(devices[0]).split()[0]}", xlim=(-0.3, len(devices) + 0.35))
        ticks = [2**power for power in range(8) if 2**power <= 1.3 * max(map(max, ratios.values()))]
        ax.set_yticks(ticks, [f"× {tick}" for tick in ticks])
        ax.minorticks_off()
        ax.set_xticks(list(places), [f"{short_name(device).split()[0]}\n{device.release_year}" for device in devices])
    return ax
