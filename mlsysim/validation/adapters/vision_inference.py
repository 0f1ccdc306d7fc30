"""Networks that see: images one after the other, all at once, or in batches of a stated size."""

from __future__ import annotations

import re
from typing import Any

from mlsysim.models.convolutional import CNNWorkload
from mlsysim.models.diffusion import UNetWorkload
from mlsysim.units import Quantity
from mlsysim.validation.adapters.names import NotStated, device, model, precision, stated
from mlsysim.validation.adapters.passes import bounded, largest, one_pass
from mlsysim.validation.records import Measurement

HEADLINE = ("throughput", "scheduled_throughput", "latency_mean", "latency", "step_time", "fps_batch8", "fps_batch1")

_TOLERANCE = 0.05
"""Share by which the arithmetic that a record states may differ from that of our network of the same name."""

_EAGER = re.compile(r"(^|-)pt\d+(?!.*(dynamo|inductor|compile|jit))")
"""What a framework is called that is PyTorch and no compiler [wightman2019timm]."""

_BOUNDS = {"ResNet-50 v1.5": 15e-3}
"""From arrival to answer, of 99 % of the images that arrive at random in MLPerf's server scenario [s]
[mlcommons2023conf]."""

_OTHERWISE = {
    "avg_system_power": "power at the wall is that of the whole system, whose other parts the record does not state",
    "energy_per_sample": "energy at the wall is that of the whole system, whose other parts the record does not state",
    "latency_p90": "how latencies spread is not predicted",
    "scheduled_throughput": "the bound on the latency of this rate is not stated",
}


def predict(record: Measurement, level: str) -> dict[str, Any]:
    """Return our rates and latencies of a network, by the scenario or the batch that a record states."""
    inputs = record.inputs
    network = _network(record)
    board = device(inputs.get("hardware"))
    asked = network, board, _format(inputs.get("precision"))
    if board.memory.bandwidth is None:
        raise NotStated(f"the bandwidth of the memory of {board.name} is not published: its peak alone is a bound")
    devices, known = inputs.get("count", 1), dict[str, Any]()
    scenario = str(inputs.get("scenario", "")).lower()
    if isinstance(network, UNetWorkload):
        known |= _diffusion(record, asked, level, scenario, devices)
    elif scenario == "offline" and "throughput" in record.measured:
        known["throughput"] = devices * largest(*asked, level).throughput
    elif scenario == "server" and network.name in _BOUNDS:
        known["scheduled_throughput"] = devices * bounded(*asked, level, _BOUNDS[network.name]).throughput
    elif scenario == "singlestream":
        known["latency_mean"] = one_pass(*asked[:2], 1, asked[2], level).latency
    elif "batch" in inputs:
        result = one_pass(*asked[:2], inputs["batch"], asked[2], level)
        if not result.feasible:
            raise NotStated(f"{network.name} does not fit on {asked[1].name} in batches of {inputs['batch']}")
        known |= {"latency": result.latency, "step_time": result.latency, "throughput": devices * result.throughput}
    for name in record.measured:
        if named := re.fullmatch(r"fps_batch(\d+)", name):
            known[name] = one_pass(*asked[:2], int(named[1]), asked[2], level).throughput
    other = "the record states neither a scenario nor a batch of ours"
    return {name: known.get(name, _OTHERWISE.get(name, other)) for name in record.measured}


def _format(name: Any) -> str:
    """The format of a network; of Hailo's networks, whose weights have 8 bits and some 4, the wider."""
    return precision("int8" if name == "int8 (a8w8, some a8w4)" else name)


def _network(record: Measurement) -> Any:
    inputs = record.inputs
    found = model(inputs.get("model"))
    if isinstance(found, CNNWorkload) and _EAGER.search(str(inputs.get("framework", ""))):
        found = found.model_copy(update={"fused": False})
    if (gmacs := inputs.get("fwd_gmacs")) is not None:
        ours = found.flops().m_as("flop") / 2e9
        if abs(ours / gmacs - 1) > _TOLERANCE:
            raise NotStated(f"the record's {found.name} has {gmacs} GMAC, that of the package {ours:.3g}")
    return found


def _diffusion(
    record: Measurement, asked: tuple[Any, Any, str], level: str, scenario: str, devices: int
) -> dict[str, Any]:
    """Images of a diffusion model: its steps, each over the image with and without the text where it is guided."""
    steps, guidance = stated(record, "steps", "cfg")
    passes = 2 if guidance > 1 else 1
    if scenario == "offline":
        rate = largest(*asked, level).throughput
        return {"throughput": devices * rate / (steps * passes)}
    time = steps * one_pass(*asked[:2], passes, asked[2], level).latency
    return {"latency_mean": Quantity(time.m_as("s"), "s")}
