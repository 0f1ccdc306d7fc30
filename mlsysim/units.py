"""The unit registry: bytes, FLOPs, parameters, tokens, dollars and emissions are dimensions of their own."""

from __future__ import annotations

import math
from contextvars import ContextVar
from functools import cache
from numbers import Real
from pathlib import Path
from typing import Any

import pint
from pint.delegates.formatter.full import FullFormatter

from mlsysim.errors import InputError, InputTypeError, shown


class _ShortFormatter(FullFormatter):
    """Writes units as "TB/s" unless a format asks for another style, so that f"{q:.1f}" reads well."""

    def get_formatter(self, spec: str) -> Any:
        return super().get_formatter(spec if set(spec) & set("DPLHC") else f"{spec}P")


arrays_allowed: ContextVar[bool] = ContextVar("arrays_allowed", default=False)
"""Whether a figure that is one quantity may here be an array of them: within `Solver.figures`."""

ureg: pint.UnitRegistry = pint.UnitRegistry(str(Path(__file__).with_name("units.txt")), cache_folder=None)
ureg.formatter = _ShortFormatter(ureg)
ureg.formatter.default_format = "~P"
ureg.separate_format_defaults = True
pint.set_application_registry(ureg)

Quantity = ureg.Quantity
Q_ = Quantity


class UnitError(pint.DimensionalityError, ValueError):
    """A quantity has the wrong dimension for the argument that it was given for."""

    def __init__(self, name: str, given: Any, wanted: str) -> None:
        super().__init__(given, wanted)
        self.name = name

    def __str__(self) -> str:
        return f"{self.name} must be a quantity in {self.units2}; got {shown(self.units1)}"


@cache
def unit(text: str) -> pint.Unit:
    """Return the unit that `text` names; asked for twice, it is parsed once.

    Examples
    --------
    >>> print(unit("GB/s"))
    GB/s
    """
    return ureg.Unit(text)


def wrap(value: float, of: str) -> Any:
    """Return `value`, a plain number in the unit `of`, as a quantity.

    Examples
    --------
    >>> print(wrap(3.35e12, "byte/s").to("TB/s"))
    3.35 TB/s
    """
    return Quantity(value, unit(of))


_PREFIXES = {8: "Y", 7: "Z", 6: "E", 5: "P", 4: "T", 3: "G", 2: "M", 1: "k", 0: "", -1: "m", -2: "µ", -3: "n"}
_PREFIXED = {"byte", "byte/s", "flop", "flop/s", "W", "J", "param", "s"}
_DIVISIBLE = {"s", "W", "J"}


def pretty(value: float, of: str) -> str:
    """Return `value`, a plain number in the unit `of`, as a reader wants it: four digits and a prefix that fits.

    Examples
    --------
    >>> pretty(16060522496, "byte"), pretty(0.0048, "s"), pretty(295.34, "flop/byte"), pretty(128256, "dimensionless")
    ('16.06 GB', '4.8 ms', '295.3 FLOP/B', '128,256')

    Parameters are counted in billions (B), as the field does:

    >>> pretty(70553706496, "param")
    '70.55 Bparam'
    """
    symbol = _symbol(of)
    if value and of in _PREFIXED:
        power = math.floor(math.log10(abs(value)) / 3 + 1e-12)
        power = min(max(power, -3 if of in _DIVISIBLE else 0), 0 if of == "s" else 8)
        prefix = "B" if of == "param" and power == 3 else _PREFIXES[power]
        return f"{value / 1000**power:.4g} {prefix}{symbol}"
    whole = (float(value).is_integer() or abs(value) >= 1e4) and abs(value) < 1e9
    return f"{value:,.0f} {symbol}".strip() if whole else f"{value:.4g} {symbol}".strip()


@cache
def _symbol(of: str) -> str:
    return f"{unit(of):~P}"


def strip(name: str, value: Any, of: str, minimum: float = 0.0, exclusive: bool = False) -> Any:
    """Return `value` as plain numbers in the unit `of`, checked.

    Parameters
    ----------
    name
        The argument, for the message.
    value
        A quantity, scalar or array. A plain number will do where `of` is ``"dimensionless"``.
    of
        The unit wanted, which is also the unit of the plain number.
    minimum, exclusive
        The least value allowed, and whether it is itself excluded.

    Raises
    ------
    UnitError
        If the dimension is another one.
    InputTypeError
        If a plain number, a string or another object is given for a dimensional argument.
    InputError
        If a value is not finite or below the least allowed.

    Examples
    --------
    >>> strip("bandwidth", Q_(3.35, "TB/s"), "byte/s")
    3350000000000.0
    >>> strip("bandwidth", Q_(3350, "GB"), "byte/s")
    Traceback (most recent call last):
    mlsysim.units.UnitError: bandwidth must be a quantity in byte/s; got <Quantity(3350, 'gigabyte')>
    """
    if isinstance(value, pint.Quantity):
        if not value.is_compatible_with(unit(of)):
            raise UnitError(name, value, of)
        plain = value.m_as(unit(of))
    elif of == "dimensionless" and _numeric(value):
        plain = value
    else:
        raise InputTypeError(f"{name} must be a quantity in {of}, such as Q_(1, {of!r}); got {shown(value)}")
    if not _all_within(plain, minimum, exclusive):
        bound = "above" if exclusive else "at least"
        raise InputError(f"{name} must be finite and {bound} {minimum:g}; got {shown(value)}")
    return plain


def amount(name: str, value: Any, of: str, *, named: str | None = None, zero: bool = False) -> float:
    """Return one quantity above zero as a plain number in the unit `of`, checked.

    Parameters
    ----------
    name
        The argument, for the message.
    value
        A quantity, no array. A plain number will do where the argument's name says its unit, `named`.
    of
        The unit wanted, which is also the unit of the plain number.
    named
        The unit that the name of the argument says, as in ``duration_days``.
    zero
        Whether zero is allowed.

    Raises
    ------
    UnitError, InputTypeError, InputError
        As `strip` does; and for several values at once.

    Examples
    --------
    >>> amount("bandwidth", Q_(400, "Gbps"), "byte/s")
    50000000000.0
    >>> amount("duration_days", 2, "s", named="day")
    172800.0
    """
    if named is not None:
        if isinstance(value, Real) and not isinstance(value, bool):
            value = Quantity(float(value), unit(named))
        elif arrays_allowed.get() and not isinstance(value, pint.Quantity) and _numeric(value):
            value = Quantity(value.astype(float), unit(named))
        elif not isinstance(value, pint.Quantity):
            raise InputTypeError(f"{name} must be a number in {named}, or a quantity; got {shown(value)}")
    plain = strip(name, value, of, exclusive=not zero)
    if not isinstance(plain, Real):
        if arrays_allowed.get():
            return plain
        raise InputTypeError(f"{name} must be one value, no array; got {shown(value)}")
    return float(plain)


def _numeric(value: Any) -> bool:
    kind = getattr(getattr(value, "dtype", None), "kind", None)
    return kind in {"i", "u", "f"} or (isinstance(value, (int, float)) and not isinstance(value, bool))


def _all_within(plain: Any, minimum: float, exclusive: bool) -> bool:
    if isinstance(plain, (int, float)):
        return math.isfinite(plain) and (plain > minimum if exclusive else plain >= minimum)
    import numpy as np

    values = np.asarray(plain)
    return bool(np.isfinite(values).all() and ((values > minimum) if exclusive else (values >= minimum)).all())
