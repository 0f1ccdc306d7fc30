"""What kernels reach on a device, at one of three levels of calibration, and how long each operator takes."""

from __future__ import annotations

from dataclasses import dataclass, field
from math import inf
from typing import Any, NamedTuple

from mlsysim.errors import InputError, unknown
from mlsysim.hardware.attention import ATTENTION_KERNELS, AttentionFit
from mlsysim.hardware.registry import universal
from mlsysim.hardware.types import HardwareNode
from mlsysim.models.operators import Operator
from mlsysim.physics import collectives, roofline
from mlsysim.physics.elementwise import equal, minimum, where
from mlsysim.physics.equation import kept, part, recording
from mlsysim.physics.memory import flash_memory_time
from mlsysim.physics.operators import attention_backward_efficiency, attention_efficiency, operator_time
from mlsysim.physics.precision import ELEMENT_SIZE, has_wider
from mlsysim.records import once

CALIBRATIONS: dict[str, str] = {
    "none": "speed of light: the dense peak, the whole bandwidth, no floor",
    "datasheet": "universal constants, the same for every device",
    "fitted": "constants fitted to kernels timed on the device, universal ones where none were",
}


class Rates(NamedTuple):
    """What one kind of kernel reaches: a peak [FLOP/s], fractions of it and of the bandwidth, a floor [s]."""

    peak: float
    efficiency: float = 1.0
    memory_efficiency: float = 1.0
    floor: float = 0.0
    half_length: float = 0.0
    """Tokens at which attention reaches half of its efficiency."""


class Link(NamedTuple):
    """What one way of running a collective reaches: time to start it [s], of a step [s], bandwidth [byte/s].

    It has steps in a ring, and none (None) where the switch makes the sums.
    """

    setup: float
    latency: float | None
    bandwidth: float

    def time(self, kind: str, message: Any, ranks: int) -> Any:
        """Return the time of a collective of that kind [s]."""
        if self.latency is None:
            return collectives.switch_all_reduce_time.plain(message, ranks, self.bandwidth, self.setup)
        ring = collectives.all_reduce_time if kind == "all_reduce" else collectives.all_gather_time
        return ring.plain(message, ranks, self.bandwidth, self.latency, self.setup)


class Timed(NamedTuple):
    """One operator and the time of one run in seconds, with its parts; each may be an array."""

    operator: Operator
    time: Any
    compute: Any
    memory: Any
    overhead: Any
    network: Any = 0.0

    @property
    def total(self) -> Any:
        """Time of all runs [s]."""
        return self.operator.count * self.time

    @property
    def limit(self) -> str:
        """What limits one kernel."""
        if self.operator.group > 1:
            return "Network"
        if self.overhead > max(self.compute, self.memory):
            return "Overhead"
        return "Compute" if self.compute >= self.memory else "Memory"


@once
def _reached(hardware: HardwareNode, level: str, kind: str, precision: str, key: str) -> tuple[Rates, str | None]:
    """What a kind of kernel reaches at a level of calibration, and what a reader must know of it."""
    peaks, note = hardware.plain.peaks, None
    peak = peaks[precision]
    if level == "none":
        return Rates(peak), None
    kernels = hardware.kernels if level == "fitted" else None
    if kernels:
        fits = getattr(kernels, kind)
        like = next(
            (other for other in (key, *fits) if other in fits and equal(peaks.get(other), peaks.get(key))), None
        )
        if like:
            if key != like and {key, like} != {"bf16", "fp16"}:
                note = f"kernels in {key} were not timed: those in {like}, of the same peak, stand in"
            fit = fits[like]
            reached = fit.efficiency or 1.0, fit.memory_efficiency or 1.0, fit.floor, fit.half_length or 0.0
            return Rates(peak, *reached), note
        what = kind.replace("_", " ").replace("gemm", "matrix product")
        if fits:
            other, fit = next(iter(fits.items()))
            note = (
                f"no {what} kernels in {key} were timed on this device: bandwidth and floor are those of kernels in"
                f" {other}, the part of the peak is the universal constant"
            )
            return Rates(peak, universal("efficiency"), fit.memory_efficiency or 1.0, fit.floor), note
        note = f"no {what} kernels in {key} were timed on this device: universal constants stand in"
    return Rates(peak, universal("efficiency"), universal("memory_efficiency"), universal("kernel_floor")), note


