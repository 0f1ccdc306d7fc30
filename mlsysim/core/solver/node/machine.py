"""A device as one pass sees it, and the time that the pass takes as one point of its roofline."""

from __future__ import annotations

from typing import Any, NamedTuple

from mlsysim.core.solver.node.kernels import Timed
from mlsysim.errors import fraction
from mlsysim.hardware.registry import UNIVERSAL
from mlsysim.hardware.types import HardwareNode
from mlsysim.models.types import Demand
from mlsysim.physics import memory as memory_physics
from mlsysim.physics import roofline
from mlsysim.physics.elementwise import equal, longest
from mlsysim.records import once


class Machine(NamedTuple):
    """A device as one pass sees it: the format it computes in, its peak, the part of it that can be reached."""

    hardware: HardwareNode
    compute_precision: str
    peak: float
    efficiency: float
    efficiency_source: str
    measured: bool = True

    @classmethod
    def of(cls, hardware: HardwareNode, precision: str, efficiency: float | None) -> Machine:
        if efficiency is None:
            return _measured(hardware, precision)
        computed = hardware.compute_format(precision)
        return cls(hardware, computed, hardware.plain.peaks[computed], fraction("efficiency", efficiency), "given")

    def fields(self) -> dict[str, Any]:
        """What a result says of the device."""
        return {
            "hardware": self.hardware.name,
            "compute_precision": self.compute_precision,
            "efficiency": self.efficiency,
            "efficiency_source": self.efficiency_source,
        }


@once
def _measured(hardware: HardwareNode, precision: str) -> Machine:
    """A device that reaches the part of its peak that was measured on it, or on others."""
    computed = hardware.compute_format(precision)
    peak = hardware.plain.peaks[computed]
    fits = hardware.kernels.gemm if hardware.kernels else {}
    reached = hardware.efficiency | {fmt: fit.efficiency for fmt, fit in fits.items()}
    measured = {fmt: at for fmt, at in reached.items() if equal(hardware.plain.peaks.get(fmt), peak)}
    if not measured:
        figure = UNIVERSAL["efficiency"]
        return Machine(hardware, computed, peak, figure.value, f"universal constant [{figure.source}]", measured=False)
    fmt = computed if computed in measured else next(iter(measured))
    figure = hardware.figures.get(f"efficiency.{fmt}")
    key = hardware.kernels.source if fmt in fits else figure and figure.source
    source = f"matrix products timed on this device [{key}]" if key else "the record of this device"
    like = "" if fmt == computed else f", in {fmt}, which has the same peak"
    return Machine(hardware, computed, peak, measured[fmt], source + like)


class Timing(NamedTuple):
    """The times of one pass in seconds, and the bytes that it moves."""

    traffic: Any
    compute: Any
    memory: Any
    overhead: Any
    total: Any
    network: Any = 0.0
    operators: tuple[Timed, ...] = ()

    @property
    def bottleneck(self) -> Any:
        """What takes the time: of the kernels, what limits those that together take longest."""
        shares = {"Compute": self.compute, "Memory": self.memory, "Overhead": self.overhead}
        if self.operators:
            limited_by_compute = limited_by_memory = 0.0
            for row, time, compute, memory, overhead, _ in self.operators:
                if row.group == 1:
                    computes, worked = compute >= memory, row.count * (time - overhead)
                    limited_by_compute = limited_by_compute + computes * worked
                    limited_by_memory = limited_by_memory + (1 - computes) * worked
            shares = {"Compute": limited_by_compute, "Memory": limited_by_memory}
            shares |= {"Overhead": self.overhead, "Network": self.network}
        return longest(shares)


def time_of(demand: Demand, machine: Machine) -> Timing:
    plain = machine.hardware.plain
    moved = memory_physics.traffic.plain(demand.weight_traffic, demand.kv_traffic, demand.activations)
    compute = roofline.compute_time.plain(demand.flops, machine.peak, machine.efficiency)
    if plain.flash_capacity is not None:
        working = demand.kv_traffic + demand.activations
        bandwidths = plain.flash_bandwidth, plain.sram_bandwidth
        memory = memory_physics.flash_memory_time.plain(demand.weight_traffic, bandwidths[0], working, bandwidths[1])
    elif plain.bandwidth is None:
        memory = 0.0
    else:
        memory = roofline.memory_time.plain(moved, plain.bandwidth)
    overhead = plain.overhead
    return Timing(moved, compute, memory, overhead, roofline.roofline_time.plain(compute, memory, overhead))
