"""Served language models: requests at a concurrency, a queue of them, one alone."""

from __future__ import annotations

import re
from functools import partial
from typing import Any

from mlsysim.core.solver.node.batching import ContinuousBatchingModel
from mlsysim.core.solver.node.serving import ServingModel, ServingResult
from mlsysim.units import Quantity
from mlsysim.validation.adapters import CALIBRATION
from mlsysim.validation.adapters.names import NotStated, device, model, precision, stated
from mlsysim.validation.adapters.passes import largest, one_pass
from mlsysim.validation.records import Measurement

HEADLINE = (
    "tpot",
    "itl",
    "output_throughput",
    "decode_speed",
    "decode_8b_f16",
    "decode_8b_q4km",
    "token_throughput",
    "throughput",
    "latency_mean",
    "ttft",
)

_ENGINES = {"llama.cpp": re.compile(r"(?P<phase>decode|prefill)_(?P<size>\d+b)_(?P<format>\w+)")}
_NARROW = {"f16": "fp16"}
_NO_LENGTHS = "the record does not state how many tokens the prompts have"
_QUEUED = "all requests queued at once (offline)"


def predict(record: Measurement, level: str) -> dict[str, Any]:
    """Return our times and rates of serving, by the arrival of requests that a record states."""
    inputs = record.inputs
    if "concurrency" in inputs:
        return _at_concurrency(record, level)
    if inputs.get("arrival") == _QUEUED:
        return _queue(record, level)
    if inputs.get("engine") == "llama.cpp":
        return _prompt_and_answer(record, level)
    if "batch" in inputs:
        return _alone(record, level)
    if model(inputs.get("model")).phases[0] == "encode" and "mean_unpadded_tokens" in inputs:
        return _read(record, level)
    precision(inputs.get("precision"))
    raise NotStated(_NO_LENGTHS)


def kv_precision(record: Measurement) -> str:
    """Return the format of the KV cache.

    It is that of the record; where it states none, TensorRT-LLM keeps the cache of an fp8 model in fp8, and vLLM in 16
    bits.
    """
    stated_format = record.inputs.get("kv_cache_precision")
    if stated_format is not None:
        return precision(stated_format)
    narrow = record.inputs.get("engine") == "trtllm" and record.inputs.get("precision") == "fp8"
    return "fp8" if narrow else "bf16"


def served(record: Measurement, level: str, batch: int | None = None) -> ServingResult:
    """Return what a served request sees where so many are in progress, by default the concurrency of the record."""
    prompt, answer = stated(record, "input_tokens", "output_tokens")
    return ServingModel().solve(
        model(record.inputs.get("model")),
        device(record.inputs.get("hardware")),
        prompt,
        batch or stated(record, "concurrency")[0],
        precision(record.inputs.get("precision")),
        output_tokens=answer,
        tensor_parallel=_group(record),
        kv_precision=kv_precision(record),
        fidelity="operator",
        calibration=CALIBRATION[level],
    )


def _group(record: Measurement) -> int:
    inputs = record.inputs
    return inputs.get("tensor_parallel") or inputs.get("tp", 1)


def _of(record: Measurement, known: dict[str, Any], other: str) -> dict[str, Any]:
    """The metrics of a record: those that are known, and for the others the same reason."""
    return {name: known.get(name, other) for name in record.measured}


def _at_concurrency(record: Measurement, level: str) -> dict[str, Any]:
    result = served(record, level)
    if not result.feasible:
        return dict.fromkeys(record.measured, "the requests do not fit in the memory of the devices")
    rate = result.plain["throughput"]
    known = {
        "tpot": result.tpot,
        "itl": result.tpot,
        "ttft": result.ttft_loaded,
        "latency": result.request_latency,
        "request_latency": result.request_latency,
        "output_throughput": Quantity(rate, "token/s"),
        "throughput_per_device": Quantity(rate / _group(record), "token/s"),
    }
    return _of(record, known, "ServingModel has no such figure")