@dataclass(frozen=True, eq=False)
class Calibration:
    """What each kind of kernel reaches on a device with operands of one precision.

    Parameters
    ----------
    hardware
        The device.
    precision, kv_precision
        Formats of weights and of the KV cache.
    level
        One of `CALIBRATIONS`.
    efficiency
        Fraction of the peak that products reach, in place of the level's.
    attention
        One of `ATTENTION_KERNELS`, for attention of many queries in place of the kernels timed on the device.
    library
        Whose collectives run, such as ``"nccl"``; by default, at each size those that are fastest.
    in_switch
        Whether switches that can make sums do.
    """

    hardware: HardwareNode
    precision: str
    kv_precision: str
    level: str = "fitted"
    efficiency: float | None = None
    attention: str | None = None
    library: str | None = None
    in_switch: bool = True
    notes: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        if self.level not in CALIBRATIONS:
            raise unknown("calibration", self.level, CALIBRATIONS)
        if self.level == "fitted" and self.hardware.kernels is None:
            self.notes.append("no kernels were timed on this device: universal constants stand in")
        if self.attention is not None:
            self._published()

    def _published(self) -> AttentionFit:
        """What is published of the attention kernel on the device."""
        devices = ATTENTION_KERNELS[self.attention]
        if self.level != "fitted":
            raise InputError(f"attention_kernel={self.attention!r} needs calibration='fitted'; got {self.level!r}")
        fit = devices.get(self.hardware.kernel_fits)
        if fit is None:
            raise InputError(
                f"attention_kernel={self.attention!r} is not published for {self.hardware.name};"
                f" allowed: {', '.join(devices)}"
            )
        return fit

    def _rates(self, kind: str, precision: str, key: str | None = None) -> Rates:
        """The constants of a kind of kernel that computes in one format; `key` is that of the cache for decoding."""
        rates, note = _reached(self.hardware, self.level, kind, precision, key or precision)
        if note:
            self.notes.append(note)
        return rates

    @property
    def source(self) -> str:
        """Where the constants come from."""
        if self.level == "none":
            return "the speed of light"
        kernels = self.hardware.kernels if self.level == "fitted" else None
        timed = f"kernels timed on {kernels.name} [{kernels.source}]" if kernels else "universal constants"
        return timed if self.attention is None else f"{timed}, {self.attention} [{self._published().source}]"

    @kept
    def compute_precision(self) -> str:
        """Format of the products."""
        return self.hardware.compute_format(self.precision)

    @kept
    def _wide(self) -> str:
        """Format of what is no product with weights: at least 16 bits, where the device has such arithmetic."""
        narrow = ELEMENT_SIZE[self.precision] < 2 and has_wider("fp16", self.hardware.plain.peaks)
        return self.hardware.compute_format("fp16") if narrow else self.compute_precision

    @kept
    def products(self) -> Rates:
        """Products with weights."""
        rates = self._rates("gemm", self.compute_precision)
        return rates if self.efficiency is None else rates._replace(efficiency=self.efficiency)

    @kept
    def narrowing(self) -> Rates:
        """Passes that narrow activations, fused into the kernels beside them."""
        return self.products._replace(floor=0.0)

    @kept
    def elementwise(self) -> Rates:
        """Norms, activation functions, lookups."""
        return self._rates("gemm", self._wide)

    @kept
    def prefill_attention(self) -> Rates:
        """Attention of many queries."""
        rates = self._rates("prefill_attention", self._wide)
        if self.attention is not None:
            published = self._published()
            rates = rates._replace(efficiency=published.efficiency, half_length=published.half_length)
        return rates._replace(memory_efficiency=self.elementwise.memory_efficiency)

    @kept
    def decode_attention(self) -> Rates:
        """Attention of one query a sequence."""
        rates = self._rates("decode_attention", self._wide, self.kv_precision)
        return rates._replace(efficiency=self.prefill_attention.efficiency)

    @property
    def launch(self) -> float:
        """Time in which the host starts one collective outside of a graph [s]; 0 where it was not timed."""
        kernels = self.hardware.kernels if self.level == "fitted" else None
        return kernels.launch["eager"].floor if kernels and kernels.launch else 0.0

    def links(self, collective: str) -> list[Link]:
        """Return the ways in which the devices of a node run a collective.

        Raises
        ------
        InputError
            If the device has no link to others.
        """
        kernels = self.hardware.kernels if self.level == "fitted" else None
        fits = getattr(kernels, collective) if kernels else {}
        own = [
            Link(fit.setup, fit.latency, fit.bandwidth)
            for key, fit in fits.items()
            if self.library in (None, key.split("_")[0]) and (self.in_switch or fit.latency is not None)
        ]
        if own:
            return own
        link = self.hardware.interconnect or self.hardware.host
        if link is None:
            raise InputError(f"{self.hardware.name} has no link recorded: tensor_parallel must be 1")
        bandwidth = link.bandwidth.m_as("byte/s")
        if self.level == "none":
            return [Link(0.0, 0.0, bandwidth)]
        return [Link(universal("kernel_floor"), 0.0, universal("memory_efficiency") * bandwidth)]

    def time(self, row: Operator) -> Timed:
        """Return an operator with its time and what limits it."""
        timed = self._collective if row.group > 1 else self._kernel
        if not recording():
            return timed(row)
        with part(row.name[0].upper() + row.name[1:]):
            return timed(row)

    def _collective(self, row: Operator) -> Timed:
        ways = [(link.time(row.kind, row.message, row.group), link.setup) for link in self.links(row.kind)]
        time, setup = ways[0]
        for other, start in ways[1:]:
            setup = where(other < time, start, setup)
            time = minimum(other, time)
        return Timed(row, time, 0.0, 0.0, setup, time - setup)

    def _kernel(self, row: Operator) -> Timed:
        peak, efficiency, memory_efficiency, floor, half_length = self._of(row)
        flops, traffic, plain = row.flops, row.traffic, self.hardware.plain
        if half_length:
            efficiency = attention_efficiency.plain(efficiency, row.n, half_length)
        if row.kind == "attention" and row.phase == "backward" and self.level != "none" and self.attention is None:
            constants = universal("attention_backward"), row.n, universal("attention_backward_half_length")
            efficiency = attention_backward_efficiency.plain(efficiency, *constants)
        if plain.flash_capacity is not None:
            compute = roofline.compute_time.plain(flops, peak, efficiency)
            working = row.inputs + row.outputs + row.kv
            bandwidths = plain.flash_bandwidth * memory_efficiency, plain.sram_bandwidth * memory_efficiency
            memory = flash_memory_time.plain(row.weights, bandwidths[0], working, bandwidths[1])
            time = roofline.roofline_time.plain(compute, memory, floor)
        else:
            bandwidth = inf if plain.bandwidth is None else plain.bandwidth
            time = operator_time.plain(flops, traffic, peak, bandwidth, efficiency, memory_efficiency, floor)
            compute = flops / (efficiency * peak)
            memory = traffic / (memory_efficiency * bandwidth)
        return Timed(row, time, compute, memory, floor)

    def _of(self, row: Operator) -> Rates:
        """The constants of an operator's kind."""
        if row.kind in {"gemm", "grouped_gemm", "conv", "depthwise"}:
            return self.products
        if row.kind == "attention":
            return self.decode_attention if row.phase == "decode" else self.prefill_attention
        return self.narrowing if row.kind == "quantize" else self.elementwise
