"""Where the lost FLOPs go: the time of a pass, split into the model's own arithmetic at the peak and each loss."""

from __future__ import annotations

from typing import Any, NamedTuple

from mlsysim.core.result import Field, Result
from mlsysim.core.solver.base import Solver, check_hardware, check_model
from mlsysim.core.solver.capacity import Account, what_fits
from mlsysim.core.solver.node.clock import Clock
from mlsysim.core.solver.node.kernels import Calibration, Timed
from mlsysim.errors import InputTypeError, shown
from mlsysim.hardware.registry import universal
from mlsysim.hardware.types import HardwareNode
from mlsysim.models.operators import Operator
from mlsysim.models.transformer import TransformerWorkload
from mlsysim.models.types import Workload
from mlsysim.physics import roofline
from mlsysim.physics import tiles as physics
from mlsysim.physics.equation import part
from mlsysim.physics.precision import element_size
from mlsysim.records import Registry
from mlsysim.tables import html_table, text_table
from mlsysim.units import amount, pretty

TERMS: dict[str, str] = {
    "arithmetic": "The model's own operations at the peak",
    "tile_edges": "Padding at the edges of tiles",
    "kernels": "Arithmetic below the peak, beyond that",
    "weights": "Products that wait for memory",
    "elementwise": "Kernels other than products that wait for memory",
    "attention": "Attention, beyond its operations at the peak",
    "scores": "Attention scores written and read",
    "floors": "Starting the kernels",
    "network": "Exchange between devices",
    "host": "Host",
}
"""What the time of a pass is made of, in the order of the waterfall."""


class Tile(NamedTuple):
    """The part of a product that one block of threads computes."""

    rows: int
    columns: int
    source: str


TILES: Registry[Tile] = Registry("tile", lambda raw: Tile(**raw), "mlsysim.core", "tiles")


class EfficiencyResult(Result):
    """What share of the peak a pass reaches, and where the rest of its time goes."""

    model = Field("Model", kind=str)
    hardware = Field("Device", kind=str)
    phase = Field("Phase", kind=str)
    mfu = Field("MFU", kind=float)
    achievable_flops = Field("Rate reached, all devices", "flop/s", "TFLOP/s")
    peak_flops = Field("  of a peak of", "flop/s", "TFLOP/s")
    step_time = Field("Time of the pass", "s", "ms")
    time_arithmetic = Field("  the model's own operations at the peak", "s", "ms")
    time_tile_edges = Field("  padding at the edges of tiles", "s", "ms", optional=True)
    time_kernels = Field("  arithmetic below the peak, beyond that", "s", "ms")
    time_weights = Field("  products that wait for memory", "s", "ms")
    time_elementwise = Field("  kernels other than products that wait for memory", "s", "ms")
    time_attention = Field("  attention, beyond its operations at the peak", "s", "ms")
    time_scores = Field("  attention scores written and read", "s", "ms", optional=True)
    time_floors = Field("  starting the kernels", "s", "ms")
    time_network = Field("  exchange between devices", "s", "ms", optional=True)
    time_host = Field("  host", "s", "ms")
    overhead_breakdown = Field("Share of the time by term", hidden=True, kind=dict[str, Any])
    flops = Field("Operations", "flop", "GFLOP")
    feasible = Field("Fits in memory", kind=bool)
    flash_attention = Field("Scores stay on the chip", kind=bool)
    batch_size = Field("Batch size", kind=int)
    seq_len = Field("Tokens of a sequence", optional=True, kind=int)
    tensor_parallel = Field("Devices that share each layer", kind=int)
    precision = Field("Precision", kind=str)
    compute_precision = Field("  computed in", kind=str)
    calibration = Field("Calibration", kind=str)
    efficiency_source = Field("  from", kind=str)
    notes = Field("Notes", kind=tuple[str, ...])
    would_fit = Field("What would fit", kind=tuple[str, ...])

    def waterfall(self) -> Waterfall:
        """Return the terms of the time, which add up to it, as a table.

        Examples
        --------
        >>> from mlsysim import EfficiencyModel, Hardware, Models
        >>> result = EfficiencyModel().solve(Models.Llama3_8B, Hardware.H100, phase="prefill", seq_len=2048)
        >>> list(result.waterfall().terms)[:3]
        ['arithmetic', 'tile_edges', 'kernels']
        """
        times = {name: self.plain[f"time_{name}"] for name in TERMS}
        return Waterfall({name: time for name, time in times.items() if time is not None}, self.plain["step_time"])


