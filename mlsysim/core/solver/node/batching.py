"""Continuous batching: how many requests share a device, in pages of memory and under a target of latency."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from mlsysim.core.bands import judged_batching
from mlsysim.core.result import Field, Result
from mlsysim.core.solver.base import Solver, check_hardware, check_model
from mlsysim.core.solver.capacity import Account, what_fits
from mlsysim.core.solver.node.clock import Clock
from mlsysim.core.solver.node.serving import ServingModel, ServingResult
from mlsysim.errors import InputError, InputTypeError, fraction, positive_integer, shown
from mlsysim.hardware.types import HardwareNode
from mlsysim.models.transformer import TransformerWorkload
from mlsysim.models.types import Workload
from mlsysim.physics import paging
from mlsysim.physics.equation import part, unrecorded
from mlsysim.tables import html_table, text_table
from mlsysim.units import amount, pretty


class ContinuousBatchingResult(Result):
    """How many requests an engine with a paged KV cache serves at once, how fast, and what limits their number."""

    judged_by = staticmethod(judged_batching)

    model = Field("Model", kind=str)
    hardware = Field("Device", kind=str)
    feasible = Field("Fits in memory", kind=bool)
    max_active_requests = Field("Requests at once", kind=int)
    bottleneck = Field("  limited by", kind=str)
    memory_batch = Field("  that memory holds", kind=int)
    latency_batch = Field("  that meet the target of latency", optional=True, kind=int)
    contiguous_batch = Field("  that memory held with the whole context reserved for each", kind=int)
    throughput_tokens_per_sec = Field("Throughput", "token/s", kind=float | None)
    ttft = Field("Time to first token (TTFT), alone", "s", "ms", kind=float | None)
    itl = Field("Inter-token latency (ITL), one decode step", "s", "ms", kind=float | None)
    tpot = Field("Time per output token (TPOT), served", "s", "ms", optional=True)
    target_itl = Field("  target", "s", "ms", optional=True)
    decode_bottleneck = Field("Decode limited by", kind=str | None)
    speedup_vs_static = Field("Speed-up against static batches", optional=True, kind=float)
    kv_pages = Field("Pages of the KV cache", kind=int)
    request_pages = Field("  of a request", kind=int)
    paged_kv_cache_size = Field("KV cache in use", "byte", "GB")
    memory_fragmentation_pct = Field("Lost in the last page of a request [%]", kind=float)
    contiguous_fragmentation_pct = Field("  with the whole context reserved [%]", kind=float)
    weights_size = Field("Weights", "byte", "GB")
    activations_size = Field("Activations", "byte", "GB")
    memory_capacity = Field("Memory of the device", "byte", "GB")
    memory_utilization = Field("  share that the engine uses", kind=float)
    seq_len = Field("Tokens of a prompt", kind=int)
    output_tokens = Field("Tokens of an answer", optional=True, kind=int)
    page_size = Field("Tokens of a page", kind=int)
    tensor_parallel = Field("Devices that share each layer", kind=int)
    precision = Field("Precision", kind=str)
    compute_precision = Field("  computed in", kind=str)
    efficiency = Field("Efficiency of the arithmetic", kind=float)
    efficiency_source = Field("  from", kind=str)
    fidelity = Field("Fidelity", kind=str)
    calibration = Field("  calibration", optional=True, kind=str)
    points = Field("Throughput and latency by batch", hidden=True, kind=tuple[dict[str, Any], ...])
    notes = Field("Notes", kind=tuple[str, ...])
    would_fit = Field("What would fit", kind=tuple[str, ...])

    def curve(self) -> Curve:
        """Return throughput and latency at growing batches, up to the largest that memory holds.

        Examples
        --------
        >>> from mlsysim import ContinuousBatchingModel, Hardware, Models
        >>> curve = ContinuousBatchingModel().solve(Models.Llama3_8B, Hardware.H100).curve()
        >>> [point["batch"] for point in curve.points][-3:]
        [64, 128, 226]
        """
        return Curve(self.plain["points"])


class Curve:
    """Throughput against latency as the batch grows, as a table."""

    HEADERS = ("Requests", "Time between tokens", "Throughput", "KV cache", "Decode limited by")

    def __init__(self, points: tuple[dict[str, Any], ...]) -> None:
        self.points = points

    def rows(self) -> list[list[str]]:
        """The cells, as a reader wants them."""
        return [
            [
                str(point["batch"]),
                pretty(point["itl"], "s"),
                pretty(point["throughput"], "token/s"),
                pretty(point["kv_cache"], "byte"),
                point["bottleneck"],
            ]
            for point in self.points
        ]

    def to_frame(self) -> Any:
        """Return the table as a pandas DataFrame in seconds, bytes and tokens a second."""
        import pandas

        return pandas.DataFrame(self.points)

    def __str__(self) -> str:
        return text_table(self.HEADERS, self.rows(), ">>>><")

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return html_table(self.HEADERS, self.rows(), ">>>><")


class ContinuousBatchingModel(Solver):
    """Wall 5: requests share each reading of the weights, as many as memory holds and a target of latency allows.

    The KV cache of a request lies in pages, B = floor(N / n) of them fit at once [kwon2023pagedattention], and a place
    that is done is filled again before the next step [yu2022orca].

    Examples
    --------
    >>> from mlsysim import ContinuousBatchingModel, Hardware, Models, Q_
    >>> solve = ContinuousBatchingModel().solve
    >>> result = solve(Models.Llama3_8B, Hardware.H100, seq_len=2048)
    >>> result.max_active_requests, result.bottleneck, f"{result.memory_fragmentation_pct:.2f}"
    (226, 'Memory', '0.00')

    With at most 10 ms between two tokens:

    >>> bounded = solve(Models.Llama3_8B, Hardware.H100, seq_len=2048, target_itl=Q_(10, "ms"))
    >>> bounded.max_active_requests, bounded.bottleneck, f"{bounded.itl:.1f}"
    (63, 'Latency', '10.0 ms')
    """

    def solve(
        self,
        model: Workload,
        hardware: HardwareNode,
        seq_len: int = 2048,
        max_batch_size: int | None = None,
        page_size: int = 16,
        precision: str = "fp16",
        efficiency: float | None = None,
        *,
        kv_precision: str | None = None,
        output_tokens: int | None = None,
        output_lengths: Sequence[int] | None = None,
        target_itl: Any = None,
        fidelity: str = "roofline",
        calibration: str | None = None,
        tensor_parallel: int = 1,
        memory_utilization: float = 0.9,
        prefill_chunk: int = 8192,
    ) -> ContinuousBatchingResult:
        """Return the largest batch for a memory and a target of latency, and what it makes.

        Parameters
        ----------
        model
            A transformer that decodes: an entry of `Models.Language`, or a workload of your own.
        hardware
            An entry of `Hardware`, or a device of your own.
        seq_len
            Tokens of each prompt.
        max_batch_size
            Requests that the engine takes at most; by default as many as fit.
        page_size
            Tokens of a page; 16 is the default of vLLM [kwon2023pagedattention].
        precision, efficiency, kv_precision, fidelity, calibration, tensor_parallel
            As in `SingleNodeModel.solve`.
        output_tokens
            Tokens of each answer, as in `ServingModel.solve`: memory then holds prompt and answer of each request, and
            the time between tokens is `tpot`, with the host's work and others' prompts.
        output_lengths
            Tokens of the answers of some typical requests, for `speedup_vs_static` alone: a static batch, drawn from
            them at random, runs until its longest answer ends.
        target_itl
            Most time between two tokens of a request, such as ``Q_(20, "ms")``.
        memory_utilization
            Share of the memory that the engine uses, in (0, 1]; 0.9 is the default of vLLM [vllm2024engine].
        prefill_chunk
            As in `ServingModel.solve`.

        Returns
        -------
        ContinuousBatchingResult
            Also if no request fits: then `feasible` is False and `would_fit` says what would. If one request alone
            misses the target, `max_active_requests` is 0, too, and a note says by how much.

        Raises
        ------
        InputError, InputTypeError, UnitError, UnknownName
            For an argument of the wrong kind or an impossible value; the message names it and what is allowed.
        """
        check_model(model), check_hardware(hardware)
        if not isinstance(model, TransformerWorkload) or "prefill" not in model.phases:
            raise InputError(f"model must be a transformer that decodes, whose KV cache is paged; got {model.name}")
        seq_len, page_size = positive_integer("seq_len", seq_len), positive_integer("page_size", page_size)
        answer = 0 if output_tokens is None else positive_integer("output_tokens", output_tokens)
        cap = None if max_batch_size is None else positive_integer("max_batch_size", max_batch_size)
        target = None if target_itl is None else amount("target_itl", target_itl, "s")
        lengths, used = _lengths(output_lengths), fraction("memory_utilization", memory_utilization)
        chunk = min(seq_len, positive_integer("prefill_chunk", prefill_chunk))
        if hardware.plain.flash_capacity is not None:
            raise InputError(f"hardware must hold weights and KV cache in one memory; {hardware.name} has two")
        clock = Clock(model, hardware, precision, kv_precision, efficiency, fidelity, calibration, tensor_parallel)

        def memory(element: str) -> _Pages:
            other = Clock(model, hardware, element, kv_precision, efficiency, fidelity, calibration, tensor_parallel)
            return _Pages(other, seq_len + answer, chunk, page_size, used)

        def served(batch: int) -> ServingResult:
            return ServingModel().solve(
                model,
                hardware,
                seq_len,
                batch,
                precision,
                efficiency,
                kv_precision=kv_precision,
                output_tokens=output_tokens,
                fidelity=fidelity,
                calibration=calibration,
                tensor_parallel=tensor_parallel,
                prefill_chunk=prefill_chunk,
            )

        def between_tokens(batch: int) -> float:
            result = served(batch).plain
            return result["tpot"] or result["itl"]

        with part("Memory"):
            pages = memory(precision)
        with unrecorded():
            held = _largest(lambda batch: pages.requests(batch) >= batch, pages.requests(1))
            most = held if cap is None else min(held, cap)
            active = most if target is None else _largest(lambda batch: between_tokens(batch) <= target, most)
            points = tuple(_point(served(batch).plain, batch, pages) for batch in _batches(most, active))
        with part("Memory"):
            pages.requests(max(held, 1))
            fragmentation, contiguous = pages.fragmentation(), pages.contiguous(max(held, 1))
            unused, account = pages.unused_context(), pages.account(max(active, 1))
        result = served(active).plain if active else None
        times = ("ttft", "itl", "tpot", "decode_bottleneck")
        return ContinuousBatchingResult(
            model=model.name,
            feasible=held > 0,
            max_active_requests=active,
            bottleneck=_limit(held, most, active),
            memory_batch=held,
            latency_batch=None if target is None or not held else active,
            contiguous_batch=int(contiguous),
            throughput_tokens_per_sec=result and result["throughput"],
            **{name: result and result[name] for name in times},
            target_itl=target,
            speedup_vs_static=_speedup(lengths, active),
            kv_pages=int(pages.number(max(held, 1))),
            request_pages=int(pages.each),
            paged_kv_cache_size=pages.cache(active),
            memory_fragmentation_pct=100 * fragmentation,
            contiguous_fragmentation_pct=100 * unused,
            weights_size=account.weights,
            activations_size=account.live,
            memory_capacity=hardware.plain.capacity,
            memory_utilization=used,
            seq_len=seq_len,
            output_tokens=output_tokens,
            page_size=page_size,
            precision=precision,
            **clock.fields(),
            points=points,
            notes=_notes(model, result, points, target),
            would_fit=()
            if held
            else what_fits(lambda batch, element: memory(element).account(batch), hardware.plain, 1, precision),
        )


class _Pages:
    """The memory of a device that serves requests of one length, in pages."""

    def __init__(self, clock: Clock, tokens: int, chunk: int, page_size: int, used: float) -> None:
        self.clock, self.tokens, self.page_size, self.used = clock, tokens, page_size, used
        self.longest = clock.model.max_context
        alone = clock.demand(1, "decode", tokens)
        self.weights, self.token_bytes = alone.weights, alone.kv_cache / tokens
        self.workspace = clock.demand(1, "prefill", chunk).live
        self.each = paging.request_pages.plain(tokens, page_size)

    def _room(self, batch: int) -> tuple[float, ...]:
        live = max(self.workspace, self.clock.demand(batch, "decode", self.tokens).live)
        return self.clock.hardware.plain.capacity, self.used, self.weights, live

    def number(self, batch: int) -> float:
        """Pages beside the weights and the activations of a batch."""
        return paging.cache_pages.plain(*self._room(batch), self.token_bytes, self.page_size)

    def requests(self, batch: int) -> float:
        """Requests that fit beside the activations of a batch."""
        return paging.paged_requests.plain(self.number(batch), self.each)

    def contiguous(self, batch: int) -> float:
        """Requests that would fit if each had the memory of the longest context."""
        whole = self.clock.demand(1, "decode", self.longest).kv_cache / self.longest
        return paging.cache_pages.plain(*self._room(batch), whole, self.longest)

    def fragmentation(self) -> float:
        """Share of the pages of a request in which no token lies."""
        return paging.fragmentation.plain(self.tokens, self.each, self.page_size)

    def unused_context(self) -> float:
        """Share of a whole context that a request leaves empty."""
        return paging.fragmentation.plain(self.tokens, 1, self.longest)

    def cache(self, batch: int) -> float:
        """Pages of some requests [byte]."""
        return batch * self.each * self.page_size * self.token_bytes

    def account(self, batch: int) -> Account:
        """The memory that some requests need, and the part of the device that the engine uses."""
        capacity, used, weights, live = self._room(batch)
        total = Account.of(self.clock.hardware.plain, weights, self.cache(batch), live)
        return total._replace(capacity=used * capacity, fits=total.total <= used * capacity)


def _largest(holds: Callable[[int], bool], most: float) -> int:
    """The largest whole number up to a limit for which something holds that fails from some number on; 0 if none."""
    low, high = 0, int(most) + 1
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if holds(middle) else (low, middle)
    return low


def _batches(most: int, active: int) -> list[int]:
    """Powers of two up to the largest batch, that batch, and the one that meets the target."""
    return sorted({2**power for power in range(most.bit_length())} | ({most, active} - {0}))


def _point(result: Any, batch: int, pages: _Pages) -> dict[str, Any]:
    return {
        "batch": batch,
        "itl": result["tpot"] or result["itl"],
        "throughput": result["throughput"],
        "kv_cache": pages.cache(batch),
        "bottleneck": result["decode_bottleneck"],
    }


def _limit(held: int, most: int, active: int) -> str:
    """What keeps the number of requests from growing."""
    if not held:
        return "Capacity"
    if active < most:
        return "Latency"
    return "max_batch_size" if most < held else "Memory"


def _lengths(given: Any) -> list[int] | None:
    """Answers' lengths, sorted."""
    if given is None:
        return None
    if isinstance(given, str) or not hasattr(given, "__iter__"):
        raise InputTypeError(f"output_lengths must be a sequence of whole numbers; got {shown(given)}")
    lengths = sorted(positive_integer("output_lengths", length) for length in given)
    if not lengths:
        raise InputError("output_lengths must have at least one length; got none")
    return lengths


def _speedup(lengths: list[int] | None, batch: int) -> float | None:
    """The gain over batches drawn from some lengths at random that run until their longest answer ends."""
    if lengths is None or not batch:
        return None
    number = len(lengths)
    longest = sum(
        length * ((at / number) ** batch - ((at - 1) / number) ** batch) for at, length in enumerate(lengths, 1)
    )
    return paging.static_batching_speedup.plain(longest, sum(lengths) / number)


def _notes(model: TransformerWorkload, result: Any, points: Any, target: float | None) -> tuple[str, ...]:
    if not points:
        return ("not one request fits beside the weights in the memory that the engine uses",)
    notes = list(result["notes"]) if result else []
    if not result:
        alone, wanted = pretty(points[0]["itl"], "s"), pretty(target, "s")
        notes.append(f"one request alone takes {alone} for a token, longer than the target of {wanted}")
    if model.local_layers:
        notes.append("pages count the tokens that a layer keeps on average: layers with a window free the others")
    return tuple(notes)
