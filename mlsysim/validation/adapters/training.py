"""Training runs: the step of a transformer on a fleet, of a network of layers on one device."""

from __future__ import annotations

from typing import Any

from mlsysim.core.solver.fleet.distributed import DistributedModel, DistributedResult
from mlsysim.units import Quantity
from mlsysim.validation.adapters import CALIBRATION
from mlsysim.validation.adapters.fleets import UNKNOWN_PEAK, fleet_of
from mlsysim.validation.adapters.names import NotStated, device, model, stated
from mlsysim.validation.adapters.passes import step_time
from mlsysim.validation.adapters.recipes import completed
from mlsysim.validation.adapters.runs import options, transformer
from mlsysim.validation.records import Measurement

HEADLINE = (
    "iteration_time",
    "median_step_time",
    "tokens_per_s_per_gpu",
    "tokens_per_s_per_chip",
    "throughput",
    "mfu",
    "mfu_megatron_lm",
    "achieved_tflops_per_gpu",
    "achieved_tflops_per_chip",
    "combined",
    "throughput_amp",
    "time_to_train",
    "peak_memory_per_gpu",
)

_MEMORY = ("peak_memory_per_gpu", "max_gpu_memory")

_NO_FIGURE = "no solver has such a figure"
_TECHNIQUES = {
    "baseline-no-recompute": ("none", False),
    "sequence-parallel": ("none", True),
    "full-recompute": ("full", False),
    "selective-recompute": ("selective", False),
    "selective-plus-sequence": ("selective", True),
}
"""Recomputation, and whether the norms are divided, by what [korthikanti2023reducing] calls the two."""


def predict(record: Measurement, level: str) -> dict[str, Any]:
    """Return our step times and what follows from them."""
    record = completed(record)
    if "layers" not in record.inputs and "fwd_gmacs" in record.inputs:
        return _layered(record, level)
    if "technique" in record.inputs:
        return _one_layer(record, level)
    known, other = _figures(record, _run(record, level)), _NO_FIGURE
    if record.hardware in UNKNOWN_PEAK:
        if record.inputs.get("pp", 1) > 1:
            stated(record, "microbatch_size")
        known = {name: known[name] for name in _MEMORY}
        other = "the peak of the device, whose power is capped, is not published"
    return {name: known.get(name, other) for name in record.measured}


def _run(record: Measurement, level: str, **changed: Any) -> DistributedResult:
    chosen = options(record) | {"calibration": CALIBRATION[level]} | changed
    if level != "fitted":
        chosen.pop("attention_kernel", None)  # what a generation reached is a timing
    network = chosen.pop("model", None) or transformer(record)
    return DistributedModel().solve(network, fleet_of(record), **chosen)


def _figures(record: Measurement, result: DistributedResult) -> dict[str, Any]:
    plain, inputs = result.plain, record.inputs
    step, devices = plain["step_latency_total"], plain["devices"]
    tokens = plain["effective_throughput"]
    rate = plain["flops"] / step / devices
    executed = rate * plain["hfu"] / plain["mfu"]
    peak = inputs.get("peak_tflops_per_gpu")
    share, executed_share = (x / (peak * 1e12) for x in (rate, executed)) if peak else (plain["mfu"], plain["hfu"])
    counted = rate if "mfu" in record.measured else executed
    known = {
        "iteration_time": Quantity(step, "s"),
        "median_step_time": Quantity(step, "s"),
        "tokens_per_s_per_gpu": Quantity(tokens / devices, "token/s"),
        "tokens_per_s_per_chip": Quantity(tokens / devices, "token/s"),
        "throughput": Quantity(tokens, "token/s"),
        "median_throughput_logged": Quantity(tokens, "token/s"),
        "mfu": Quantity(share, "dimensionless"),
        "mfu_megatron_lm": Quantity(share, "dimensionless"),
        "hfu": Quantity(executed_share, "dimensionless"),
        "percent_of_peak": Quantity(executed_share, "dimensionless"),
        "model_tflops_per_gpu": Quantity(rate, "flop/s"),
        "achieved_tflops_per_gpu": Quantity(counted, "flop/s"),
        "achieved_tflops_per_chip": Quantity(counted, "flop/s"),
        "aggregate_pflops": Quantity(counted * devices, "flop/s"),
        "peak_memory_per_gpu": result.memory_footprint,
        "max_gpu_memory": result.memory_footprint,
    }
    for name, trained in {"training_days_300b_tokens": "tokens", "stage_days": "tokens"}.items():
        if trained in inputs:
            known[name] = Quantity(inputs[trained] / tokens, "s")
    if "tokens_to_target" in inputs:
        known["time_to_train"] = Quantity(inputs["tokens_to_target"] / tokens, "s")
    return known


def _one_layer(record: Measurement, level: str) -> dict[str, Any]:
    """The two passes of one layer: what a step of two layers takes longer than one of one."""
    technique, batch = stated(record, "technique", "microbatch_size")
    if technique not in _TECHNIQUES:
        raise NotStated(f"no technique {technique!r} of [korthikanti2023reducing] is known")
    recompute, divided = _TECHNIQUES[technique]
    network = transformer(record, vocab=1)  # the embedding and the head are in both steps, and fall out
    times = []
    for layers in (1, 2):
        plain = _run(
            record,
            level,
            model=network.model_copy(update={"layers": layers}),
            recompute=recompute,
            sequence_parallel=divided,
            batch_size=batch,
        ).plain
        again = plain["step_recompute"] or 0.0
        times.append(plain["step_compute"] + again + plain["tp_communication_latency"])
    other = "the two passes of a layer are not told apart"
    known = {"combined": Quantity(times[1] - times[0], "s")}
    return {name: known.get(name, other) for name in record.measured}


def _layered(record: Measurement, level: str) -> dict[str, Any]:
    """A network of layers that PyTorch trains eagerly on one device; `throughput_amp` is in 16 bits."""
    (devices,) = stated(record, "count")
    if devices > 1:
        raise NotStated("a fleet trains transformers only: how networks of layers share the work is not modelled")
    (batch,) = stated(record, "microbatch_size")
    formats = {"throughput_amp": "fp16", "throughput_tf32": "tf32", "throughput_fp32": "fp32"}
    network = model(record.inputs.get("model")).model_copy(update={"fused": False})
    asked = network, device(record.inputs.get("hardware")), batch
    known = {
        name: Quantity(batch / step_time(*asked, element, level), "1/s")
        for name, element in formats.items()
        if name in record.measured
    }
    return {name: known.get(name, _NO_FIGURE) for name in record.measured}
