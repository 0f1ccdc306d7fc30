"""Weight streaming: the weights lie outside the device and arrive layer by layer while it computes."""

from __future__ import annotations

from math import ceil
from typing import Any, NamedTuple

from mlsysim.core.result import Field, Result
from mlsysim.core.solver.base import Solver, check_hardware, check_model
from mlsysim.core.solver.capacity import Account, what_fits
from mlsysim.core.solver.node.machine import Machine
from mlsysim.errors import InputError, unknown
from mlsysim.hardware.types import HardwareNode
from mlsysim.models.transformer import TransformerWorkload
from mlsysim.models.types import Demand, Workload
from mlsysim.physics import memory as memory_physics
from mlsysim.physics import roofline
from mlsysim.physics import streaming as physics
from mlsysim.physics.equation import part
from mlsysim.physics.precision import element_size
from mlsysim.physics.transformer import head_flops
from mlsysim.units import amount


class WeightStreamingResult(Result):
    """How a model runs whose weights arrive layer by layer."""

    model = Field("Model", kind=str)
    hardware = Field("Device", kind=str)
    phase = Field("Phase", kind=str)
    latency = Field("Latency of a pass", "s")
    throughput_tokens_per_sec = Field("Throughput", "token/s")
    bottleneck = Field("Bottleneck", kind=str)
    layer_time = Field("Time of a layer", "s", "ms")
    layer_injection_time = Field("  arrival of its weights", "s", "ms")
    layer_compute_time = Field("  its arithmetic", "s", "ms")
    layer_memory_time = Field("  its traffic on the device", "s", "ms")
    head_time = Field("Time of the output head", "s", "ms")
    layer_weights = Field("Weights of a layer", "byte", "GB")
    streamed = Field("Weights that arrive in a pass", "byte", "GB")
    link_bandwidth = Field("Bandwidth of the weights' link", "byte/s", "GB/s")
    link = Field("  which is", kind=str)
    balance_tokens = Field("Tokens at which computing takes as long as arriving", "token")
    optimal_batch_size = Field("Least batch at which arrival is not the limit", kind=int)
    feasible = Field("Fits in memory", kind=bool)
    total_memory_required = Field("Memory needed", "byte", "GB")
    weights_size = Field("  two layers' weights", "byte", "GB")
    kv_cache_size = Field("  KV cache", "byte", "GB")
    activations_size = Field("  activations", "byte", "GB")
    memory_capacity = Field("Memory of the device", "byte", "GB")
    wafer_memory_utilization = Field("Share of the memory needed", kind=float)
    batch_size = Field("Batch size", kind=int)
    seq_len = Field("Tokens of a sequence", kind=int)
    precision = Field("Precision", kind=str)
    compute_precision = Field("  computed in", kind=str)
    efficiency = Field("Efficiency of the arithmetic", kind=float)
    efficiency_source = Field("  from", kind=str)
    notes = Field("Notes", kind=tuple[str, ...])
    would_fit = Field("What would fit", kind=tuple[str, ...])