class Waterfall:
    """The time of a pass by what it goes to, as a table; `terms` has the seconds by name, for a plot."""

    HEADERS = ("Term", "Time", "Share", "Up to here")

    def __init__(self, terms: dict[str, float], total: float) -> None:
        self.terms, self.total = terms, total

    def rows(self) -> list[list[str]]:
        """The cells, as a reader wants them."""
        rows, sum_ = [], 0.0
        for name, time in self.terms.items():
            sum_ += time
            rows.append([TERMS[name], pretty(time, "s"), f"{time / self.total:.1%}", pretty(sum_, "s")])
        return rows

    def to_frame(self) -> Any:
        """Return the table as a pandas DataFrame with times in seconds."""
        import pandas

        rows = [{"term": name, "time": time, "share": time / self.total} for name, time in self.terms.items()]
        return pandas.DataFrame(rows)

    def __str__(self) -> str:
        return text_table(self.HEADERS, self.rows(), "<>>>")

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return html_table(self.HEADERS, self.rows(), "<>>>")


class EfficiencyModel(Solver):
    """Wall 3: MFU = F / (P·T), and what T is made of besides the model's own operations at the peak.

    T is the sum of the kernels of the pass and of the host's work. The efficiency of a product is a mean over shapes,
    those that do not fill their tiles among them: what tile edges take is a part of that loss, no further one. It is
    counted in the tile of cuBLAS that pads least, which makes it a lower bound [nvidia2023matmul].

    Examples
    --------
    >>> from mlsysim import EfficiencyModel, Hardware, Models
    >>> solve = EfficiencyModel().solve
    >>> result = solve(Models.Llama3_8B, Hardware.H100, phase="prefill", seq_len=2048)
    >>> f"{result.mfu:.0%}", f"{result.overhead_breakdown['arithmetic']:.0%}"
    ('69%', '69%')

    Without FlashAttention each score goes to memory and back, twice:

    >>> plain = solve(Models.Llama3_8B, Hardware.H100, phase="prefill", seq_len=2048, flash_attention=False)
    >>> f"{plain.mfu:.0%}", f"{plain.time_scores:.1f}"
    ('54%', '11.9 ms')
    """

    def solve(
        self,
        model: Workload,
        hardware: HardwareNode,
        batch_size: int = 1,
        precision: str = "fp16",
        *,
        phase: str | None = None,
        seq_len: int | None = None,
        tensor_parallel: int = 1,
        flash_attention: bool = True,
        host_overhead: Any = None,
        calibration: str = "fitted",
    ) -> EfficiencyResult:
        """Return which share of the peak a pass reaches, and where the rest of its time goes.

        Parameters
        ----------
        model, hardware, batch_size, precision, phase, seq_len, tensor_parallel, calibration
            As in `SingleNodeModel.solve`.
        flash_attention
            Whether the scores of attention stay on the chip. If not, they are written and read before their softmax
            and after it, by two more kernels in each layer [dao2022flashattention].
        host_overhead
            Time in which the host works and the device waits, such as ``Q_(0.5, "ms")``. By default that of a serving
            engine in a decode step, and none in other passes.

        Returns
        -------
        EfficiencyResult
            Also if the model does not fit: then `feasible` is False and `would_fit` says what would.

        Raises
        ------
        InputError, InputTypeError, UnitError, UnknownName
            For an argument of the wrong kind or an impossible value; the message names it and what is allowed.
        """
        check_model(model), check_hardware(hardware)
        if not isinstance(flash_attention, bool):
            raise InputTypeError(f"flash_attention must be True or False; got {shown(flash_attention)}")
        clock = Clock(model, hardware, precision, None, None, "operator", calibration, tensor_parallel)
        demand = clock.demand(batch_size, phase, seq_len)
        timing, phase = clock.time(batch_size, phase, seq_len), phase or model.phases[0]
        losses = _Losses(clock.kernels, clock.machine.peak, hardware.vendor == "NVIDIA")
        terms = losses.terms(timing.operators, demand.flops / tensor_parallel)
        if not flash_attention:
            heads = model.heads // tensor_parallel if isinstance(model, TransformerWorkload) else None
            terms["scores"], started = losses.scores(timing.operators, heads, element_size(precision))
            terms["floors"] += started
        terms["floors"] += hardware.plain.overhead
        terms["host"] = _host(host_overhead, phase, clock.kernels.level)
        terms = {name: terms.get(name) for name in TERMS}
        total = sum(time for time in terms.values() if time is not None)

        def account_at(batch: int, element: str) -> Account:
            other = Clock(model, hardware, element, None, None, "operator", calibration, tensor_parallel)
            asked = other.demand(batch, phase, seq_len)
            return Account.of(hardware.plain, asked.weights, asked.kv_cache, asked.live)

        account = account_at(batch_size, precision)
        about = clock.fields()
        return EfficiencyResult(
            model=model.name,
            phase=phase,
            mfu=roofline.model_flops_utilization.plain(demand.flops, clock.peak, total),
            achievable_flops=roofline.throughput.plain(demand.flops, total),
            peak_flops=clock.peak,
            step_time=total,
            **{f"time_{name}": time for name, time in terms.items()},
            overhead_breakdown={name: time / total for name, time in terms.items() if time is not None},
            flops=demand.flops,
            feasible=account.fits,
            flash_attention=flash_attention,
            batch_size=demand.samples,
            seq_len=model.default_context if seq_len is None else seq_len,
            precision=precision,
            **{name: about[name] for name in _ABOUT},
            notes=_notes(clock, timing.operators, losses.tiled, account),
            would_fit=() if account.fits else what_fits(account_at, hardware.plain, batch_size, precision),
        )


