"""The devices of ours that a record names, and how many of them it says there are."""

from __future__ import annotations

import re
from typing import NamedTuple

from mlsysim.errors import InputError, unknown
from mlsysim.hardware.registry import Hardware
from mlsysim.hardware.types import HardwareNode
from mlsysim.validation.records import Measurement

DEVICES = {
    "a100-pcie-40gb": "A100_PCIe_40GB",
    "a100-sxm-40gb": "A100_40GB",
    "a100-sxm-80gb": "A100",
    "b200": "B200",
    "gb200": "GB200",
    "h100-sxm": "H100",
    "h200-sxm": "H200",
    "h800": "H800",
    "mi300x": "MI300X",
    "p100": "P100",
    "v100": "V100",
    "v100-sxm": "V100",
}
"""Our names of the devices, by those of the records."""


class Machines(NamedTuple):
    """So many of one device."""

    hardware: HardwareNode
    count: int


def device(record: Measurement) -> Machines:
    """Return the devices of a record: a name of a record or of ours, such as ``"a100-sxm-80gb"`` or ``"8x V100"``.

    Raises
    ------
    InputError
        If the record names no device.
    UnknownName
        If it names one that we have no record of.
    """
    said = record.inputs.get("hardware")
    if not isinstance(said, str):
        raise InputError("it names no device")
    number, name = re.fullmatch(r"(?:(\d+)\s*x\s+)?(.*)", said.strip()).groups()
    ours = DEVICES.get(name.lower(), name)
    if ours not in Hardware:
        raise unknown("device of a record", name, [*DEVICES, *Hardware.names])
    return Machines(Hardware[ours], int(record.inputs.get("count") or number or 1))