class WeightStreamingModel(Solver):
    """Wall 6: weights that do not stay on the device arrive layer by layer, each while the one before is computed.

    T_layer = max(w / BW_in, F / (η·P), Q / β): arrival of a layer's weights, its arithmetic, and its traffic with the
    memory of the device. The KV cache stays on the device. So work wafer-scale engines with their weights outside
    [lie2023cerebras] and GPUs with theirs in the memory of the host [sheng2023flexgen].

    Examples
    --------
    >>> from mlsysim import Hardware, Models, WeightStreamingModel
    >>> result = WeightStreamingModel().solve(Models.OPT_175B, Hardware.A100, seq_len=512, batch_size=8)
    >>> result.bottleneck, f"{result.layer_injection_time:.0f}", f"{result.layer_compute_time:.2f}"
    ('Injection', '115 ms', '0.12 ms')

    A pass over long prompts uses each layer for many tokens:

    >>> wafer = WeightStreamingModel().solve(Models.Llama3_8B, Hardware.CS2, 2048, 32, phase="prefill")
    >>> wafer.optimal_batch_size, wafer.bottleneck, wafer.link
    (19, 'Compute', '12 x 100 Gbit/s Ethernet')
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
        phase: str = "decode",
        kv_precision: str | None = None,
        link_bandwidth: Any = None,
    ) -> WeightStreamingResult:
        """Return whether weights arrive as fast as they are used, and at which batch size they would.

        Parameters
        ----------
        model
            A transformer: an entry of `Models.Language`, or a workload of your own.
        hardware
            An entry of `Hardware`, or a device of your own.
        seq_len
            Tokens of each sequence, in a decode step the newest included.
        batch_size
            Sequences that use each layer when it arrives.
        precision, efficiency, kv_precision
            As in `SingleNodeModel.solve`.
        phase
            ``"decode"`` or ``"prefill"``; ``"encode"`` for an encoder.
        link_bandwidth
            Bandwidth at which weights enter the device, such as ``Q_(25, "GB/s")``: of the slowest link that they pass,
            that of a disk for instance. By default that of the link to the host, or where there is none, that of the
            device's link to others.

        Returns
        -------
        WeightStreamingResult
            Also if two layers, KV cache and activations do not fit: then `feasible` is False, the bottleneck is
            ``"Capacity"`` and `would_fit` says what would.

        Raises
        ------
        InputError, InputTypeError, UnitError, UnknownName
            For an argument of the wrong kind or an impossible value; the message names it and what is allowed.
        """
        check_model(model), check_hardware(hardware)
        if not isinstance(model, TransformerWorkload):
            raise InputError(f"model must be a transformer, whose layers arrive one by one; got {model.name}")
        if hardware.plain.flash_capacity is not None:
            raise InputError(f"hardware must have one memory for what arrives and what stays; {hardware.name} has two")
        if phase not in model.phases:
            raise unknown(f"phase of {model.name}", phase, model.phases)
        link, bandwidth = _link(hardware, link_bandwidth)
        machine = Machine.of(hardware, precision, efficiency)

        def account_at(batch: int, element: str) -> Account:
            demand = model.demand(batch, element, phase, seq_len, kv_precision)
            pieces = _Pieces.of(model, demand, phase, seq_len, element)
            buffers = physics.double_buffer.plain(max(pieces.layer, pieces.head))
            return Account.of(hardware.plain, buffers, demand.kv_cache, demand.live)

        demand = model.demand(batch_size, precision, phase, seq_len, kv_precision)
        pieces = _Pieces.of(model, demand, phase, seq_len, precision)
        with part("Layer"):
            arriving, computing, moving, layer = pieces.times(machine, bandwidth, demand)
        with part("Output head"):
            head = pieces.head_time(machine, bandwidth)
        total = physics.streamed_pass_time.plain(model.layers, layer, head)
        with part("Balance"):
            each = pieces.layer_flops / pieces.tokens
            balance = physics.balance_tokens.plain(pieces.layer, machine.peak, machine.efficiency, each, bandwidth)
            best = pieces.best_batch(balance, arriving, machine, demand)
        with part("Memory"):
            account = account_at(batch_size, precision)
        return WeightStreamingResult(
            model=model.name,
            phase=phase,
            latency=total,
            throughput_tokens_per_sec=roofline.throughput.plain(pieces.tokens, total),
            bottleneck=_bottleneck(arriving, computing, moving) if account.fits else "Capacity",
            layer_time=layer,
            layer_injection_time=arriving,
            layer_compute_time=computing,
            layer_memory_time=moving,
            head_time=head,
            layer_weights=pieces.layer,
            streamed=model.layers * pieces.layer + pieces.head,
            link_bandwidth=bandwidth,
            link=link,
            balance_tokens=balance,
            optimal_batch_size=best,
            total_memory_required=account.total,
            **account.fields(),
            wafer_memory_utilization=account.total / account.capacity,
            batch_size=batch_size,
            seq_len=seq_len,
            precision=precision,
            **machine.fields(),
            notes=_notes(model, machine, precision, demand, account),
            would_fit=() if account.fits else what_fits(account_at, hardware.plain, batch_size, precision),
        )


class _Pieces(NamedTuple):
    """What arrives, and what is done with it: a layer, the mean of all, and the output head."""

    tokens: int
    layers: int
    layer: float
    """Weights of a layer [byte]."""
    layer_flops: float
    head: float
    """Weights of the output head [byte]."""
    head_flops: float

    @classmethod
    def of(cls, model: TransformerWorkload, demand: Demand, phase: str, seq_len: int, precision: str) -> _Pieces:
        size, samples = element_size(precision), demand.samples
        tokens = samples if phase == "decode" else samples * seq_len
        read = model.read_count(tokens) - model.parameter_count + model.stack_parameters
        layer = memory_physics.weight_bytes.plain(read / model.layers, size)
        on_top = model.head_parameters
        head = memory_physics.weight_bytes.plain(on_top, size) if on_top else 0.0
        flops = head_flops.plain(on_top, samples) if on_top else 0.0
        return cls(tokens, model.layers, layer, (demand.flops - flops) / model.layers, head, flops)

    def times(self, machine: Machine, bandwidth: float, demand: Demand) -> tuple[float, float, float, float]:
        """Arrival, arithmetic and traffic of a layer, and the time that it takes [s]."""
        arriving = physics.injection_time.plain(self.layer, bandwidth)
        computing = roofline.compute_time.plain(self.layer_flops, machine.peak, machine.efficiency)
        moved = memory_physics.traffic.plain(
            self.layer, demand.kv_traffic / self.layers, demand.activations / self.layers
        )
        moving = self._moving(moved, machine)
        return arriving, computing, moving, physics.layer_time.plain(arriving, computing, moving)

    def head_time(self, machine: Machine, bandwidth: float) -> float:
        """Time of the output head [s]."""
        arriving = physics.injection_time.plain(self.head, bandwidth)
        computing = roofline.compute_time.plain(self.head_flops, machine.peak, machine.efficiency)
        return physics.layer_time.plain(arriving, computing, self._moving(self.head, machine))

    def best_batch(self, balance: float, arriving: float, machine: Machine, demand: Demand) -> int:
        """The least batch whose arithmetic or traffic takes as long as a layer's arrival."""
        best = balance * demand.samples / self.tokens
        each = (demand.kv_traffic + demand.activations) / self.layers / demand.samples
        if sequence := self._moving(each, machine):
            best = min(best, physics.traffic_balance.plain(arriving, self._moving(self.layer, machine), sequence))
        return max(1, ceil(best))

    @staticmethod
    def _moving(moved: float, machine: Machine) -> float:
        bandwidth = machine.hardware.plain.bandwidth
        return roofline.memory_time.plain(moved, bandwidth) if bandwidth else 0.0


