"""Number formats: how many bytes each takes, and which one a device without it computes in."""

from __future__ import annotations

from collections.abc import Container
from typing import Any

from mlsysim.errors import InputError, InputTypeError, shown, unknown

ELEMENT_SIZE = {
    "fp64": 8.0,
    "fp32": 4.0,
    "tf32": 4.0,
    "bf16": 2.0,
    "fp16": 2.0,
    "fp8": 1.0,
    "int8": 1.0,
    "fp4": 0.5,
    "int4": 0.5,
}
"""Bytes of one element in memory, by format. tf32 is stored as fp32."""

WIDER = {
    "fp64": ("fp64",),
    "fp32": ("fp32", "fp64"),
    "tf32": ("tf32", "fp32", "fp64"),
    "bf16": ("bf16", "tf32", "fp32", "fp64"),
    "fp16": ("fp16", "tf32", "fp32", "fp64", "bf16"),
    "fp8": ("fp8", "fp16", "bf16", "tf32", "fp32", "fp64"),
    "int8": ("int8", "fp16", "bf16", "tf32", "fp32", "fp64"),
    "fp4": ("fp4", "fp8", "fp16", "bf16", "tf32", "fp32", "fp64"),
    "int4": ("int4", "int8", "fp16", "bf16", "tf32", "fp32", "fp64"),
}
"""Formats that can stand in for one, in the order in which a device is asked for them.

Each holds the values of the one that it stands in for, but for bf16 in place of fp16: as wide, with fewer digits, and
what a device computes in that has no other 16-bit format.
"""


def element_size(precision: str, name: str = "precision") -> float:
    """Return the bytes that one element takes in memory; `name` is the argument, for the message.

    Raises
    ------
    InputTypeError, UnknownName
        For an object that is no string, or a name that is no format.

    Examples
    --------
    >>> element_size("int4")
    0.5
    >>> element_size("float16")
    Traceback (most recent call last):
    mlsysim.errors.UnknownName: unknown precision 'float16'; did you mean 'fp16'? Allowed: ...
    """
    if not isinstance(precision, str):
        raise InputTypeError(f"{name} must be a string such as 'fp16'; got {shown(precision)}")
    size = ELEMENT_SIZE.get(precision)
    if size is None:
        raise unknown(name, precision, ELEMENT_SIZE)
    return size


def element_sizes(precision: Any, name: str = "precision") -> Any:
    """Return the bytes of one element in a format, or an array of them for a list of formats; errors as above.

    Examples
    --------
    >>> element_sizes(["fp16", "int4"])
    array([2. , 0.5])
    """
    if not isinstance(precision, (list, tuple)):
        return element_size(precision, name)
    import numpy as np

    return np.array([element_size(one, name) for one in precision])


def has_wider(precision: str, available: Container[str]) -> bool:
    """Return whether there is a format that a device can compute in on operands of another.

    Examples
    --------
    >>> has_wider("fp16", {"int8"})
    False
    """
    return any(wider in available for wider in WIDER[precision])


def compute_format(precision: str, available: Container[str], device: str) -> str:
    """Return the format in which a device computes on operands of another: the same, or the next wider that it has.

    Parameters
    ----------
    precision
        The format of the operands in memory.
    available
        The formats that the device has arithmetic for.
    device
        Its name, for the message.

    Raises
    ------
    InputError
        If the device has no format wide enough.

    Examples
    --------
    >>> compute_format("fp8", {"fp16", "fp32"}, "A100")
    'fp16'
    """
    element_size(precision)
    for wider in WIDER[precision]:
        if wider in available:
            return wider
    raise InputError(
        f"{device} cannot compute in precision {precision!r}, nor in a wider one: none of {', '.join(WIDER[precision])}"
    )
