"""Networks on microcontrollers: the time and the energy of one inference."""

from __future__ import annotations

import re
from typing import Any

from mlsysim.core.engine import Engine
from mlsysim.core.solver.node.machine import Machine
from mlsysim.hardware.libraries import LIBRARIES
from mlsysim.hardware.registry import universal
from mlsysim.hardware.types import HardwareNode
from mlsysim.physics.roofline import compute_time
from mlsysim.units import Quantity
from mlsysim.validation.adapters.names import NotStated, device, model, precision, stated
from mlsysim.validation.records import Measurement

HEADLINE = ("latency", "latency_cmsis_nn", "latency_esp_nn", "latency_xcubeai_7_3")

_METRICS = {"latency_cmsis_nn": "CMSIS-NN", "latency_esp_nn": "ESP-NN", "latency_xcubeai_7_3": "X-CUBE-AI 7.3"}
"""Metrics of one library among several, and the library."""

_FRAMEWORKS = {
    "X-CUBE-AI": "X-CUBE-AI 7.3",
    "X-CUBE-AI v9.0": "X-CUBE-AI 10.2",
    "Bosch HALE": "HALE 1.0",
    "Plumerai": "Plumerai",
    "Renesas": "CMSIS-NN",
}
"""The version of a library that was measured elsewhere, by what records call it: the nearest; of Renesas, Arm's own."""


def predict(record: Measurement, level: str) -> dict[str, Any]:
    """Return our times and energies, as the pass is one point on the roofline of the core."""
    board = device(record.inputs.get("hardware"))
    element = precision({"float32": "fp32"}.get(name := record.inputs.get("weights_precision"), name))
    _same_core(record, board, element)
    try:
        network = model(record.inputs.get("model"))
    except NotStated:
        return {name: _of_library(record, name, board, element, level) for name in record.measured}
    result = Engine.solve(network, board, 1, element, _efficiency(record, _framework(record), element, level))
    if not result.feasible:
        raise NotStated(f"{result.model} does not fit in the memories of {board.name}")
    known = {"latency": result.latency, "throughput": result.throughput}
    if result.energy is not None:
        known |= {"energy": result.energy, "avg_power_during_energy_run": result.energy / result.latency}
    no_power = f"no power of {board.name} is recorded"
    return {name: known.get(name, no_power if "e" in name else _other(name)) for name in record.measured}


def _of_library(record: Measurement, metric: str, board: HardwareNode, element: str, level: str) -> Any:
    """The time of a network of which only the multiply-adds are stated, by the kernels of one library."""
    if metric not in _METRICS:
        return _other(metric)
    (macs,) = stated(record, "macs")
    machine = Machine.of(board, element, _efficiency(record, _METRICS[metric], element, level))
    return Quantity(compute_time.plain(2 * macs, machine.peak, machine.efficiency), "s")


def _framework(record: Measurement) -> str:
    return _FRAMEWORKS.get(said := str(record.inputs.get("framework")), said)


def _efficiency(record: Measurement, library: str, element: str, level: str) -> float | None:
    """What the library reaches on the core of a record; None for what the device itself was timed with."""
    if level == "speed of light":
        return 1.0
    if level == "datasheet":
        return universal("efficiency")
    core = re.match(r"Cortex-M\d+", str(record.inputs.get("core", "")))
    if element != "int8" or core is None or library not in LIBRARIES:
        return None
    fit = LIBRARIES[library].get(core[0])
    return None if fit is None else fit.efficiency


def _other(metric: str) -> str:
    if metric.startswith("latency"):
        return "the kernels of this library were not timed elsewhere"
    return "the layers of the network, of which memory is a matter, are not stated"


def _same_core(record: Measurement, board: HardwareNode, element: str) -> None:
    """Refuse a record whose core has another clock than that of the device's peak, or an accelerator beside it."""
    figure = board.figures.get(f"compute.precision_flops.{element}")
    said = (figure and figure.condition) or ""
    for beside in re.findall(r"\+ (\w+)", str(record.inputs.get("core", ""))):
        if re.search(rf"\b{beside}\b[^.;]*not counted", f"{said}. {board.note or ''}"):
            raise NotStated(f"the {beside} accelerator that was used is not counted in the peak of {board.name}")
    ours = re.search(r"(\d+) MHz", said)
    clock = record.inputs.get("clock_mhz")
    if ours and clock and int(ours[1]) != clock:
        raise NotStated(f"{board.name} of the package runs at {ours[1]} MHz, that of the record at {clock} MHz")
