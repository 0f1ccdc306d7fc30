"""One training step on one device: its time and what limits it, its memory by term, its energy."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from mlsysim.core.bands import judged_training
from mlsysim.core.result import Field, Later, Result
from mlsysim.core.solver.base import Solver, check_hardware, check_model, counted
from mlsysim.core.solver.node.energy import energy_of
from mlsysim.core.solver.node.machine import Machine
from mlsysim.core.solver.node.optimizers import master_size, optimizer_of, stored_format
from mlsysim.core.solver.node.training_state import Settings, State, what_trains
from mlsysim.core.solver.node.training_work import Work
from mlsysim.core.walls import Wall, wall
from mlsysim.errors import InputError, InputTypeError, shown
from mlsysim.hardware.types import HardwareNode
from mlsysim.models.layered import LayeredWorkload
from mlsysim.models.types import Workload
from mlsysim.physics import roofline, training
from mlsysim.physics.elementwise import longest, some, where
from mlsysim.physics.equation import part
from mlsysim.physics.transformer import layer_flops
from mlsysim.units import pretty


class TrainingResult(Result):
    """How one training step runs on one device."""

    judged_by = staticmethod(judged_training)

    model = Field("Model", kind=str)
    hardware = Field("Device", kind=str)
    step_time = Field("Time of a step", "s", "ms")
    step_compute = Field("  arithmetic of the passes alone", "s", "ms")
    step_memory = Field("  memory traffic of the passes alone", "s", "ms")
    step_overhead = Field("  fixed overhead", "s", "ms")
    step_optimizer = Field("  optimizer", "s", "ms")
    step_offload = Field("  transfers to and from the host", "s", "ms", optional=True)
    throughput = Field("Throughput", "1/s")
    token_rate = Field("Tokens for each second", "token/s", optional=True)
    bottleneck = Field("Bottleneck", kind=str)
    feasible = Field("Fits in memory", kind=bool)
    memory_footprint = Field("Memory needed", "byte", "GB")
    weights_size = Field("  weights", "byte", "GB")
    gradients_size = Field("  gradients", "byte", "GB")
    optimizer_size = Field("  optimizer states and master weights", "byte", "GB")
    activations_size = Field("  activations", "byte", "GB")
    buffers_size = Field("  buffers", "byte", "GB")
    memory_capacity = Field("Memory of the device", "byte", "GB")
    spilled = Field("  spilled to the host", "byte", "GB", optional=True)
    trained_parameters = Field("Parameters trained", "param", "Bparam")
    flops = Field("Operations that the model needs", "flop", "TFLOP")
    hardware_flops = Field("Operations executed", "flop", "TFLOP")
    traffic = Field("Memory traffic", "byte", "GB")
    mfu = Field("MFU", kind=float)
    hfu = Field("HFU", kind=float)
    energy = Field("Energy of a step", "J", kind=float | None)
    energy_source = Field("  from", kind=str)
    batch_size = Field("Batch size", kind=int)
    seq_len = Field("Tokens of a sequence", optional=True, kind=int)
    optimizer = Field("Optimizer", kind=str)
    recompute = Field("Recomputation", kind=str)
    lora_rank = Field("Rank of the adapters", optional=True, kind=int)
    precision = Field("Precision", kind=str)
    compute_precision = Field("  computed in", kind=str)
    efficiency = Field("Efficiency of the arithmetic", kind=float)
    efficiency_source = Field("  from", kind=str)
    notes = Field("Notes", kind=tuple[str, ...])
    would_fit = Field("What would fit", kind=tuple[str, ...])


class Times(NamedTuple):
    """The bytes that a step moves on the device, and its times in seconds."""

    traffic: Any
    compute: Any
    memory: Any
    overhead: Any
    optimizer: Any
    offload: Any
    total: Any

    @property
    def bottleneck(self) -> Any:
        """What takes most of the time; the transfers, which overlap with the rest, only where they outlast it."""
        compute = where(self.compute >= self.memory, self.compute, 0.0)
        memory = self.optimizer + where(self.memory > self.compute, self.memory, 0.0)
        share = longest({"Compute": compute, "Memory": memory, "Overhead": self.overhead})
        return where(self.offload != self.total, share, "Capacity")


def times_of(machine: Machine, flops: Any, traffic: Any, updated: Any, offload: Any) -> Times:
    """Return the time of a step: both passes as one point of the roofline, then the optimizer, beside transfers."""
    plain = machine.hardware.plain
    compute = roofline.compute_time.plain(flops, machine.peak, machine.efficiency)
    memory = roofline.memory_time.plain(traffic, plain.bandwidth) if plain.bandwidth is not None else 0.0
    overhead = plain.overhead
    passes = roofline.roofline_time.plain(compute, memory, overhead)
    with part("Optimizer"):
        update = roofline.memory_time.plain(updated, plain.bandwidth) if plain.bandwidth is not None else 0.0
    total = training.step_time.plain(passes, update, offload)
    return Times(traffic + updated, compute, memory, overhead, update, offload, total)


class TrainingModel(Solver):
    """Walls 1 and 2 in training: forward pass, backward pass and optimizer on one device.

    The two passes are one point on the roofline; the optimizer follows, limited by the traffic of its states. With
    `offload`, what does not fit lies in the memory of the host and crosses the link once a step in each direction.

    Examples
    --------
    >>> from mlsysim import Hardware, Models, TrainingModel
    >>> result = TrainingModel().solve(Models.GPT2, Hardware.H100, batch_size=16)
    >>> result.feasible, result.bottleneck, f"{result.optimizer_size:.2f}"
    (True, 'Compute', '1.49 GB')
    """

    @property
    def walls(self) -> tuple[Wall, ...]:
        """The walls that training on one device meets: those of `SingleNodeModel`."""
        return wall("Compute"), wall("Memory")

    arrays = ("batch_size",)
    varying = (
        "step_time",
        "step_compute",
        "step_memory",
        "step_optimizer",
        "throughput",
        "token_rate",
        "bottleneck",
        "feasible",
        "memory_footprint",
        "activations_size",
        "buffers_size",
        "flops",
        "hardware_flops",
        "traffic",
        "mfu",
        "hfu",
        "energy",
    )

    def solve(
        self,
        model: Workload,
        hardware: HardwareNode,
        batch_size: int = 1,
        seq_len: int | None = None,
        precision: str = "bf16",
        efficiency: float | None = None,
        *,
        optimizer: str = "adam",
        recompute: str = "none",
        flash_attention: bool = True,
        lora_rank: int | None = None,
        lora_targets: Sequence[str] = ("query", "value"),
        offload: bool = False,
    ) -> TrainingResult:
        """Return how one training step runs: its time and what limits it, its memory by term, its energy.

        Parameters
        ----------
        model
            A decoder, an encoder, a vision transformer, or a network of layers.
        hardware
            An entry of `Hardware`, or a device of your own.
        batch_size
            Samples of the step.
        seq_len
            Tokens of each sequence; by default 2048, or the whole context where that is shorter.
        precision
            Format of the products: fp32, tf32, bf16, fp16, fp8. Weights, gradients and activations have the same, or
            bf16 with fp8 [micikevicius2022fp8]; with 16 bits the optimizer keeps a copy of the weights in fp32
            [micikevicius2018mixed].
        efficiency
            Reachable fraction of the dense peak, in (0, 1]. Left out, the measured one of the device is used, or a
            universal constant; the result says which.
        optimizer
            One of ``adam``, ``adam_8bit``, ``lion``, ``momentum``, ``adafactor``, ``sgd``.
        recompute
            What the backward pass computes again: ``"none"``, ``"selective"`` (attention) or ``"full"`` (each layer).
        flash_attention
            Whether the scores stay on the chip; if not, they are kept and moved.
        lora_rank, lora_targets
            Rank of adapters that are trained in place of the weights, and which matrices of a layer have one: query,
            key, value, output, up, down, gate.
        offload
            Whether weights, gradients and optimizer states that do not fit spill to the host. Activations stay.

        Returns
        -------
        TrainingResult
            Also if the step does not fit: then `feasible` is False and `would_fit` says what would.

        Raises
        ------
        InputError, InputTypeError, UnknownName
            For an argument of the wrong kind or an impossible value; the message names it and what is allowed.
        """
        check_model(model), check_hardware(hardware)
        if hardware.plain.flash_capacity is not None:
            raise InputError(f"hardware must hold weights where they can be trained; {hardware.name} has them in flash")
        if not isinstance(offload, bool):
            raise InputTypeError(f"offload must be True or False; got {shown(offload)}")
        optimizer_of(optimizer), counted("batch_size", batch_size)
        asked = Settings(batch_size, seq_len, precision, optimizer, recompute, flash_attention, lora_rank, lora_targets)
        copied = bool(master_size(stored_format(precision)))
        machine = Machine.of(hardware, precision, efficiency)
        work = asked.work(model)
        state = asked.state(model, work)
        needed, executed = _operations(work, state, lora_rank is not None)
        reads = 3 if recompute == "full" else 2
        moved = training.step_traffic.plain(reads, work.weights_read, state.gradients, work.activations)
        trained_weights = state.gradients  # of the same format
        updated = training.optimizer_traffic.plain(
            state.gradients, state.optimizer, trained_weights, 1 if copied else 2
        )
        spilled, transfer = _spill(hardware, state) if offload else (0.0, 0.0)
        capacity = hardware.plain.capacity
        fits = (state.total <= capacity) | ((spilled > 0) & (state.resident <= capacity))
        times = times_of(machine, executed, moved, updated, transfer)
        energy = energy_of(hardware, times.total, times.compute, times.memory + times.optimizer)
        return TrainingResult(
            model=model.name,
            step_time=times.total,
            step_compute=times.compute,
            step_memory=times.memory,
            step_overhead=times.overhead,
            step_optimizer=times.optimizer,
            step_offload=times.offload if some(spilled > 0) else None,
            throughput=roofline.throughput.plain(work.samples, times.total),
            token_rate=None if work.tokens is None else roofline.throughput.plain(work.tokens, times.total),
            bottleneck=times.bottleneck,
            feasible=fits,
            **state.fields(),
            memory_capacity=capacity,
            spilled=spilled if some(spilled > 0) else None,
            flops=needed,
            hardware_flops=executed,
            traffic=times.traffic,
            mfu=roofline.model_flops_utilization.plain(needed, machine.peak, times.total),
            hfu=training.hardware_flops_utilization.plain(executed, machine.peak, times.total),
            energy=energy.value,
            energy_source=energy.source,
            batch_size=work.samples,
            seq_len=None if work.tokens is None else work.tokens // work.samples,
            optimizer=optimizer_of(optimizer).name,
            recompute=recompute,
            lora_rank=lora_rank,
            precision=precision,
            **machine.fields(),
            notes=Later(lambda: tuple(_notes(model, machine, asked, offload, spilled, fits))),
            would_fit=Later(lambda: () if fits else tuple(what_trains(model, hardware, asked))),
        )


def _operations(work: Work, state: State, adapters: bool) -> tuple[Any, Any]:
    """The operations that a step needs, and those that it executes."""
    frozen, trained = 0.0, work.products
    if adapters:
        with part("Adapters"):
            frozen, trained = trained, layer_flops.plain(state.trained, work.tokens)
    needed = training.step_flops.plain(frozen, trained, work.attention)
    return needed, training.hardware_flops.plain(needed, work.again, work.attention, work.repeats)


def _spill(hardware: HardwareNode, state: State) -> tuple[Any, Any]:
    """What a step spills to the host, and the time of its transfers; nothing where there is no link to one."""
    if hardware.host is None:
        return 0.0, 0.0
    spilled = training.spilled_bytes.plain(state.total, hardware.plain.capacity)
    return spilled, training.offload_time.plain(spilled, state.movable, hardware.host.bandwidth.m_as("byte/s"))


def _notes(
    model: Workload, machine: Machine, asked: Settings, offload: bool, spilled: Any, fits: bool
) -> Iterator[str]:
    hardware = machine.hardware
    if machine.compute_precision != asked.precision:
        yield f"{hardware.name} has no {asked.precision} arithmetic: {machine.compute_precision} computes"
    if stored_format(asked.precision) != asked.precision:
        stored = stored_format(asked.precision)
        yield f"weights, gradients and activations are in {stored}, products in {asked.precision}"
    if not machine.measured:
        yield "no efficiency was measured on this device: that of matrix products on data-centre GPUs stands in"
    if hardware.plain.dispatch_tax is None:
        yield "no launch overhead is recorded for this device: it counts as 0"
    if hardware.plain.bandwidth is None:
        yield "the memory bandwidth of this device is not published: memory traffic takes no time"
    if isinstance(model, LayeredWorkload):
        yield "each layer keeps what it writes; a framework that keeps inputs of norms as well needs up to twice that"
    if asked.lora_rank is not None:
        yield "activations are kept as if all weights were trained: an upper bound"
    if offload and hardware.host is None:
        yield "no link to a host is recorded for this device: nothing can spill"
    if spilled:
        held = pretty(spilled, "byte")
        yield f"{held} lie in the memory of the host, whose size is not checked; transfers overlap with the passes"
    if not fits:
        yield "does not fit: times are those of the device if it had the memory"
