"""Checkpoints of a training run: their size, what writing them costs, and how long a restart reads."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple, Self

from mlsysim.core.result import Field, Result
from mlsysim.core.solver.base import Solver, check_hardware, check_model
from mlsysim.core.solver.fleet.failures import RECOVERY, standard_restart
from mlsysim.core.solver.fleet.inputs import Span, check_fleet
from mlsysim.core.solver.node.optimizers import master_size, optimizer_of, stored_format
from mlsysim.core.solver.node.training_work import matrix_sides
from mlsysim.errors import InputError, InputTypeError, boolean, positive_integer, shown
from mlsysim.hardware.types import HardwareNode
from mlsysim.models.encoder_decoder import EncoderDecoderWorkload
from mlsysim.models.recommendation import RecommendationWorkload
from mlsysim.models.state_space import StateSpaceWorkload
from mlsysim.models.types import Workload
from mlsysim.physics import checkpoint, goodput, ingestion, reliability, training_memory
from mlsysim.physics.equation import part
from mlsysim.physics.precision import ELEMENT_SIZE
from mlsysim.systems.registry import Clusters
from mlsysim.systems.types import Fleet
from mlsysim.units import Quantity, amount, pretty


class CheckpointResult(Result):
    """How large a checkpoint is, what writing it takes of training, and how long a restart reads."""

    model = Field("Model", kind=str)
    hardware = Field("On", kind=str)
    checkpoint_size = Field("Size of a checkpoint", "byte", "GB")
    weights_size = Field("  weights", "byte", "GB")
    optimizer_size = Field("  optimizer states and master weights", "byte", "GB")
    write_time_seconds = Span("Time to write it", "s", "s")
    write_bandwidth = Field("Bandwidth of writing", "byte/s", "GB/s")
    storage_bottleneck = Field("The storage limits it", kind=bool)
    stall_time = Span("Training stands still for", "s", "s")
    checkpoint_interval_hours = Span("Time between checkpoints", "s", "hour")
    feasible = Field("Written before the next is due", kind=bool)
    mfu_penalty_pct = Span("Share of the time that it costs", "dimensionless", "percent", kind=float | None)
    max_bandwidth_required = Field("Bandwidth required", "byte/s", "GB/s")
    fleet_mtbf = Span("Mean time between failures", "s", "hour", optional=True)
    optimal_checkpoint_interval = Span("  best time between checkpoints (Young)", "s", "min", optional=True)
    waste = Field("  share of the time lost, restarts left out", optional=True, kind=float)
    optimal_waste = Field("  the same at the best interval", optional=True, kind=float)
    read_time = Span("Reading it back, all at once", "s", "s")
    restart_time = Span("  with finding the failure", "s", "s")
    read_bandwidth = Field("Bandwidth of reading", "byte/s", "GB/s")
    optimizer = Field("Optimizer", kind=str)
    precision = Field("Precision", kind=str)
    asynchronous = Field("Written in the background", kind=bool)
    n_writers = Field("Writers", kind=int)
    replicas = Field("Copies of the states", kind=int)
    notes = Field("Notes", kind=tuple[str, ...])
    would_be_feasible = Field("What would be feasible", kind=tuple[str, ...])


class Machines(NamedTuple):
    """What holds the states of a run: its devices and the machines that write them."""

    name: str
    device: HardwareNode
    devices: int
    machines: int
    fleet: Fleet | None

    @classmethod
    def of(cls, hardware: Any) -> Self:
        """Return those of a fleet, or of one device."""
        if isinstance(hardware, HardwareNode):
            return cls(hardware.name, hardware, 1, 1, None)
        if isinstance(hardware, Fleet):
            fleet = check_fleet(hardware)
            return cls(fleet.name, fleet.node.accelerator, fleet.total_accelerators, fleet.count, fleet)
        if isinstance(hardware, str) and hardware in Clusters:
            check_fleet(hardware)  # raises with what to write instead
        if isinstance(hardware, (str, Workload)):
            check_hardware(hardware)  # so does this
        raise InputTypeError(
            f"hardware must be an entry of Hardware or Systems.Clusters, or one of your own; got {shown(hardware)}"
        )

    @property
    def line_rate(self) -> Quantity | None:
        """The bandwidth of one machine towards storage: its network cards, or a disk of its own."""
        if self.fleet is not None:
            return self.fleet.node.inter_node_bw
        return None if self.device.storage is None else self.device.storage.bandwidth

    @property
    def host_memory(self) -> float | None:
        """The memory of the processors of one machine [byte]; None where it is not recorded."""
        memory = None if self.fleet is None else self.fleet.node.host_memory
        return None if memory is None else float(memory.m_as("byte"))


class CheckpointModel(Solver):
    """Wall 19: a checkpoint takes its bytes over the bandwidth of storage, and failures decide how often to write one.

    δ = bytes / BW; waste = δ/τ + τ/(2·M); best at τ = √(2·δ·M) [young1974, daly2006]. A synchronous checkpoint stops
    training for all of δ; an asynchronous one for the copy to the memory of the hosts, after which it is written in
    the background [jiang2024megascale, mohan2021checkfreq].

    Examples
    --------
    >>> from mlsysim import CheckpointModel, Models, Q_, Systems
    >>> fleet = Systems.Clusters.Research_256
    >>> result = CheckpointModel().solve(Models.Llama3_70B, fleet, storage_bandwidth=Q_("40 GB/s"))
    >>> print(f"{result.checkpoint_size:.0f}, {result.write_time_seconds:.1f}, {result.mfu_penalty_pct:.2f}")
    988 GB, 24.7 s, 0.17 %
    """

    def solve(
        self,
        model: Workload,
        hardware: HardwareNode | Fleet,
        *,
        optimizer: str = "adam",
        checkpoint_interval_hours: Any = 4,
        n_writers: int | None = None,
        writer_bandwidth: Any = None,
        storage_bandwidth: Any = None,
        read_bandwidth: Any = None,
        asynchronous: bool = False,
        replicas: int = 1,
        precision: str = "bf16",
        mtbf_hours: Any = None,
    ) -> CheckpointResult:
        """Return the size of a checkpoint, what writing it takes of training, and how long a restart reads.

        Parameters
        ----------
        model
            An entry of `Models` or one of your own, whose parameters are all trained.
        hardware
            The fleet that trains it, or a single device.
        optimizer
            One of ``adam``, ``adam_8bit``, ``lion``, ``momentum``, ``adafactor``, ``sgd``.
        checkpoint_interval_hours
            τ, time between two checkpoints; hours or a quantity.
        n_writers
            Machines that write at once, each an equal part; by default all nodes of the fleet.
        writer_bandwidth
            Bandwidth of one of them towards storage [byte/s]; by default that of all network cards of a node, or of
            the storage in the record of a device.
        storage_bandwidth
            Bandwidth at which the storage that they share takes data [byte/s]; needed, unless each writes to its own.
        read_bandwidth
            That at which it gives data [byte/s]; by default the same.
        asynchronous
            Whether training goes on as soon as the states are in the memory of the hosts.
        replicas
            Copies of the states in the fleet, each of which a restart reads: the degree of data parallelism, or 1
            where one device reads for its group.
        precision
            Format of the products of training: see `TrainingModel`.
        mtbf_hours
            M, mean time between failures of the fleet, to get the best interval and the waste; hours or a quantity.
            `ReliabilityModel` computes it.

        Returns
        -------
        CheckpointResult
            Also if a checkpoint is not written before the next is due: then `feasible` is False, there is no penalty,
            and `would_be_feasible` says what would do.

        Raises
        ------
        InputError, InputTypeError, UnitError, UnknownName
            For an argument of the wrong kind or an impossible value, or if no bandwidth is given; the message names
            what to give.
        """
        check_model(model)
        machines = Machines.of(hardware)
        interval = amount("checkpoint_interval_hours", checkpoint_interval_hours, "s", named="hour")
        writers = machines.machines if n_writers is None else positive_integer("n_writers", n_writers)
        copies = positive_integer("replicas", replicas)
        boolean("asynchronous", asynchronous)
        mtbf = None if mtbf_hours is None else amount("mtbf_hours", mtbf_hours, "s", named="hour")
        limits = _Limits.of(machines, writer_bandwidth, storage_bandwidth, read_bandwidth)
        weights, states = _states(model, optimizer, precision)
        size = checkpoint.checkpoint_size.plain(weights, states)
        written = limits.bandwidth(writers, limits.storage)
        write = checkpoint.write_time.plain(size, written)
        stall = _snapshot(machines, copies, size) if asynchronous else write
        held = size * copies / machines.machines
        fits = not asynchronous or machines.host_memory is None or held <= machines.host_memory
        feasible = fits and max(write, stall) < interval
        reading = limits.bandwidth(machines.machines if machines.fleet else writers, limits.read)
        read = checkpoint.read_time.plain(copies, size, reading)
        return CheckpointResult(
            model=model.name,
            hardware=machines.name,
            checkpoint_size=size,
            weights_size=weights,
            optimizer_size=states,
            write_time_seconds=write,
            write_bandwidth=written,
            storage_bottleneck=limits.storage is not None and written == limits.storage,
            stall_time=stall,
            checkpoint_interval_hours=interval,
            feasible=feasible,
            mfu_penalty_pct=goodput.checkpoint_overhead.plain(stall, interval) if feasible else None,
            max_bandwidth_required=checkpoint.required_bandwidth.plain(size, interval),
            fleet_mtbf=mtbf,
            **_waste(stall, write, asynchronous, interval, mtbf),
            read_time=read,
            restart_time=checkpoint.restart_time.plain(float(RECOVERY["restart_time"].quantity.m_as("s")), read),
            read_bandwidth=reading,
            optimizer=optimizer_of(optimizer).name,
            precision=precision,
            asynchronous=asynchronous,
            n_writers=writers,
            replicas=copies,
            notes=tuple(_notes(machines, limits, asynchronous, held, write, interval)),
            would_be_feasible=tuple(_feasible(fits, max(write, stall), interval)),
        )


class _Limits(NamedTuple):
    """What limits a transfer [byte/s]: one machine, the storage that takes data, the storage that gives them."""

    machine: float | None
    storage: float | None
    read: float | None

    @classmethod
    def of(cls, machines: Machines, writer: Any, storage: Any, read: Any) -> Self:
        given = {"writer_bandwidth": writer, "storage_bandwidth": storage, "read_bandwidth": read}
        plain = {name: None if value is None else amount(name, value, "byte/s") for name, value in given.items()}
        machine, shared, back = plain.values()
        if machine is None and machines.line_rate is not None:
            machine = float(machines.line_rate.m_as("byte/s"))
        own = machines.fleet is None and machines.device.storage is not None
        if shared is None and not own:
            raise InputError(
                f"storage_bandwidth must be given: no record has the storage that {machines.name} writes to; write for"
                " instance storage_bandwidth=Q_('100 GB/s')"
            )
        return cls(machine, shared, shared if back is None else back)

    def bandwidth(self, number: int, storage: float | None) -> Any:
        """Return the bandwidth between a number of machines and storage."""
        if self.machine is None:
            return storage
        if storage is None:
            return ingestion.combined_bandwidth.plain(number, self.machine)
        return checkpoint.transfer_bandwidth.plain(number, self.machine, storage)


def _states(model: Workload, optimizer: str, precision: str) -> tuple[float, float]:
    """The bytes of the weights, and of what the optimizer keeps."""
    stored, kind = stored_format(precision), optimizer_of(optimizer)
    if kind.side is not None and isinstance(
        model, (EncoderDecoderWorkload, StateSpaceWorkload, RecommendationWorkload)
    ):
        raise InputError(f"optimizer must keep the same for each parameter: the matrices of {model.name} are not known")
    with part("Weights"):
        weights = training_memory.state_bytes.plain(model.parameter_count, ELEMENT_SIZE[stored])
    with part("Optimizer"):
        each = float(kind.state.m_as("byte/param")) + master_size(stored)
        states = training_memory.state_bytes.plain(model.parameter_count, each)
    if kind.side is not None:
        with part("Optimizer, rows and columns"):
            states += training_memory.state_bytes.plain(matrix_sides(model), float(kind.side.m_as("byte")))
    return weights, states


def _snapshot(machines: Machines, copies: int, size: float) -> float:
    """The time in which all devices copy their states to the memory of their hosts."""
    host = machines.device.host
    if host is None:
        raise InputError(
            f"asynchronous must be False: no link to a host is recorded for {machines.device.name}, over which the"
            " states could be copied"
        )
    return checkpoint.snapshot_time.plain(copies, size, machines.devices, float(host.bandwidth.m_as("byte/s")))


def _waste(stall: float, write: float, asynchronous: bool, interval: float, mtbf: float | None) -> dict[str, Any]:
    """The best interval for the time between failures, and what is lost there and at the asked one."""
    if mtbf is None:
        return dict.fromkeys(("optimal_checkpoint_interval", "waste", "optimal_waste"))

    def lost(every: float) -> float | None:
        saving = goodput.checkpoint_overhead.plain(stall, every)
        if asynchronous:
            rework = checkpoint.background_rework_overhead.plain(every, write, mtbf)
        else:
            rework = goodput.rework_overhead.plain(every, mtbf)
        share = goodput.waste.plain(saving, rework)
        return share if share < 1 and (every >= write or not asynchronous) else None

    best = reliability.young_interval.plain(stall, mtbf)
    if asynchronous:
        best = max(best, write)
    with part("Best interval"):
        least = lost(best)
    with part("Asked interval"):
        asked = lost(interval)
    return {"optimal_checkpoint_interval": best, "waste": asked, "optimal_waste": least}


def _feasible(fits: bool, least: float, interval: float) -> Iterator[str]:
    if not fits:
        yield "asynchronous=False"
    if least >= interval:
        yield f"checkpoint_interval_hours above {least / 3600:.4g}"


def _notes(
    machines: Machines, limits: _Limits, asynchronous: bool, held: float, write: float, interval: float
) -> Iterator[str]:
    yield "gradients are not saved: they are computed anew"
    if limits.machine is None:
        yield f"no bandwidth of writers is recorded for {machines.name}: it does not limit; writer_bandwidth= sets it"
    if machines.fleet is not None and limits.machine is not None:
        yield "writers reach the line rate of their network cards at most"
    if limits.storage is not None and limits.read == limits.storage:
        yield "storage gives data as fast as it takes them, unless read_bandwidth= says otherwise"
    if asynchronous:
        yield "training slows down by nothing while a checkpoint is written in the background"
        has = "is not recorded" if machines.host_memory is None else f"is {pretty(machines.host_memory, 'byte')}"
        yield f"a host holds {pretty(held, 'byte')} of states until they are written; its memory {has}"
    if write >= interval:
        yield "a checkpoint takes longer to write than the time to the next"
    yield f"finding a failure and starting again takes {standard_restart()}"
