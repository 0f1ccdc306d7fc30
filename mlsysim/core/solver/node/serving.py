"""How a language model serves requests: the first token, each further one, and what they take of the memory."""

from __future__ import annotations

from typing import Any

from mlsysim.core.bands import judged_serving
from mlsysim.core.result import Field, Later, Result
from mlsysim.core.solver.base import Solver, check_hardware, check_model, counted
from mlsysim.core.solver.capacity import Account, what_fits_later
from mlsysim.core.solver.node.clock import Clock, notes_on
from mlsysim.core.solver.node.machine import Timing
from mlsysim.core.solver.node.speculation import Draft
from mlsysim.errors import InputError, positive_integer
from mlsysim.hardware.registry import universal
from mlsysim.hardware.types import HardwareNode
from mlsysim.models.types import Workload
from mlsysim.physics import roofline
from mlsysim.physics import serving as physics
from mlsysim.physics.collectives import transfer_time
from mlsysim.physics.elementwise import maximum, minimum, some, where
from mlsysim.physics.equation import part
from mlsysim.physics.precision import element_size
from mlsysim.units import amount


class ServingResult(Result):
    """How a language model serves a batch of equal requests."""

    judged_by = staticmethod(judged_serving)

    model = Field("Model", kind=str)
    hardware = Field("Device", kind=str)
    ttft = Field("Time to first token (TTFT), alone", "s", "ms")
    ttft_batch = Field("  of the last of a batch that comes at once", "s", "ms")
    ttft_loaded = Field("  mean, where requests come at random", "s", "ms", optional=True)
    itl = Field("Inter-token latency (ITL), one decode step", "s", "ms")
    tpot = Field("Time per output token (TPOT), served", "s", "ms", optional=True)
    host_overhead = Field("  of it the host's", "s", "ms", optional=True)
    interference = Field("  of it others' prompts", "s", "ms", optional=True)
    request_latency = Field("Latency of a request, served", "s", optional=True)
    throughput = Field("Decode throughput", "token/s")
    prefill_bottleneck = Field("Prefill limited by", kind=str)
    decode_bottleneck = Field("Decode limited by", kind=str)
    accepted_tokens = Field("Tokens of a speculative step", optional=True, kind=float)
    kv_transfer_time = Field("Sending one prompt's KV cache", "s", "ms", optional=True)
    feasible = Field("Fits in memory", kind=bool)
    total_memory_required = Field("Memory needed", "byte", "GB")
    weights_size = Field("  weights", "byte", "GB")
    kv_cache_size = Field("  KV cache", "byte", "GB")
    activations_size = Field("  activations", "byte", "GB")
    memory_capacity = Field("Memory of the device", "byte", "GB")
    memory_utilization = Field("Share of the memory needed", kind=float)
    batch_size = Field("Requests at once", kind=int)
    seq_len = Field("Tokens of a prompt", kind=int)
    output_tokens = Field("Tokens of an answer", optional=True, kind=int)
    tensor_parallel = Field("Devices that share each layer", kind=int)
    pipeline_parallel = Field("Devices that follow one another", kind=int)
    precision = Field("Precision", kind=str)
    compute_precision = Field("  computed in", kind=str)
    efficiency = Field("Efficiency of the arithmetic", kind=float)
    efficiency_source = Field("  from", kind=str)
    fidelity = Field("Fidelity", kind=str)
    calibration = Field("  calibration", optional=True, kind=str)
    notes = Field("Notes", kind=tuple[str, ...])
    would_fit = Field("What would fit", kind=tuple[str, ...])


