"""One device: how long a forward pass takes and what limits it; how a language model serves a request."""

from __future__ import annotations

from functools import partial
from typing import Any, NamedTuple

from mlsysim.core.result import Field, Result
from mlsysim.core.solver.base import Solver, check_hardware, check_model
from mlsysim.core.solver.capacity import Account, what_fits
from mlsysim.errors import InputError, fraction, positive_integer
from mlsysim.hardware.registry import universal_efficiency
from mlsysim.hardware.types import HardwareNode
from mlsysim.models.types import Demand, Workload
from mlsysim.physics import memory as memory_physics
from mlsysim.physics import roofline
from mlsysim.physics.energy import energy_bound
from mlsysim.physics.equation import part
from mlsysim.units import pretty


class PerformanceProfile(Result):
    """How one forward pass runs on one device."""

    model = Field("Model")
    hardware = Field("Device")
    latency = Field("Latency", "s", "ms")
    latency_compute = Field("  arithmetic alone", "s", "ms")
    latency_memory = Field("  memory traffic alone", "s", "ms")
    latency_overhead = Field("  fixed overhead", "s", "ms")
    throughput = Field("Throughput", "1/s")
    bottleneck = Field("Bottleneck")
    feasible = Field("Fits in memory")
    memory_footprint = Field("Memory needed", "byte", "GB")
    weights_size = Field("  weights", "byte", "GB")
    kv_cache_size = Field("  KV cache", "byte", "GB")
    activations_size = Field("  activations", "byte", "GB")
    memory_capacity = Field("Memory of the device", "byte", "GB")
    flops = Field("Operations", "flop", "GFLOP")
    traffic = Field("Memory traffic", "byte", "GB")
    arithmetic_intensity = Field("Arithmetic intensity", "flop/byte")
    ridge_point = Field("Ridge point", "flop/byte")
    mfu = Field("MFU")
    energy = Field("Energy, at most", "J")
    batch_size = Field("Batch size")
    phase = Field("Phase")
    precision = Field("Precision")
    compute_precision = Field("  computed in")
    efficiency = Field("Efficiency of the arithmetic")
    efficiency_source = Field("  from")
    notes = Field("Notes")
    would_fit = Field("What would fit")


class ServingResult(Result):
    """How a language model serves a batch of equal requests on one device."""

    model = Field("Model")
    hardware = Field("Device")
    ttft = Field("Time to first token (TTFT)", "s", "ms")
    itl = Field("Inter-token latency (ITL)", "s", "ms")
    throughput = Field("Decode throughput", "token/s")
    prefill_bottleneck = Field("Prefill limited by")
    decode_bottleneck = Field("Decode limited by")
    feasible = Field("Fits in memory")
    total_memory_required = Field("Memory needed", "byte", "GB")
    weights_size = Field("  weights", "byte", "GB")
    kv_cache_size = Field("  KV cache", "byte", "GB")
    activations_size = Field("  activations", "byte", "GB")
    memory_capacity = Field("Memory of the device", "byte", "GB")
    memory_utilization = Field("Share of the memory needed")
    batch_size = Field("Requests at once")
    seq_len = Field("Tokens of context")
    precision = Field("Precision")
    compute_precision = Field("  computed in")
    efficiency = Field("Efficiency of the arithmetic")
    efficiency_source = Field("  from")
    notes = Field("Notes")
    would_fit = Field("What would fit")


class _Machine(NamedTuple):
    """A device as one pass sees it: the format it computes in, its peak, the part of it that can be reached."""

    hardware: HardwareNode
    compute_precision: str
    peak: float
    efficiency: float
    efficiency_source: str
    measured: bool = True

    @classmethod
    def of(cls, hardware: HardwareNode, precision: str, efficiency: float | None) -> _Machine:
        computed = hardware.compute_format(precision)
        peak = hardware.plain.peaks[computed]
        if efficiency is not None:
            return cls(hardware, computed, peak, fraction("efficiency", efficiency), "given")
        measured = {fmt: at for fmt, at in hardware.efficiency.items() if hardware.plain.peaks.get(fmt) == peak}
        if not measured:
            figure = universal_efficiency()
            return cls(hardware, computed, peak, figure.value, f"universal constant [{figure.source}]", measured=False)
        fmt = computed if computed in measured else next(iter(measured))
        figure = hardware.figures.get(f"efficiency.{fmt}")
        source = f"matrix products timed on this device [{figure.source}]" if figure else "the record of this device"
        like = "" if fmt == computed else f", in {fmt}, which has the same peak"
        return cls(hardware, computed, peak, measured[fmt], source + like)

    def fields(self) -> dict[str, Any]:
        """What a result says of the device."""
        return {
            "hardware": self.hardware.name,
            "compute_precision": self.compute_precision,
            "efficiency": self.efficiency,
            "efficiency_source": self.efficiency_source,
        }


