"""One device, or a node that splits each layer: how long a forward pass takes, and what limits it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from mlsysim.core.bands import judged_pass
from mlsysim.core.result import Field, Later, Result, Rows
from mlsysim.core.solver.base import Solver, check_hardware, check_model, counted
from mlsysim.core.solver.capacity import Account, what_fits
from mlsysim.core.solver.node.clock import Clock, notes_on
from mlsysim.core.solver.node.energy import energy_of
from mlsysim.core.solver.node.kernels import Timed
from mlsysim.core.solver.node.machine import Timing
from mlsysim.errors import InputError, boolean
from mlsysim.hardware.types import HardwareNode
from mlsysim.models.types import Demand, Workload
from mlsysim.physics import memory, roofline
from mlsysim.physics.elementwise import maximum, some, where
from mlsysim.tables import html_table, text_table
from mlsysim.units import pretty

KERNELS = Rows(
    name=str,
    kind=str,
    count=float,
    m=float | None,
    n=float | None,
    k=float | None,
    flops=float,
    traffic=float,
    time=float,
    overhead=float,
    total=float,
    limit=str,
)


class PerformanceProfile(Result):
    """How one forward pass runs on one device, or on a tensor-parallel group of them."""

    judged_by = staticmethod(judged_pass)

    model = Field("Model", kind=str)
    hardware = Field("Device", kind=str)
    latency = Field("Latency", "s", "ms")
    latency_compute = Field("  arithmetic alone", "s", "ms")
    latency_memory = Field("  memory traffic alone", "s", "ms")
    latency_overhead = Field("  fixed overhead", "s", "ms")
    latency_network = Field("  exchange between devices", "s", "ms", optional=True)
    latency_offload = Field("  reading what lies on the host", "s", "ms", optional=True)
    throughput = Field("Throughput", "1/s")
    bottleneck = Field("Bottleneck", kind=str)
    feasible = Field("Fits in memory", kind=bool)
    memory_footprint = Field("Memory needed", "byte", "GB")
    weights_size = Field("  weights", "byte", "GB")
    kv_cache_size = Field("  KV cache", "byte", "GB")
    activations_size = Field("  activations", "byte", "GB")
    memory_capacity = Field("Memory of the device", "byte", "GB")
    offloaded = Field("  kept in the host's memory", "byte", "GB", optional=True)
    flops = Field("Operations", "flop", "GFLOP")
    traffic = Field("Memory traffic", "byte", "GB")
    arithmetic_intensity = Field("Arithmetic intensity", "flop/byte")
    ridge_point = Field("Ridge point", "flop/byte", kind=float | None)
    mfu = Field("MFU", kind=float)
    energy = Field("Energy", "J", kind=float | None)
    energy_source = Field("  by", kind=str)
    batch_size = Field("Batch size", kind=int)
    tensor_parallel = Field("Devices that share each layer", kind=int)
    phase = Field("Phase", kind=str)
    precision = Field("Precision", kind=str)
    compute_precision = Field("  computed in", kind=str)
    efficiency = Field("Efficiency of the arithmetic", kind=float)
    efficiency_source = Field("  from", kind=str)
    fidelity = Field("Fidelity", kind=str)
    calibration = Field("  calibration", optional=True, kind=str)
    operators = Field("Kernels", hidden=True, kind=KERNELS)
    notes = Field("Notes", kind=tuple[str, ...])
    would_fit = Field("What would fit", kind=tuple[str, ...])

    def breakdown(self) -> Breakdown:
        """Return what each kernel takes, the longest first; only where the fidelity is ``"operator"``.

        Raises
        ------
        InputError
            For a result at the textbook level, which knows no kernels.

        Examples
        --------
        >>> from mlsysim import Engine, Hardware, Models
        >>> profile = Engine.solve(Models.Llama3_8B, Hardware.H100, fidelity="operator")
        >>> profile.breakdown().rows()[0][0]
        'gate and up'
        """
        if not self.plain["operators"]:
            raise InputError("a breakdown needs fidelity='operator'; this result is at fidelity 'roofline'")
        return Breakdown(self.plain["operators"])


class Breakdown:
    """The kernels of a pass with their times, as a table."""

    HEADERS = ("Kernel", "Runs", "One run", "All runs", "Share", "Limited by")

    def __init__(self, operators: tuple[dict[str, Any], ...]) -> None:
        self.operators = tuple(sorted(operators, key=lambda row: -row["total"]))

    def rows(self) -> list[list[str]]:
        """The cells, as a reader wants them."""
        whole = sum(row["total"] for row in self.operators)
        return [
            [
                row["name"],
                f"{row['count']:g}",
                pretty(row["time"], "s"),
                pretty(row["total"], "s"),
                f"{row['total'] / whole:.1%}",
                row["limit"],
            ]
            for row in self.operators
        ]

    def to_frame(self) -> Any:
        """Return the table as a pandas DataFrame with times in seconds."""
        import pandas

        return pandas.DataFrame(self.operators)

    def __str__(self) -> str:
        return text_table(self.HEADERS, self.rows(), "<>>>><")

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return html_table(self.HEADERS, self.rows(), "<>>>><")


def _records(operators: tuple[Timed, ...]) -> tuple[dict[str, Any], ...]:
    about, times = ("name", "kind", "count", "m", "n", "k", "flops", "traffic"), ("time", "overhead", "total", "limit")
    return tuple(
        {name: getattr(one.operator, name) for name in about} | {name: getattr(one, name) for name in times}
        for one in operators
    )


class SingleNodeModel(Solver):
    """Walls 1 and 2: a forward pass on one device, as one point on its roofline or kernel by kernel.

    At fidelity ``"roofline"``, T = max(F / (η·P), Q / β) + t_0: operations over the reachable peak, or bytes over the
    bandwidth, whichever is longer, and the fixed time of starting the pass [williams2009roofline]. At ``"operator"``
    each kernel has such a time of its own, and T is their sum.

    Examples
    --------
    >>> from mlsysim import Hardware, Models, SingleNodeModel
    >>> solve = SingleNodeModel().solve
    >>> profile = solve(Models.Llama3_8B, Hardware.H100)
    >>> profile.bottleneck, f"{profile.latency:.2f}"
    ('Memory', '4.88 ms')

    Three honest levels of the same question:

    >>> for level in ("none", "datasheet", "fitted"):
    ...     profile = solve(Models.Llama3_8B, Hardware.H100, fidelity="operator", calibration=level)
    ...     print(f"{level:10s}{profile.latency:.2f}")
    none      4.56 ms
    datasheet 6.58 ms
    fitted    6.36 ms
    """

    arrays = ("batch_size", "seq_len")
    varying = (
        "latency",
        "latency_compute",
        "latency_memory",
        "latency_overhead",
        "throughput",
        "bottleneck",
        "feasible",
        "memory_footprint",
        "weights_size",
        "kv_cache_size",
        "activations_size",
        "flops",
        "traffic",
        "arithmetic_intensity",
        "mfu",
        "energy",
    )

    def solve(
        self,
        model: Workload,
        hardware: HardwareNode,
        batch_size: int = 1,
        precision: str = "fp16",
        efficiency: float | None = None,
        *,
        phase: str | None = None,
        seq_len: int | None = None,
        kv_precision: str | None = None,
        fidelity: str = "roofline",
        calibration: str | None = None,
        tensor_parallel: int = 1,
        offload: bool = False,
    ) -> PerformanceProfile:
        """Return how one forward pass runs: its time and what limits it, its memory and whether it fits.

        Parameters
        ----------
        model
            An entry of `Models`, or a workload of your own.
        hardware
            An entry of `Hardware`, or a device of your own.
        batch_size
            Samples in the pass: images, sequences; in a decode step, sequences that each get one token.
        precision
            Format of weights and activations in memory. Arithmetic is in the same format, or in the next wider that the
            device has; the result says so.
        efficiency
            Reachable fraction of the dense peak, in (0, 1]. Left out, the measured one of the device is used, or a
            universal constant; the result says which.
        phase
            ``"decode"`` (default) or ``"prefill"`` for a decoder; other models have one phase.
        seq_len
            Tokens of each sequence, the newest included; by default 2048, or the whole context where that is shorter.
        kv_precision
            Format of the KV cache; by default `precision`.
        fidelity
            ``"roofline"``: the pass as one point. ``"operator"``: the sum of its kernels.
        calibration
            Of the kernels: ``"none"``, speed of light; ``"datasheet"``, universal constants; by default ``"fitted"``,
            constants fitted to timings on the device.
        tensor_parallel
            Devices of the node that share each layer; memory is then that of one of them.
        offload
            Whether what does not fit is kept in the host's memory and read over its link in each pass, while the device
            works [sheng2023flexgen].

        Returns
        -------
        PerformanceProfile
            Also if the model does not fit: then `feasible` is False, the bottleneck is ``"Capacity"`` and `would_fit`
            says what would.

        Raises
        ------
        InputError, InputTypeError, UnknownName
            For an argument of the wrong kind or an impossible value; the message names it and what is allowed.
        """
        check_model(model), check_hardware(hardware)
        counted("batch_size", batch_size)
        if seq_len is not None:
            counted("seq_len", seq_len)
        clock = Clock(model, hardware, precision, kv_precision, efficiency, fidelity, calibration, tensor_parallel)
        demand = clock.demand(batch_size, phase, seq_len)
        timing = clock.time(batch_size, phase, seq_len, demand=demand)
        account = account_of(clock, demand)
        figures = profile_of(clock, demand, timing, account, boolean("offload", offload))

        held = figures["feasible"]
        about = {
            "model": model.name,
            "phase": phase or model.phases[0],
            "precision": precision,
            "operators": Later(_records, timing.operators),
            "notes": Later(notes_on, model, clock, precision, demand, timing.traffic, account, held),
            "would_fit": Later(_would_fit, clock, batch_size, phase, seq_len) if held is False else (),
        }
        figures |= clock.fields()
        figures |= about
        return PerformanceProfile.of(figures)


def _would_fit(clock: Clock, batch: int, phase: str | None, seq_len: int | None) -> tuple[str, ...]:
    """What would fit, where a pass does not."""

    def account_at(requests: int, element: str) -> Account:
        other = replace(clock, precision=element, efficiency=None)
        return account_of(other, other.demand(requests, phase, seq_len))

    return what_fits(account_at, clock.hardware.plain, batch, clock.precision)


def account_of(clock: Clock, demand: Demand) -> Account:
    """Return the memory that a pass needs on one device."""
    return Account.of(clock.hardware.plain, demand.weights, demand.kv_cache, demand.live)


def profile_of(clock: Clock, demand: Demand, timing: Timing, account: Account, offload: bool = False) -> dict[str, Any]:
    """Return the figures of a profile, plain numbers or arrays, by the names of its fields."""
    hardware, group = clock.hardware, clock.tensor_parallel
    spilled, offloading = _offload(hardware, account, offload)
    total, held = maximum(timing.total, offloading), account.fits | (spilled > 0)
    moved, bandwidth = timing.traffic * group, hardware.plain.bandwidth
    energy = energy_of(hardware, total, timing.compute, timing.memory)
    limit = where(held & (timing.total >= offloading), timing.bottleneck, "Capacity")
    return {
        **account.fields(),
        "latency": total,
        "latency_compute": timing.compute,
        "latency_memory": timing.memory,
        "latency_overhead": timing.overhead,
        "latency_network": timing.network if group > 1 else None,
        "latency_offload": offloading if offload and some(spilled > 0) else None,
        "throughput": roofline.throughput.plain(demand.samples, total),
        "bottleneck": limit,
        "feasible": held,
        "memory_footprint": account.total,
        "offloaded": spilled if offload and some(spilled > 0) else None,
        "flops": demand.flops,
        "traffic": moved,
        "arithmetic_intensity": roofline.arithmetic_intensity.plain(demand.flops, moved),
        "ridge_point": None if bandwidth is None else roofline.ridge_point.plain(clock.machine.peak, bandwidth),
        "mfu": roofline.model_flops_utilization.plain(demand.flops, clock.peak, total),
        "energy": None if energy.value is None else group * energy.value,
        "energy_source": energy.source,
        "batch_size": demand.samples,
    }


def _offload(hardware: HardwareNode, account: Account, asked: bool) -> tuple[Any, Any]:
    """Bytes that lie in the host's memory, and the time of reading them."""
    if not asked or not some(account.total > account.capacity):
        return 0.0, 0.0
    if hardware.host is None:
        raise InputError(f"offload needs a link to a host, and none is recorded for {hardware.name}")
    spilled = memory.spilled_bytes.plain(account.total, account.capacity)
    return spilled, roofline.memory_time.plain(spilled, hardware.host.bandwidth.m_as("byte/s"))
