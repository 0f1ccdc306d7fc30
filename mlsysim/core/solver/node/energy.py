"""The energy of a pass: by a measured power curve where one holds, else the most that it can be."""

from __future__ import annotations

from functools import cached_property
from typing import Any, NamedTuple

from mlsysim.hardware.types import HardwareNode
from mlsysim.physics.energy import energy_bound, energy_drawn
from mlsysim.records import Fraction, Registry, Sourced


class PowerCurve(Sourced):
    """What a kind of device draws, as shares of its thermal design power.

    Parameters
    ----------
    name
        The kind of device.
    idle, memory, compute
        At rest with a program loaded, when memory traffic limits, when arithmetic does.
    """

    name: str
    idle: Fraction
    memory: Fraction
    compute: Fraction

    @cached_property
    def cited(self) -> str:
        """What an answer says of the curve."""
        keys = dict.fromkeys(self.figures[state].source for state in ("idle", "memory", "compute"))
        return f"power curve measured on A100 and H100 [{', '.join(keys)}]"


POWER_CURVES: Registry[PowerCurve] = Registry("power curve", PowerCurve.from_record, "mlsysim.core", "power")


class Energy(NamedTuple):
    """Energy of a pass [J], None where no design power is recorded, and where it comes from."""

    value: Any
    source: str


def energy_of(hardware: HardwareNode, total: Any, compute: Any, memory: Any) -> Energy:
    """Return the energy of a pass whose arithmetic and traffic alone take `compute` and `memory` of its `total` time.

    The curve was measured on the A100 and the H100. It stands in for the other GPUs of data centres whose kernels were
    timed; elsewhere the times are lower bounds, and no curve is known. Against nine powers published for an H100 that
    serves 16 to 512 requests at once [chung2026longitudinal] it errs by 15 % at most and by 5 % on average.

    Examples
    --------
    >>> from mlsysim import Hardware
    >>> energy_of(Hardware.H100, 1.0, 0.0, 1.0).value, energy_of(Hardware.Coral, 1.0, 0.0, 1.0)
    (350.0, Energy(value=2.0, source='at most: thermal design power times time'))
    """
    tdp = hardware.plain.tdp
    if tdp is None:
        return Energy(None, "no thermal design power is recorded for this device")
    if hardware.kernels is None:
        return Energy(energy_bound.plain(tdp, total), "at most: thermal design power times time")
    curve = POWER_CURVES["datacentre_gpu"]
    drawn = energy_drawn.plain(tdp, total, compute, memory, curve.idle, curve.compute, curve.memory)
    return Energy(drawn, curve.cited)
