"""The roofline turned round: the least machine that meets a target of time, and the real ones that do."""

from __future__ import annotations

from typing import Any

from mlsysim.core.result import Field, Result
from mlsysim.core.solver.base import Solver, check_model
from mlsysim.core.solver.node.single import PerformanceProfile, SingleNodeModel
from mlsysim.errors import InputError, fraction
from mlsysim.hardware.registry import UNIVERSAL, Hardware, universal
from mlsysim.hardware.types import HardwareNode
from mlsysim.models.types import Workload
from mlsysim.physics import memory, roofline
from mlsysim.physics import synthesis as physics
from mlsysim.physics.equation import unrecorded
from mlsysim.tables import html_table, text_table
from mlsysim.units import pretty, strip


class SynthesisResult(Result):
    """The least peak, bandwidth and memory for a target, and the devices of `Hardware` that meet it."""

    model = Field("Model", kind=str)
    target_latency = Field("Time allowed", "s", "ms")
    overhead = Field("  of it fixed overhead", "s", "ms")
    feasible = Field("Can be met", kind=bool)
    required_bw = Field("Memory bandwidth needed", "byte/s", "GB/s", kind=float | None)
    required_flops = Field("Peak rate needed", "flop/s", "TFLOP/s", kind=float | None)
    required_memory = Field("Memory needed", "byte", "GB")
    model_size = Field("  weights", "byte", "GB")
    kv_cache_size = Field("  KV cache", "byte", "GB")
    activations_size = Field("  activations", "byte", "GB")
    compute_memory_ratio = Field("Peak over bandwidth", "flop/byte", kind=float | None)
    total_ops = Field("Operations", "flop", "GFLOP")
    traffic = Field("Memory traffic", "byte", "GB")
    batch_size = Field("Batch size", kind=int)
    phase = Field("Phase", kind=str)
    seq_len = Field("Tokens of a sequence", optional=True, kind=int)
    precision = Field("Precision", kind=str)
    efficiency = Field("Efficiency of the arithmetic", kind=float)
    efficiency_source = Field("  from", kind=str)
    cheapest = Field("Cheapest device that meets it", optional=True, kind=str)
    number_meeting = Field("Devices that meet it", kind=int)
    meeting = Field("  by name", hidden=True, kind=tuple[str, ...])
    devices = Field("Every device", hidden=True, kind=tuple[dict[str, Any], ...])
    notes = Field("Notes", kind=tuple[str, ...])

    def candidates(self) -> Candidates:
        """Return the devices as a table: those that meet the target, the cheapest first, then the nearest misses.

        Examples
        --------
        >>> from mlsysim import Models, Q_, SynthesisSolver
        >>> result = SynthesisSolver().solve(Models.ResNet50, target_latency=Q_(1, "ms"))
        >>> result.candidates().HEADERS[:2]
        ('Device', 'Latency')
        """
        return Candidates(self.plain["devices"])


class Candidates:
    """Devices against a target, as a table."""

    HEADERS = ("Device", "Latency", "Memory of it", "Design power", "Price", "Lacks")

    def __init__(self, devices: tuple[dict[str, Any], ...]) -> None:
        self.devices = devices

    def rows(self) -> list[list[str]]:
        """The cells of those that meet the target and of the ten nearest misses, as a reader wants them."""
        meeting = [one for one in self.devices if not one["lacks"]]
        return [
            [
                one["name"],
                "" if one["latency"] is None else pretty(one["latency"], "s"),
                pretty(one["capacity"], "byte"),
                "" if one["tdp"] is None else pretty(one["tdp"], "W"),
                "" if one["price"] is None else f"${one['price']:,.0f}",
                "; ".join(one["lacks"]),
            ]
            for one in self.devices[: len(meeting) + 10]
        ]

    def to_frame(self) -> Any:
        """Return the table of all devices as a pandas DataFrame in seconds, bytes, watts and dollars."""
        import pandas

        return pandas.DataFrame(self.devices)

    def __str__(self) -> str:
        return text_table(self.HEADERS, self.rows(), "<>>>><")

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return html_table(self.HEADERS, self.rows(), "<>>>><")