class ServingModel(Solver):
    """Wall 4: a request to a language model has two phases, prefill and decode, each with a time of its own.

    Examples
    --------
    >>> from mlsysim import Hardware, Models, ServingModel
    >>> solve = ServingModel().solve
    >>> result = solve(Models.Llama3_8B, Hardware.H100, seq_len=2048)
    >>> result.prefill_bottleneck, result.decode_bottleneck
    ('Compute', 'Memory')

    Sixty-four users of a 70B model on four devices, whose answers have 1024 tokens:

    >>> served = solve(Models.Llama3_70B, Hardware.H100, 1024, 64, "fp8", fidelity="operator", tensor_parallel=4,
    ...                output_tokens=1024)
    >>> served.feasible, served.tpot > served.itl
    (True, True)
    """

    arrays = ("batch_size",)
    varying = (
        "ttft",
        "ttft_batch",
        "ttft_loaded",
        "itl",
        "tpot",
        "host_overhead",
        "interference",
        "request_latency",
        "throughput",
        "prefill_bottleneck",
        "decode_bottleneck",
        "feasible",
        "total_memory_required",
        "weights_size",
        "kv_cache_size",
        "activations_size",
        "memory_utilization",
    )

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
        output_tokens: int | None = None,
        fidelity: str = "roofline",
        calibration: str | None = None,
        tensor_parallel: int = 1,
        pipeline_parallel: int = 1,
        prefill_chunk: int = 8192,
        cached_tokens: int = 0,
        draft_model: Workload | None = None,
        draft_tokens: int | None = None,
        acceptance: float | None = None,
        decode_hardware: HardwareNode | None = None,
        transfer_bandwidth: Any = None,
    ) -> ServingResult:
        """Return the time to the first token, the time of each further one, and the memory that serving takes.

        The first token comes at the end of the prefill; each of the others takes one `tpot`, so that a request lasts
        TTFT + (n - 1)·TPOT.

        Parameters
        ----------
        model
            A decoder: an entry of `Models.Language`, or a workload of your own with the phases prefill and decode.
        hardware
            An entry of `Hardware`, or a device of your own.
        seq_len
            Tokens of each prompt.
        batch_size
            Requests in progress at once.
        precision, efficiency, kv_precision, fidelity, calibration, tensor_parallel
            As in `SingleNodeModel.solve`.
        output_tokens
            Tokens of each answer. With them the result has what a served request sees, `tpot`, `ttft_loaded` and
            `request_latency`; the decode step is timed at half of the answer and the memory holds the whole. Without
            them, the step is the one after the prompt.
        pipeline_parallel
            Devices, or tensor-parallel groups, that hold the layers one part each; requests go through them in as many
            groups.
        prefill_chunk
            Tokens that a pass reads at most: of a long prompt one part after the other, of short ones several
            [agrawal2024sarathi].
        cached_tokens
            Tokens at the start of each prompt whose keys and values are kept from earlier requests
            [zheng2024sglang].
        draft_model, draft_tokens, acceptance
            Speculative decoding: a small model proposes tokens, by default 4, and the large one accepts each with that
            probability [leviathan2023speculative]. It runs on one device of the group.
        decode_hardware, transfer_bandwidth
            Other devices of the same number that decode; the keys and values of each prompt are sent to them at that
            bandwidth, per direction [zhong2024distserve].

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
        seq_len, batch = positive_integer("seq_len", seq_len), counted("batch_size", batch_size)
        answer = 0 if output_tokens is None else positive_integer("output_tokens", output_tokens)
        chunk, stages = positive_integer("prefill_chunk", prefill_chunk), _stages(model, pipeline_parallel)
        if cached_tokens and positive_integer("cached_tokens", cached_tokens) >= seq_len:
            raise InputError(f"cached_tokens must be fewer than the {seq_len} tokens of a prompt; got {cached_tokens}")
        context, group = seq_len + answer // 2, -(-batch // stages)

        def clock_on(device: HardwareNode, element: str = precision) -> Clock:
            return Clock(model, device, element, kv_precision, efficiency, fidelity, calibration, tensor_parallel)

        def prompts(clock: Clock, number: int) -> Timing:
            return _prefill(clock, number, seq_len, chunk, cached_tokens)

        def memory(clock: Clock, requests: int) -> Account:
            demand = clock.demand(requests, "decode", seq_len + answer)
            live = maximum(demand.live, clock.demand(1, "prefill", min(chunk, seq_len)).live)
            extra = draft.memory(requests, seq_len + answer) if draft else (0.0, 0.0)
            kept = demand.weights / stages + extra[0], demand.kv_cache / stages + extra[1]
            return Account.of(clock.hardware.plain, *kept, live)

        reader = clock_on(hardware)
        draft = Draft.of(draft_model, draft_tokens, acceptance, decode_hardware or hardware, reader)
        writer = reader if decode_hardware is None else clock_on(check_hardware(decode_hardware))
        with part("Prefill"):
            first = prompts(reader, 1)
        with part("Prefill of all"):
            last = first if isinstance(batch, int) and batch == 1 else prompts(reader, batch)
        with part("Decode"):
            step = writer.time(group, "decode", context)
        itl, accepted = (draft.step(writer, group, context)) if draft else (step.total, None)
        with part("Between stages"):
            itl += _hops(writer, group * (1 + draft.tokens if draft else 1), stages)
            hops = _hops(reader, seq_len - cached_tokens, stages)
        sent = _sent(writer, decode_hardware, transfer_bandwidth, seq_len)
        account = memory(writer, batch)
        fits = account.fits & (writer is reader or memory(reader, 1).fits)
        alone = first.total + hops
        served = _served(writer, alone if writer is reader else 0.0, itl, batch, answer, alone)

        def memory_at(requests: int, element: str) -> Account:
            return memory(clock_on(writer.hardware, element), requests)

        def notes() -> tuple[str, ...]:
            demand = writer.demand(batch, "decode", context)
            return notes_on(model, writer, precision, demand, step.traffic, account, fits)

        values = {
            "model": model.name,
            "ttft": first.total + hops,
            "ttft_batch": last.total + hops,
            "itl": itl,
            "throughput": roofline.throughput.plain(batch, itl if served["tpot"] is None else served["tpot"]),
            "prefill_bottleneck": first.bottleneck,
            "decode_bottleneck": step.bottleneck,
            "accepted_tokens": accepted,
            "kv_transfer_time": sent,
            "total_memory_required": account.total,
            "memory_utilization": account.total / account.capacity,
            "batch_size": batch,
            "seq_len": seq_len,
            "output_tokens": output_tokens,
            "pipeline_parallel": stages,
            "precision": precision,
            "notes": Later(notes),
            "would_fit": what_fits_later(fits, memory_at, writer.hardware.plain, batch, precision),
            **served,
            **account.fields(),
            **reader.fields(),
            "feasible": fits,
        }
        return ServingResult.of(values)


def _stages(model: Workload, degree: int) -> int:
    degree = positive_integer("pipeline_parallel", degree)
    if degree > 1 and model.layers % degree:
        allowed = ", ".join(str(by) for by in range(1, model.layers + 1) if model.layers % by == 0)
        raise InputError(
            f"pipeline_parallel must divide the {model.layers} layers of {model.name}; got {degree}. Allowed: {allowed}"
        )
    return degree


def _hops(clock: Clock, tokens: int, stages: int) -> float:
    """Time in which the activations of some tokens go from stage to stage over the links of a node."""
    if stages == 1:
        return 0.0
    link = clock.hardware.interconnect or clock.hardware.host
    if link is None:
        raise InputError(f"{clock.hardware.name} has no link recorded: pipeline_parallel must be 1")
    message = tokens * clock.model.hidden * max(element_size(clock.precision), 2.0)
    return (stages - 1) * transfer_time.plain(message, float(link.bandwidth.m_as("byte/s")), 0.0)


def _prefill(clock: Clock, number: Any, seq_len: int, chunk: int, cached: int) -> Timing:
    """The passes that read some prompts: several in a pass, or each in several, none over `chunk` tokens."""
    new = seq_len - cached
    if new > chunk:
        starts = range(cached, seq_len, chunk)
        times = [(number, clock.time(1, "prefill", min(start + chunk, seq_len), start)) for start in starts]
    else:
        together = minimum(number, chunk // new)
        full, rest = number // together, number % together
        times = [(full, clock.time(together, "prefill", seq_len, cached))]
        if isinstance(number, int) and full == 1 and not rest:
            return times[0][1]
        if some(rest > 0):
            times.append((where(rest > 0, 1, 0), clock.time(maximum(rest, 1), "prefill", seq_len, cached)))
    longest = times[0][1] if new <= chunk else max((time for _, time in times), key=lambda time: time.total)
    return longest._replace(total=sum(runs * time.total for runs, time in times))


def _sent(clock: Clock, decode_hardware: HardwareNode | None, bandwidth: Any, seq_len: int) -> float | None:
    """Time of sending the keys and values of one prompt to the devices that decode."""
    if decode_hardware is None:
        if bandwidth is not None:
            raise InputError("transfer_bandwidth needs decode_hardware: without it nothing is sent")
        return None
    if bandwidth is None:
        raise InputError("decode_hardware needs transfer_bandwidth, at which keys and values are sent to it")
    plain = amount("transfer_bandwidth", bandwidth, "byte/s")
    cache = clock.demand(1, "decode", seq_len).kv_cache * clock.tensor_parallel
    return transfer_time.plain(cache, plain, 0.0)


def _served(clock: Clock, met: float, step: float, batch: int, answer: int, prefill: float) -> dict[str, Any]:
    """What a request sees that shares its device; `met` is the prefill that a decode step may have to wait for."""
    names = "tpot", "host_overhead", "interference", "ttft_loaded", "request_latency"
    if not answer:
        return dict.fromkeys(names)
    timed = clock.fidelity == "operator" and clock.kernels.level != "none"
    host = universal("host_overhead") if timed else 0.0
    tpot = physics.served_time_per_token.plain(step, host, batch, answer, met)
    share = physics.prefill_share.plain(batch, prefill, answer, step, host)
    loaded = physics.loaded_time_to_first_token.plain(prefill, where(met > 0, step, 0.0), 1 - share)
    values = tpot, host, tpot - step - host, loaded, loaded + (answer - 1) * tpot
    return dict(zip(names, values, strict=True))
