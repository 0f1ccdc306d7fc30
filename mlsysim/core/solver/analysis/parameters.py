"""The figures that a question depends on, by name, and the same question with one of them larger or smaller."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from mlsysim.errors import unknown
from mlsysim.hardware.types import HardwareNode
from mlsysim.models.types import Workload
from mlsysim.records import FrozenDict, Record
from mlsysim.units import Quantity

DEVICE: Mapping[str, tuple[str, ...]] = {
    "peak_flops": ("compute.peak_flops", "compute.precision_flops.*", "compute.sparse_flops.*"),
    "memory_bandwidth": ("memory.bandwidth", "memory.flash_bandwidth"),
    "memory_capacity": ("memory.capacity", "memory.flash_capacity"),
    "sram_bandwidth": ("memory.sram_bandwidth",),
    "sram_capacity": ("memory.sram_capacity",),
    "interconnect_bandwidth": (
        "interconnect.bandwidth",
        "kernels.all_reduce.*.bandwidth",
        "kernels.all_gather.*.bandwidth",
    ),
    "host_bandwidth": ("host.bandwidth",),
    "dispatch_tax": ("dispatch_tax",),
    "kernel_floor": ("kernels.gemm.*.floor", "kernels.decode_attention.*.floor", "kernels.prefill_attention.*.floor"),
    "tdp": ("tdp",),
    "price": ("price",),
    "embodied_carbon": ("embodied_carbon",),
}
"""The parameters of a device, each with the figures of its record that change together."""


def device_parameters(hardware: HardwareNode) -> list[str]:
    """Return the parameters of `DEVICE` that the record of a device has.

    Examples
    --------
    >>> from mlsysim import Hardware
    >>> device_parameters(Hardware.Coral)
    ['peak_flops', 'memory_capacity', 'host_bandwidth', 'tdp']
    """
    return [name for name, paths in DEVICE.items() if _value(hardware, paths[0].split(".")) is not None]


def parameters_of(inputs: Mapping[str, Any]) -> list[str]:
    """Return the dotted paths of all figures in the inputs of a question, ``"hardware.memory_bandwidth"`` for one.

    Counts and the shapes of models are none of them: they cannot grow by a percent.

    Examples
    --------
    >>> from mlsysim import Hardware, Models
    >>> parameters_of({"model": Models.Llama3_8B, "hardware": Hardware.H100, "efficiency": 0.5})[:2]
    ['hardware.peak_flops', 'hardware.memory_bandwidth']
    """
    return [path for name, value in inputs.items() for path in _figures(value, name)]


def scaled(inputs: Mapping[str, Any], path: str, factor: float) -> dict[str, Any]:
    """Return the inputs with one figure, named as in `parameters_of`, multiplied by a factor.

    Raises
    ------
    UnknownName
        For a path that leads to no figure of the inputs, with the nearest one.

    Examples
    --------
    >>> from mlsysim import Hardware
    >>> print(scaled({"hardware": Hardware.H100}, "hardware.memory_bandwidth", 2.0)["hardware"].memory.bandwidth)
    6.7 TB/s
    """
    known = parameters_of(inputs)
    if path not in known:
        raise unknown("parameter", path, known)
    name, *rest = path.split(".")
    return {**inputs, name: _scaled(inputs[name], rest, factor)}


def _figures(value: Any, path: str) -> Iterator[str]:
    if isinstance(value, HardwareNode):
        yield from (f"{path}.{name}" for name in device_parameters(value))
    elif isinstance(value, Record) and not isinstance(value, Workload):
        for name in type(value).model_fields:
            yield from _figures(getattr(value, name), f"{path}.{name}")
    elif isinstance(value, Quantity | float):
        yield path


def _value(value: Any, path: list[str]) -> Any:
    """The figure or the mapping of figures at a path; None where the record has none."""
    for name in path:
        if value is None or name == "*":
            return value or None
        value = getattr(value, name)
    return value


def _scaled(value: Any, path: list[str], factor: float) -> Any:
    if value is None:
        return None
    if not path:
        return value * factor
    name, *rest = path
    if name == "*":
        return FrozenDict({key: _scaled(one, rest, factor) for key, one in value.items()})
    if isinstance(value, HardwareNode) and name in DEVICE and not rest and DEVICE[name] != (name,):
        for leaf in DEVICE[name]:
            value = _scaled(value, leaf.split("."), factor)
        return value
    kept = {"kernels": value.kernels} if isinstance(value, HardwareNode) and "kernels" in vars(value) else {}
    return value.model_copy(update=kept | {name: _scaled(getattr(value, name), rest, factor)})