_ABOUT = ("hardware", "tensor_parallel", "compute_precision", "calibration", "efficiency_source")


class _Losses:
    """What the time of kernels is lost to, against a peak [FLOP/s] of one device."""

    def __init__(self, kernels: Calibration, peak: float, tiled: bool) -> None:
        self.kernels, self.peak, self.tiled = kernels, peak, tiled

    def terms(self, timed: tuple[Timed, ...], own: float) -> dict[str, float]:
        """The terms of some kernels, of whose operations `own` are the model's."""
        terms = dict.fromkeys(("tile_edges", "weights", "elementwise", "attention", "floors"), 0.0)
        computing = attending = 0.0
        for one in timed:
            row, runs = one.operator, one.operator.count
            if row.group > 1:
                terms["network"] = terms.get("network", 0.0) + one.total
                continue
            terms["floors"] += runs * one.overhead
            with part(row.name[0].upper() + row.name[1:]):
                useful = roofline.compute_time.plain(row.flops, self.peak)
                waits = physics.memory_wait.plain(one.memory, one.compute)
                if row.kind == "attention":
                    attending += runs * useful
                    terms["attention"] += runs * (one.compute + waits - useful)
                    continue
                computing += runs * one.compute
                terms["weights" if row.kind in _PRODUCTS else "elementwise"] += runs * waits
                if self.tiled and row.kind in _TILED and not waits:
                    terms["tile_edges"] += runs * self._edges(one, useful)
        with part("Whole pass"):
            terms["arithmetic"] = roofline.compute_time.plain(own, self.peak)
            edges = terms["tile_edges"] if self.tiled else terms.pop("tile_edges")
            terms["kernels"] = physics.arithmetic_loss.plain(computing, terms["arithmetic"] - attending, edges)
        return terms

    def _edges(self, one: Timed, useful: float) -> float:
        """Time of the padding of a product, in the tile that pads least."""
        row, tiles = one.operator, map(TILES.__getitem__, TILES.names)
        full = max(physics.tile_utilization.plain(row.m, row.n, tile.rows, tile.columns) for tile in tiles)
        return physics.padding_time.plain(full, useful, one.compute)

    def scores(self, timed: tuple[Timed, ...], heads: int | None, size: float) -> tuple[float, float]:
        """The time of writing and reading scores, and of starting the kernels that do: two more in each layer."""
        moving = started = 0.0
        for one in timed:
            row = one.operator
            if row.kind == "attention":
                of = heads or row.flops / (4 * row.m * row.n * row.k)
                with part(f"{row.name[0].upper()}{row.name[1:]} scores"):
                    moved = physics.score_bytes.plain(of, row.m, row.n, max(size, 2.0))
                kernel = Operator(f"{row.name} scores", "elementwise", inputs=moved / 2, outputs=moved / 2)
                extra = self.kernels.time(kernel)
                moving, started = moving + 2 * row.count * extra.memory, started + 2 * row.count * extra.overhead
        return moving, started


_PRODUCTS = {"gemm", "grouped_gemm", "conv", "depthwise"}
_TILED = {"gemm", "conv"}
"""Products of one matrix with another, whose tiles are known."""


def _host(given: Any, phase: str, level: str) -> float:
    """Time of the host in a pass [s]."""
    if given is not None:
        return amount("host_overhead", given, "s", zero=True)
    return universal("host_overhead") if phase == "decode" and level != "none" else 0.0


def _notes(clock: Clock, timed: tuple[Timed, ...], tiled: bool, account: Account) -> tuple[str, ...]:
    hardware, notes = clock.hardware, list(dict.fromkeys(clock.kernels.notes))
    if clock.kernels.compute_precision != clock.precision:
        computed = clock.kernels.compute_precision
        notes.append(
            f"{hardware.name} has no {clock.precision} arithmetic: {computed} computes, {clock.precision} moves"
        )
    if not tiled:
        notes.append(
            "the tiles of this device's products are not known: their edges count as arithmetic below the peak"
        )
    if hardware.plain.bandwidth is None:
        notes.append("the memory bandwidth of this device is not published: memory traffic takes no time")
    if any(one.operator.kind == "grouped_gemm" for one in timed):
        notes.append("edges of the products of experts count as arithmetic below the peak")
    if not account.fits:
        notes.append("does not fit: times are those of the device if it had the memory")
    return tuple(notes)