class _Timing(NamedTuple):
    """The times of one pass in seconds, and the bytes that it moves."""

    traffic: Any
    compute: Any
    memory: Any
    overhead: Any
    total: Any

    @property
    def bottleneck(self) -> str:
        if self.overhead > max(self.compute, self.memory):
            return "Overhead"
        return "Compute" if self.compute >= self.memory else "Memory"


def _time(demand: Demand, machine: _Machine) -> _Timing:
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
    overhead = plain.dispatch_tax or 0.0
    return _Timing(moved, compute, memory, overhead, roofline.roofline_time.plain(compute, memory, overhead))


def _notes(
    model: Workload, machine: _Machine, precision: str, demand: Demand, traffic: float, account: Account
) -> tuple[str, ...]:
    hardware, notes = machine.hardware, []
    if machine.compute_precision != precision:
        notes.append(
            f"{hardware.name} has no {precision} arithmetic: {machine.compute_precision} computes, {precision} moves"
        )
    if not machine.measured:
        notes.append(
            "no efficiency was measured on this device: that of matrix products on data-centre GPUs stands in, and off"
            " such GPUs the latency is nearer to a lower bound"
        )
    if hardware.plain.dispatch_tax is None:
        notes.append("no launch overhead is recorded for this device: it counts as 0")
    if hardware.plain.bandwidth is None:
        notes.append(
            "the memory bandwidth of this device is not published: memory traffic takes no time, and the latency is a"
            " lower bound"
        )
    if demand.weights_read is not None:
        held, read = pretty(demand.weights, "byte"), pretty(demand.weights_read, "byte")
        notes.append(f"of {held} of weights a pass reads {read}")
    looked_up = model.lookup_count and model.lookup_count * account.weights / model.parameter_count
    if looked_up > 0.01 * traffic:
        notes.append(
            f"every weight counts as read once; {pretty(looked_up, 'byte')} of them ({looked_up / traffic:.0%} of the"
            " traffic) are embedding tables, of which a pass reads a few rows"
        )
    if model.note:
        notes.append(model.note)
    if not account.fits:
        notes.append("does not fit: times are those of the device if it had the memory")
    return tuple(notes)