def _queue(record: Measurement, level: str) -> dict[str, Any]:
    """Requests that wait from the start: as many as memory holds at once, one filling after the other."""
    requests, prompt, answer, used, devices = stated(
        record, "num_requests", "input_tokens", "output_tokens", "kv_cache_free_gpu_mem_fraction", "count"
    )
    held = ContinuousBatchingModel().solve(
        model(record.inputs.get("model")),
        device(record.inputs.get("hardware")),
        prompt,
        requests,
        precision=precision(record.inputs.get("precision")),
        output_tokens=answer,
        tensor_parallel=_group(record),
        kv_precision=kv_precision(record),
        fidelity="operator",
        calibration=CALIBRATION[level],
        memory_utilization=used,
    )
    batch = held.max_active_requests
    if not batch:
        return dict.fromkeys(record.measured, "not one request fits in the memory of the devices")
    fillings, rest = divmod(requests, batch)
    time = fillings * _filling(record, level, batch) + (_filling(record, level, rest) if rest else 0.0)
    rate = devices / _group(record) * requests * answer / time
    return _of(record, {"output_throughput": Quantity(rate, "token/s")}, "a queue has no such figure")


def _filling(record: Measurement, level: str, batch: int) -> float:
    """Time in which a batch is read, prompts packed into passes, and answered [s]."""
    plain = served(record, level, batch).plain
    return plain["ttft_batch"] + (record.inputs["output_tokens"] - 1) * (plain["itl"] + plain["host_overhead"])


def _alone(record: Measurement, level: str) -> dict[str, Any]:
    """A batch that a program without a server generates for: no host works between two steps."""
    batch, answer = stated(record, "batch", "output_tokens")
    result = served(record, level, batch)
    plain = result.plain
    if not result.feasible:
        return dict.fromkeys(record.measured, "it does not fit in the memory of the devices")
    rate = batch * answer / (plain["ttft_batch"] + (answer - 1) * plain["itl"])
    known = {
        "decode_speed": Quantity(rate, "token/s"),
        "achieved_bandwidth_per_gpu": Quantity(rate / batch * plain["weights_size"], "byte/s"),
    }
    if model(record.inputs.get("model")).experts:
        known.pop("achieved_bandwidth_per_gpu")
    return _of(record, known, "a batch alone has no such figure")


def _prompt_and_answer(record: Measurement, level: str) -> dict[str, Any]:
    """llama.cpp: how fast a prompt is read, and how fast an answer is written."""
    return {name: _speed(record, level, name) for name in record.measured}


def _speed(record: Measurement, level: str, metric: str) -> Any:
    named = _ENGINES["llama.cpp"].fullmatch(metric)
    if named is None:
        return f"{metric} names no phase, size and format"
    if named["format"] not in _NARROW:
        return f"the package has no format {named['format']!r}, whose weights have scales by block"
    prompt, answer, batch = stated(record, "prompt_tokens", "output_tokens", "batch")
    solve = partial(ServingModel().solve, model(f"llama3-{named['size']}"), device(record.inputs.get("hardware")))
    result = solve(
        prompt,
        batch,
        _NARROW[named["format"]],
        output_tokens=answer,
        fidelity="operator",
        calibration=CALIBRATION[level],
    )
    if not result.feasible:
        return "it does not fit in the memory of the device"
    rate = prompt / result.plain["ttft"] if named["phase"] == "prefill" else 1 / result.plain["itl"]
    return Quantity(batch * rate, "token/s")


def _read(record: Measurement, level: str) -> dict[str, Any]:
    """An encoder that reads texts, whose mean length the record states, with no padding."""
    inputs = record.inputs
    length = re.search(r"\d+", str(inputs["mean_unpadded_tokens"]))
    if length is None:
        raise NotStated(_NO_LENGTHS)
    asked = model(inputs.get("model")), device(inputs.get("hardware"))
    element, words = precision(inputs.get("precision")), {"seq_len": int(length[0])}
    known: dict[str, Any] = {}
    if inputs.get("scenario") == "Offline":
        rate = largest(*asked, element, level, **words).throughput
        known["throughput"] = inputs.get("count", 1) * rate
    if inputs.get("scenario") == "SingleStream":
        known["latency_mean"] = one_pass(*asked, 1, element, level, **words).latency
    return _of(record, known, "how latencies spread, or what a bound on them costs, is not predicted")
