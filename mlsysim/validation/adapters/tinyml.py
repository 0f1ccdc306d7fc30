"""Networks on microcontrollers: the time and the energy of one inference."""

from __future__ import annotations

import re
from typing import Any

from mlsysim.core.engine import Engine
from mlsysim.core.solver.node.machine import Machine
from mlsysim.hardware.registry import universal
from mlsysim.hardware.types import HardwareNode
from mlsysim.physics.roofline import compute_time
from mlsysim.units import Quantity
from mlsysim.validation.adapters.names import NotStated, device, model, precision, stated
from mlsysim.validation.records import Measurement

HEADLINE = ("latency", "latency_cmsis_nn", "latency_esp_nn")

_LIBRARIES = {"latency_cmsis_nn": "CMSIS-NN", "latency_esp_nn": "ESP-NN"}
"""Metrics of one library among several: those of the kernels that the devices of the package were timed with."""

_LEVELS = {"speed of light": lambda: 1.0, "datasheet": lambda: universal("efficiency"), "fitted": lambda: None}


def predict(record: Measurement, level: str) -> dict[str, Any]:
    """Return our times and energies, as the pass is one point on the roofline of the core."""
    board = device(record.inputs.get("hardware"))
    element = precision({"float32": "fp32"}.get(name := record.inputs.get("weights_precision"), name))
    _same_core(record, board, element)
    efficiency = _LEVELS[level]()
    try:
        result = Engine.solve(model(record.inputs.get("model")), board, 1, element, efficiency)
    except NotStated:
        (macs,) = stated(record, "macs")
        machine = Machine.of(board, element, efficiency)
        time = Quantity(compute_time.plain(2 * macs, machine.peak, machine.efficiency), "s")
        return {name: time if name in _LIBRARIES else _other(name) for name in record.measured}
    if not result.feasible:
        raise NotStated(f"{result.model} does not fit in the memories of {board.name}")
    known = {"latency": result.latency, "throughput": result.throughput}
    if result.energy is not None:
        known |= {"energy": result.energy, "avg_power_during_energy_run": result.energy / result.latency}
    no_power = f"no power of {board.name} is recorded"
    return {name: known.get(name, no_power if "e" in name else _other(name)) for name in record.measured}


def _other(metric: str) -> str:
    if metric.startswith("latency"):
        return "the kernels of this library were not timed"
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