def _link(hardware: HardwareNode, given: Any) -> tuple[str, float]:
    """The link that weights pass, and its bandwidth."""
    if given is not None:
        return "given", amount("link_bandwidth", given, "byte/s")
    link = hardware.host or hardware.interconnect
    if link is None:
        raise InputError(f"link_bandwidth must be given: no link is recorded for {hardware.name}")
    return link.name, link.bandwidth.m_as("byte/s")


def _bottleneck(arriving: float, computing: float, moving: float) -> str:
    if arriving >= max(computing, moving):
        return "Injection"
    return "Compute" if computing >= moving else "Memory"


def _notes(
    model: TransformerWorkload, machine: Machine, precision: str, demand: Demand, account: Account
) -> tuple[str, ...]:
    hardware, notes = machine.hardware, []
    if machine.compute_precision != precision:
        notes.append(f"{hardware.name} has no {precision} arithmetic: {machine.compute_precision} computes")
    if not machine.measured:
        notes.append("no efficiency was measured on this device: that of matrix products on data-centre GPUs stands in")
    if hardware.plain.bandwidth is None:
        notes.append("the memory bandwidth of this device is not published: traffic on it takes no time")
    if model.experts:
        notes.append(
            "a layer is the mean of all, and of its experts those that are used arrive: more of them at a larger batch"
        )
    if demand.weights + demand.kv_cache + demand.live <= account.capacity:
        notes.append("the whole model fits on the device: it need not be streamed")
    if not account.fits:
        notes.append("does not fit: times are those of the device if it had the memory")
    return tuple(notes)
