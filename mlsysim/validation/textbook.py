"""Published results that the textbook level can answer: what the adapters ask kernel by kernel, as one point."""

from __future__ import annotations

from mlsysim.core.engine import Engine
from mlsysim.core.solver.node.serving import ServingModel
from mlsysim.core.solver.node.training import TrainingModel
from mlsysim.errors import InputError
from mlsysim.models.diffusion import UNetWorkload
from mlsysim.validation.adapters import serving, tinyml
from mlsysim.validation.adapters.machines import machines
from mlsysim.validation.adapters.names import device, model, precision, stated
from mlsysim.validation.records import Measurement


def predicted_time(record: Measurement) -> tuple[str, float] | None:
    """Return a metric of a record and what the roofline makes of it, in SI units; None where it cannot be asked.

    Asked are a prompt and its answer on one device, an image or a stated batch of them, a network on a microcontroller,
    a step of a network on one device.

    Examples
    --------
    >>> from mlsysim.validation.records import published
    >>> predicted_time(published("vision-inference")[0]) is None
    True
    """
    asking = {"serving": _served, "vision-inference": _seen, "tinyml": _small, "training": _trained}
    if record.domain not in asking:
        return None
    try:
        return asking[record.domain](record)
    except InputError:
        return None


def _served(record: Measurement) -> tuple[str, float] | None:
    inputs = record.inputs
    formats = {"decode_8b_f16": "fp16"}
    metric = next((name for name in ("decode_speed", *formats) if name in record.measured), None)
    if metric is None or inputs.get("tp", 1) > 1 or inputs.get("count", 1) > 1:
        return None
    network = model("llama3-8b" if metric in formats else inputs.get("model"))
    batch, answer = stated(record, "batch", "output_tokens")
    prompt = inputs.get("input_tokens") or stated(record, "prompt_tokens")[0]
    element = formats.get(metric) or precision(inputs.get("precision"))
    asked = {"kv_precision": serving.kv_precision(record)} if metric not in formats else {}
    result = ServingModel().solve(
        network, device(inputs.get("hardware")), prompt, batch, element, output_tokens=answer, **asked
    )
    return (metric, batch / result.plain["itl"]) if result.feasible else None


def _seen(record: Measurement) -> tuple[str, float] | None:
    inputs, network = record.inputs, model(record.inputs.get("model"))
    single = str(inputs.get("scenario", "")).lower() == "singlestream"
    if isinstance(network, UNetWorkload) or not (single or "batch" in inputs):
        return None
    batch = 1 if single else inputs["batch"]
    result = Engine.solve(network, device(inputs.get("hardware")), batch, precision(inputs.get("precision")))
    if not result.feasible:
        return None
    times = {"latency_mean": result.plain["latency"], "latency": result.plain["latency"]}
    times |= {"throughput": inputs.get("count", 1) * result.plain["throughput"]}
    return next(((name, time) for name, time in times.items() if name in record.measured), None)


def _small(record: Measurement) -> tuple[str, float] | None:
    found = tinyml.predict(record, "fitted")
    metric = next((name for name in tinyml.HEADLINE if not isinstance(found.get(name, ""), str)), None)
    return None if metric is None else (metric, float(found[metric].m_as("s")))


def _trained(record: Measurement) -> tuple[str, float] | None:
    if "throughput_amp" not in record.measured or machines(record).count > 1:
        return None
    (batch,) = stated(record, "microbatch_size")
    result = TrainingModel().solve(
        model(record.inputs.get("model")), machines(record).hardware, batch, precision="fp16"
    )
    return ("throughput_amp", result.plain["throughput"]) if result.feasible else None
