"""The errors that mlsysim raises for bad input.

Each message names the argument, the value given, what is allowed and, for a name, the nearest match.
Units have an error of their own, `mlsysim.units.UnitError`.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from difflib import get_close_matches
from numbers import Integral, Real
from typing import Any


class InputError(ValueError):
    """An argument has a value that the question does not allow."""


class InputTypeError(TypeError):
    """An argument is of a kind that the question does not allow."""


class UnknownName(InputError, AttributeError, KeyError):
    """A name that no registry, precision table or taxonomy holds."""

    __str__ = Exception.__str__


def shown(value: object) -> str:
    """Return `value` as it may stand in a message: its repr, cut to 60 characters."""
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def unknown(kind: str, given: object, allowed: Iterable[object]) -> UnknownName:
    """Return the error for a name that does not exist.

    Parameters
    ----------
    kind
        What was looked up, such as ``"precision"``.
    given
        The name as the user wrote it.
    allowed
        The names that exist.

    Returns
    -------
    UnknownName
        To be raised by the caller.

    Examples
    --------
    >>> print(unknown("precision", "fp61", ["fp32", "fp16"]))
    unknown precision 'fp61'; did you mean 'fp16'? Allowed: fp32, fp16
    """
    names = [str(name) for name in allowed]
    folded = {name.casefold(): name for name in reversed(names)}
    near = get_close_matches(given.casefold(), folded, n=8, cutoff=0.5) if isinstance(given, str) else []
    hint = f"; did you mean {folded[near[0]]!r}?" if near else ";"
    if len(names) <= 40:
        return UnknownName(f"unknown {kind} {shown(given)}{hint} Allowed: {', '.join(names)}")
    nearest = f", such as {', '.join(folded[name] for name in near)}" if near else ""
    return UnknownName(f"unknown {kind} {shown(given)}{hint} Allowed: one of {len(names)} names{nearest}")


def _is_number(value: object) -> bool:
    return isinstance(value, Real) and not isinstance(value, bool)


def positive_integer(name: str, value: Any) -> int:
    """Return `value` if it is a whole number of at least 1, and at most 2**53.

    Raises
    ------
    InputTypeError
        If it is no number (a string, a boolean, a quantity).
    InputError
        If it is a number, but not a whole one in that range.

    Examples
    --------
    >>> positive_integer("batch_size", 8)
    8
    >>> positive_integer("batch_size", 1.5)
    Traceback (most recent call last):
    mlsysim.errors.InputError: batch_size must be a whole number of at least 1; got 1.5
    """
    if type(value) is int and 1 <= value <= 2**53:
        return value
    if not isinstance(value, Integral) or isinstance(value, bool):
        error = InputError if _is_number(value) else InputTypeError
        raise error(f"{name} must be a whole number of at least 1; got {shown(value)}")
    if value < 1:
        raise InputError(f"{name} must be a whole number of at least 1; got {shown(value)}")
    if value > 2**53:
        raise InputError(f"{name} must be at most 2**53, beyond which a double skips numbers; got {shown(value)}")
    return int(value)


def whole_numbers(name: str, value: Any) -> Any:
    """Return `value` if it is a whole number of at least 1, or an array of them as doubles, which do not overflow.

    Raises
    ------
    InputTypeError, InputError
        As `positive_integer` does, of the least or the greatest element.

    Examples
    --------
    >>> import numpy as np
    >>> whole_numbers("batch_size", np.array([1, 8]))
    array([1., 8.])
    """
    if type(value) is int or getattr(getattr(value, "dtype", None), "kind", None) not in {"i", "u"} or not value.ndim:
        return positive_integer(name, value)
    positive_integer(name, int(value.min())), positive_integer(name, int(value.max()))
    return value.astype(float)


def fraction(name: str, value: Any) -> float:
    """Return `value` if it lies in (0, 1].

    Raises
    ------
    InputTypeError
        If it is no number.
    InputError
        If it is zero, negative, above 1 or not finite.

    Examples
    --------
    >>> fraction("efficiency", 0.5)
    0.5
    >>> fraction("efficiency", 1.5)
    Traceback (most recent call last):
    mlsysim.errors.InputError: efficiency must lie in (0, 1]; got 1.5
    """
    if not _is_number(value):
        raise InputTypeError(f"{name} must be a number in (0, 1]; got {shown(value)}")
    if not (math.isfinite(value) and 0 < value <= 1):
        raise InputError(f"{name} must lie in (0, 1]; got {shown(value)}")
    return float(value)


def boolean(name: str, value: Any) -> bool:
    """Return `value` if it is True or False.

    Raises
    ------
    InputTypeError
        If it is anything else.

    Examples
    --------
    >>> boolean("offload", "yes")
    Traceback (most recent call last):
    mlsysim.errors.InputTypeError: offload must be True or False; got 'yes'
    """
    if not isinstance(value, bool):
        raise InputTypeError(f"{name} must be True or False; got {shown(value)}")
    return value
