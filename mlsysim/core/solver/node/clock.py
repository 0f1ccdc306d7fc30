"""How long a pass takes: as one point of the roofline, or as the sum of its kernels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from mlsysim.core.solver.capacity import Account
from mlsysim.core.solver.node.kernels import Calibration, Timed
from mlsysim.core.solver.node.machine import Machine, Timing, time_of
from mlsysim.errors import InputError, fraction, positive_integer, unknown
from mlsysim.hardware.types import HardwareNode
from mlsysim.models.state_space import StateSpaceWorkload
from mlsysim.models.transformer import TransformerWorkload
from mlsysim.models.types import Demand, Workload
from mlsysim.physics.equation import kept, recording
from mlsysim.physics.precision import element_size
from mlsysim.units import pretty

FIDELITIES: dict[str, str] = {
    "roofline": "the whole pass as one point on the roofline",
    "operator": "the sum of its kernels, each with a roofline and a floor of its own",
}


@dataclass(eq=False)
class Clock:
    """A device that runs the passes of a model, at one fidelity; not changed once it is made.

    Parameters
    ----------
    model, hardware
        What runs, on what.
    precision, kv_precision
        Formats of weights and activations and of the KV cache; `kv_precision` is by default `precision`.
    efficiency
        Reachable fraction of the peak, in (0, 1]; by default that of the device.
    fidelity, calibration
        ``"roofline"``, or ``"operator"`` with one of `CALIBRATIONS`, by default ``"fitted"``.
    tensor_parallel
        Devices that share each layer.

    Attributes
    ----------
    machine
        The device at the textbook level.

    Raises
    ------
    InputError, InputTypeError, UnknownName
        For an unknown name, or a combination that means nothing.
    """

    model: Workload
    hardware: HardwareNode
    precision: str
    kv_precision: str | None
    efficiency: float | None
    fidelity: str
    calibration: str | None
    tensor_parallel: int

    def __post_init__(self) -> None:
        if self.fidelity not in FIDELITIES:
            raise unknown("fidelity", self.fidelity, FIDELITIES)
        if self.fidelity == "roofline" and self.calibration is not None:
            raise InputError(f"calibration needs fidelity='operator'; got {self.calibration!r} with 'roofline'")
        self._demands: dict[tuple[Any, ...], Demand] = {}
        if positive_integer("tensor_parallel", self.tensor_parallel) > 1:
            if self.fidelity == "roofline":
                raise InputError(f"tensor_parallel={self.tensor_parallel} needs fidelity='operator'; got 'roofline'")
            if not isinstance(self.model, TransformerWorkload):
                raise InputError(f"tensor_parallel must be 1 for {self.model.name}, which is no transformer")
        if self.efficiency is not None:
            fraction("efficiency", self.efficiency)
        element_size(self.precision)
        if self.kv_precision is not None:
            element_size(self.kv_precision, "kv_precision")
        self.machine = Machine.of(self.hardware, self.precision, self.efficiency)

    @kept
    def kernels(self) -> Calibration:
        """What kernels reach on the device."""
        kv_precision, level = self.kv_precision or self.precision, self.calibration or "fitted"
        return Calibration(self.hardware, self.precision, kv_precision, level, self.efficiency)

    @property
    def peak(self) -> float:
        """Peak of all devices together in the format of the products [FLOP/s]."""
        return self.machine.peak * self.tensor_parallel

    def demand(self, batch: int, phase: str | None, seq_len: int | None, cached: int = 0) -> Demand:
        """Return what a pass demands, of memory on one device, of all else on all together.

        `cached` tokens of each sequence have been read before; a state-space model carries them in its state. The same
        asked twice, of plain numbers, is worked out once.
        """
        if type(batch) is not int or not (seq_len is None or type(seq_len) is int) or recording():
            return self._demand(batch, phase, seq_len, cached)
        key = batch, phase, seq_len, cached
        known = self._demands.get(key)
        if known is None:
            known = self._demands[key] = self._demand(batch, phase, seq_len, cached)
        return known

    def _demand(self, batch: Any, phase: str | None, seq_len: Any, cached: int) -> Demand:
        if cached:
            asked, before = self._asked(batch, phase, seq_len, cached)
            demand = self.model.demand(*asked, **before)
        else:
            demand = self.model.demand(batch, self.precision, phase, seq_len, self.kv_precision)
        return self.model.held(demand, self.tensor_parallel) if self.tensor_parallel > 1 else demand

    def time(
        self, batch: int, phase: str | None, seq_len: int | None, cached: int = 0, demand: Demand | None = None
    ) -> Timing:
        """Return how long a pass takes; arguments as of `demand`, whose answer is taken where it is known."""
        if self.fidelity == "roofline":
            return time_of(demand or self.demand(batch, phase, seq_len, cached), self.machine)
        asked, before = self._asked(batch, phase, seq_len, cached)
        split = {"tensor_parallel": self.tensor_parallel} if self.tensor_parallel > 1 else {}
        rows = self.model.lower(*asked, **before, **split)
        return self._sum(tuple(map(self.kernels.time, rows)))

    def _asked(self, batch: int, phase: str | None, seq_len: int | None, cached: int) -> tuple[tuple, dict[str, int]]:
        if cached and isinstance(self.model, StateSpaceWorkload):
            return (batch, self.precision, phase, seq_len - cached, self.kv_precision), {}
        return (batch, self.precision, phase, seq_len, self.kv_precision), {"cached_tokens": cached} if cached else {}

    def _sum(self, timed: tuple[Timed, ...]) -> Timing:
        traffic = compute = memory = overhead = network = total = 0
        for row, time, computing, moving, starting, sending in timed:
            runs = row.count
            traffic = traffic + runs * row.traffic
            compute, memory = compute + runs * computing, memory + runs * moving
            overhead, network = overhead + runs * starting, network + runs * sending
            total = total + runs * time
        tax = self.hardware.plain.overhead
        return Timing(traffic, compute, memory, overhead + tax, total + tax, network, timed)

    def fields(self) -> dict[str, Any]:
        """What a result says of the device and of the fidelity."""
        if self.fidelity == "roofline":
            level = {"fidelity": self.fidelity, "calibration": None, "tensor_parallel": 1}
            return self.machine.fields() | level
        kernels = self.kernels
        return {
            "fidelity": self.fidelity,
            "tensor_parallel": self.tensor_parallel,
            "hardware": self.hardware.name,
            "compute_precision": kernels.compute_precision,
            "efficiency": kernels.products.efficiency,
            "efficiency_source": kernels.source if self.efficiency is None else "given",
            "calibration": kernels.level,
        }


def notes_on(
    model: Workload, clock: Clock, precision: str, demand: Demand, traffic: float, account: Account, held: bool
) -> tuple[str, ...]:
    """Return what a reader must know of the answer."""
    hardware, notes, roofline_level = clock.hardware, [], clock.fidelity == "roofline"
    computed = clock.machine.compute_precision
    if computed != precision:
        notes.append(f"{hardware.name} has no {precision} arithmetic: {computed} computes, {precision} moves")
    if roofline_level and not clock.machine.measured:
        notes.append(
            "no efficiency was measured on this device: that of matrix products on data-centre GPUs stands in, and off"
            " such GPUs the latency is nearer to a lower bound"
        )
    if not roofline_level:
        notes += dict.fromkeys(clock.kernels.notes)
    if roofline_level and hardware.plain.dispatch_tax is None:
        notes.append("no launch overhead is recorded for this device: it counts as 0")
    if hardware.plain.bandwidth is None:
        notes.append(
            "the memory bandwidth of this device is not published: memory traffic takes no time, and the latency is a"
            " lower bound"
        )
    if demand.weights_read is not None:
        there, read = pretty(demand.weights, "byte"), pretty(demand.weights_read, "byte")
        notes.append(f"of {there} of weights a pass reads {read}")
    looked_up = model.lookup_count and model.lookup_count * account.weights / model.parameter_count
    if roofline_level and looked_up > 0.01 * traffic:
        notes.append(
            f"every weight counts as read once; {pretty(looked_up, 'byte')} of them ({looked_up / traffic:.0%} of the"
            " traffic) are embedding tables, of which a pass reads a few rows"
        )
    if model.note:
        notes.append(model.note)
    if not held:
        notes.append("does not fit: times are those of the device if it had the memory")
    return tuple(notes)