class SynthesisSolver(Solver):
    """Wall 22: the least bandwidth, peak and memory for a target of time, P = F / (η·T) and β = Q / T.

    Examples
    --------
    >>> from mlsysim import Models, Q_, SynthesisSolver
    >>> result = SynthesisSolver().solve(Models.Llama3_8B, target_latency=Q_(50, "ms"), efficiency=0.5)
    >>> print(f"{result.required_bw:.0f}, {result.required_flops:.2f}, {result.required_memory:.1f}")
    327 GB/s, 0.64 TFLOP/s, 16.3 GB
    """

    def solve(
        self,
        model: Workload,
        target_latency: Any,
        precision: str = "fp16",
        efficiency: float | None = None,
        *,
        batch_size: int = 1,
        phase: str | None = None,
        seq_len: int | None = None,
        kv_precision: str | None = None,
        overhead: Any = None,
    ) -> SynthesisResult:
        """Return the least device for a target of one pass, and which real ones are at least that.

        Parameters
        ----------
        model, precision, batch_size, phase, seq_len, kv_precision
            As in `SingleNodeModel.solve`.
        target_latency
            Time that one pass may take, such as ``Q_(50, "ms")``: of a decoder, one token for each sequence, or with
            ``phase="prefill"`` the prompt.
        efficiency
            Reachable fraction of the peak, in (0, 1], also on the real devices. Left out, a universal constant, and on
            each real device its own.
        overhead
            Fixed time of starting a pass, a quantity, also on the real devices. Left out, none, and on each real device
            its own.

        Returns
        -------
        SynthesisResult
            If the overhead alone takes the time allowed, `feasible` is False and there is no peak nor bandwidth.
            `meeting` names the devices of `Hardware` that meet the target, the cheapest first; `candidates()` has also
            the nearest misses, with what they lack.

        Raises
        ------
        InputError, InputTypeError, UnitError, UnknownName
            For an argument of the wrong kind or an impossible value; the message names it and what is allowed.
        """
        check_model(model)
        target = _time("target_latency", target_latency, exclusive=True)
        given = None if overhead is None else _time("overhead", overhead)
        tax = given or 0.0
        reached = universal("efficiency") if efficiency is None else fraction("efficiency", efficiency)
        demand = model.demand(batch_size, precision, phase, seq_len, kv_precision)
        moved = memory.traffic.plain(demand.weight_traffic, demand.kv_traffic, demand.activations)
        needed = memory.footprint.plain(demand.weights, demand.kv_cache, demand.live)
        time = physics.time_for_work.plain(target, tax)
        peak = bandwidth = None
        if time > 0:
            peak = physics.required_peak.plain(demand.flops, time, reached)
            bandwidth = physics.required_bandwidth.plain(moved, time)

        def ask(device: HardwareNode) -> PerformanceProfile:
            asked = {"phase": phase, "seq_len": seq_len, "kv_precision": kv_precision}
            return SingleNodeModel().solve(model, device, batch_size, precision, efficiency, **asked)

        with unrecorded():
            judged = [_judge(name, Hardware[name], ask, precision, target, given) for name in Hardware.names]
        devices = tuple(sorted(judged, key=_order))
        meeting = tuple(one["name"] for one in devices if not one["lacks"])
        phase = phase or model.phases[0]
        tokens = seq_len or model.default_context
        return SynthesisResult(
            model=model.name,
            target_latency=target,
            overhead=tax,
            feasible=time > 0,
            required_bw=bandwidth,
            required_flops=peak,
            required_memory=needed,
            model_size=demand.weights,
            kv_cache_size=demand.kv_cache,
            activations_size=demand.live,
            compute_memory_ratio=None if time <= 0 else roofline.ridge_point.plain(peak, bandwidth),
            total_ops=demand.flops,
            traffic=moved,
            batch_size=demand.samples,
            phase=phase,
            seq_len=tokens,
            precision=precision,
            efficiency=reached,
            efficiency_source="given"
            if efficiency is not None
            else f"universal constant [{UNIVERSAL['efficiency'].source}]",
            cheapest=next((one["name"] for one in devices if not one["lacks"] and one["price"] is not None), None),
            number_meeting=len(meeting),
            meeting=meeting,
            devices=devices,
            notes=_notes(phase, tokens, time, tax, target, meeting),
        )


def _time(name: str, value: Any, exclusive: bool = False) -> float:
    plain = strip(name, value, "s", exclusive=exclusive)
    if not isinstance(plain, int | float):
        raise InputError(f"{name} must be one time, no array")
    return float(plain)


def _judge(
    name: str, device: HardwareNode, ask: Any, precision: str, target: float, overhead: float | None
) -> dict[str, Any]:
    """A device against the target: how long it takes, what it costs, what it lacks."""
    plain, price = device.plain, device.price
    about = {
        "name": name,
        "latency": None,
        "capacity": plain.capacity,
        "tdp": plain.tdp,
        "price": None if price is None else price.m_as("dollar"),
        "short": float("inf"),
    }
    try:
        device.compute_format(precision)
    except InputError:
        return about | {"lacks": (f"arithmetic for {precision}",)}
    if plain.bandwidth is None:
        return about | {"lacks": ("a published memory bandwidth",)}
    profile = ask(device).plain
    compute, moving = profile["latency_compute"], profile["latency_memory"]
    tax = profile["latency_overhead"] if overhead is None else overhead
    latency, room, lacks = roofline.roofline_time.plain(compute, moving, tax), target - tax, {}
    if not profile["feasible"]:
        lacks["memory"] = profile["memory_footprint"] / profile["memory_capacity"]
    if room <= 0:
        lacks["time beside its overhead"] = float("inf")
    else:
        if moving > room:
            lacks["memory bandwidth"] = moving / room
        if compute > room:
            lacks["peak rate"] = compute / room
    said = tuple(f"{what}, {times:.2f} times its own" if 1 < times < 1e6 else what for what, times in lacks.items())
    return about | {"latency": latency, "short": max(lacks.values(), default=0.0), "lacks": said}


def _order(one: dict[str, Any]) -> tuple[Any, ...]:
    """Those that meet the target by price, design power and name; then the others, the nearest miss first."""
    price, tdp = (float("inf") if one[key] is None else one[key] for key in ("price", "tdp"))
    return bool(one["lacks"]), one["short"], price, tdp, one["name"]


def _notes(
    phase: str, tokens: int | None, time: float, tax: float, target: float, meeting: tuple[str, ...]
) -> tuple[str, ...]:
    notes = []
    if time <= 0:
        notes.append(f"an overhead of {pretty(tax, 's')} leaves nothing of the {pretty(target, 's')} allowed")
    if phase == "decode":
        notes.append(
            f"the target is one decode step, a token for each sequence at a context of {tokens:,}; for the time to the"
            " first token ask with phase='prefill'"
        )
    if not meeting:
        notes.append("no device in Hardware meets the target alone")
    return tuple(notes)
