"""The devices of ours that a record names, and how many of them it says there are."""

from __future__ import annotations

import re
from typing import Any, NamedTuple

from mlsysim.hardware.types import HardwareNode
from mlsysim.validation.adapters import names
from mlsysim.validation.adapters.figures import whole
from mlsysim.validation.records import Measurement


class Machines(NamedTuple):
    """So many of one device."""

    hardware: HardwareNode
    count: int


def machines(record: Measurement) -> Machines:
    """Return the devices of a record, whose number may stand beside their name: ``"8x V100"``.

    Raises
    ------
    NotStated
        If the record names no device, or one that we have no record of.
    """
    said: Any = record.inputs.get("hardware")
    number = None
    if isinstance(said, str) and (both := re.fullmatch(r"(\d+)\s*x\s+(.+)", said.strip())):
        number, said = both.groups()
    return Machines(names.device(said), whole(record, "count", default=int(number or 1)))