class SingleNodeModel(Solver):
    """Walls 1 and 2: a forward pass as one point on the roofline of one device.

    T = max(F / (η·P), Q / β) + t_0: operations over the reachable peak, or bytes over the bandwidth, whichever is
    longer, and the fixed time of starting the pass [williams2009roofline].

    Examples
    --------
    >>> from mlsysim import Hardware, Models, SingleNodeModel
    >>> profile = SingleNodeModel().solve(Models.Llama3_8B, Hardware.H100)
    >>> profile.bottleneck, f"{profile.latency:.2f}"
    ('Memory', '4.88 ms')
    """

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

        Returns
        -------
        PerformanceProfile
            Also if the model does not fit: then `feasible` is False and `would_fit` says what would.

        Raises
        ------
        InputError, InputTypeError, UnknownName
            For an argument of the wrong kind or an impossible value; the message names it and what is allowed.
        """
        check_model(model), check_hardware(hardware)
        machine = _Machine.of(hardware, precision, efficiency)
        demand = model.demand(batch_size, precision, phase, seq_len, kv_precision)
        timing = _time(demand, machine)
        account = Account.of(hardware.plain, demand.weights, demand.kv_cache, demand.live)

        def account_at(batch: int, element: str) -> Account:
            other = model.demand(batch, element, phase, seq_len, kv_precision)
            return Account.of(hardware.plain, other.weights, other.kv_cache, other.live)

        bandwidth, tdp = hardware.plain.bandwidth, hardware.plain.tdp
        again = partial(
            self.solve,
            model,
            hardware,
            batch_size,
            precision,
            efficiency,
            phase=phase,
            seq_len=seq_len,
            kv_precision=kv_precision,
        )
        return PerformanceProfile(
            again,
            model=model.name,
            latency=timing.total,
            latency_compute=timing.compute,
            latency_memory=timing.memory,
            latency_overhead=timing.overhead,
            throughput=roofline.throughput.plain(demand.samples, timing.total),
            bottleneck=timing.bottleneck,
            memory_footprint=account.total,
            **account.fields(),
            flops=demand.flops,
            traffic=timing.traffic,
            arithmetic_intensity=roofline.arithmetic_intensity.plain(demand.flops, timing.traffic),
            ridge_point=roofline.ridge_point.plain(machine.peak, bandwidth) if bandwidth else None,
            mfu=roofline.model_flops_utilization.plain(demand.flops, machine.peak, timing.total),
            energy=energy_bound.plain(tdp, timing.total) if tdp else None,
            batch_size=demand.samples,
            phase=phase or model.phases[0],
            precision=precision,
            **machine.fields(),
            notes=_notes(model, machine, precision, demand, timing.traffic, account),
            would_fit=() if account.fits else what_fits(account_at, hardware.plain, demand.samples, precision),
        )


class ServingModel(Solver):
    """Wall 4: a request to a language model has two phases, prefill and decode, each with a roofline of its own.

    Examples
    --------
    >>> from mlsysim import Hardware, Models, ServingModel
    >>> result = ServingModel().solve(Models.Llama3_8B, Hardware.H100, seq_len=2048)
    >>> result.prefill_bottleneck, result.decode_bottleneck
    ('Compute', 'Memory')
    """

    def solve(
        self,
        model: Workload,
        hardware: HardwareNode,
        seq_len: int = 2048,
        batch_size: int = 1,
        precision: str = "fp16",
        efficiency: float | None = None,
        *,
        kv_precision: str | None = None,
        prefill_chunk: int = 2048,
    ) -> ServingResult:
        """Return the time to the first token, the time of each further one, and the memory that serving takes.

        Parameters
        ----------
        model
            A decoder: an entry of `Models.Language`, or a `TransformerWorkload` of your own.
        hardware
            An entry of `Hardware`, or a device of your own.
        seq_len
            Tokens of each prompt, and of the context in the decode step that is timed.
        batch_size
            Requests that are read and answered together.
        precision, efficiency, kv_precision
            As in `SingleNodeModel.solve`.
        prefill_chunk
            Tokens of a prompt read at once: their activations, not those of all prompts, are in the memory account
            [agrawal2024sarathi]. The time counts the weights as read once, however many chunks there are.

        Returns
        -------
        ServingResult
            Also if the requests do not fit: then `feasible` is False and `would_fit` says what would.

        Raises
        ------
        InputError, InputTypeError, UnknownName
            For an argument of the wrong kind or an impossible value; the message names it and what is allowed.
        """
        check_model(model), check_hardware(hardware)
        if "prefill" not in model.phases:
            raise InputError(
                f"model must be a decoder, with prefill and decode; {model.name} has only: {', '.join(model.phases)}"
            )
        machine = _Machine.of(hardware, precision, efficiency)
        seq_len = positive_integer("seq_len", seq_len)
        chunk = min(positive_integer("prefill_chunk", prefill_chunk), seq_len)
        with part("Prefill"):
            prefill = model.demand(batch_size, precision, "prefill", seq_len, kv_precision)
            first = _time(prefill, machine)
        with part("Decode"):
            decode = model.demand(batch_size, precision, "decode", seq_len, kv_precision)
            step = _time(decode, machine)

        def account_of(decode: Demand, element: str) -> Account:
            with part("One chunk of a prompt"):
                live = max(model.demand(1, element, "prefill", chunk, kv_precision).live, decode.live)
            return Account.of(hardware.plain, decode.weights, decode.kv_cache, live)

        def account_at(batch: int, element: str) -> Account:
            return account_of(model.demand(batch, element, "decode", seq_len, kv_precision), element)

        account = account_of(decode, precision)
        again = partial(
            self.solve,
            model,
            hardware,
            seq_len,
            batch_size,
            precision,
            efficiency,
            kv_precision=kv_precision,
            prefill_chunk=prefill_chunk,
        )
        return ServingResult(
            again,
            model=model.name,
            ttft=first.total,
            itl=step.total,
            throughput=roofline.throughput.plain(decode.samples, step.total),
            prefill_bottleneck=first.bottleneck,
            decode_bottleneck=step.bottleneck,
            total_memory_required=account.total,
            **account.fields(),
            memory_utilization=account.total / account.capacity,
            batch_size=decode.samples,
            seq_len=seq_len,
            precision=precision,
            **machine.fields(),
            notes=_notes(model, machine, precision, decode, step.traffic, account),
            would_fit=() if account.fits else what_fits(account_at, hardware.plain, decode.samples, precision),
        )
