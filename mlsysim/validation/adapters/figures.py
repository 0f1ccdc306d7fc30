"""Figures of a record's inputs, as numbers that can be computed with: what is none is not stated."""

from __future__ import annotations

import math
from typing import Any

from mlsysim.errors import shown
from mlsysim.units import Q_
from mlsysim.validation.adapters.names import NotStated, stated
from mlsysim.validation.records import Measurement


def given(record: Measurement, *names: str) -> bool:
    """Return whether a record states all of some inputs."""
    return all(record.inputs.get(name) is not None for name in names)


def number(record: Measurement, name: str, default: float | None = None, zero: bool = False) -> float:
    """Return an input that is a number above zero, or also zero.

    Raises
    ------
    NotStated
        If the record has none and there is no default, or if it is no such number.

    Examples
    --------
    >>> from mlsysim.validation.records import published
    >>> number(published("cost")[0], "gpu_hours")
    23835
    """
    if default is not None and not given(record, name):
        return default
    (value,) = stated(record, name)
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value) or value < 0:
        raise NotStated(f"{name} of the record is no number of something: {shown(value)}")
    if value == 0 and not zero:
        raise NotStated(f"{name} of the record must be above 0")
    return value


def whole(record: Measurement, name: str, default: int | None = None) -> int:
    """Return an input that is a whole number of at least 1.

    Raises
    ------
    NotStated
        If the record has none and there is no default, or if it is no such number.
    """
    value = number(record, name, default)
    if value != int(value):
        raise NotStated(f"{name} of the record is no whole number: {shown(value)}")
    return int(value)


def quantity(record: Measurement, name: str, of: str, default: float | None = None, zero: bool = False) -> Any:
    """Return an input as a quantity in the unit of its name.

    Raises
    ------
    NotStated
        As for `number`.
    """
    return Q_(number(record, name, default, zero), of)
