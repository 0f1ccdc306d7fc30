"""A formula with its symbols, units and source.

`@equation` makes two callables of one function. The function itself is the door: it takes and returns quantities, and
checks them. Its attribute `plain` takes and returns plain numbers or arrays, unchecked: it is the bare function, and
costs no more. While `record()` is active, a `plain` that notes each of its calls stands in its place, which is how a
result shows its own derivation. So look `plain` up when calling it; one that was kept from before notes nothing.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from threading import Lock
from typing import Any, Protocol, cast

from mlsysim.errors import InputError
from mlsysim.units import strip, wrap


@dataclass(frozen=True, slots=True)
class Symbol:
    """One argument of an equation: its symbol, its unit and the least value allowed."""

    symbol: str
    unit: str
    exclusive: bool = False
    maximum: float | None = None

    def check(self, name: str, value: Any) -> Any:
        """Return `value` as plain numbers in this symbol's unit, or raise for what it may not be."""
        plain = strip(name, value, self.unit, exclusive=self.exclusive)
        if self.maximum is not None and not (
            plain <= self.maximum if isinstance(plain, float | int) else (plain <= self.maximum).all()
        ):
            raise InputError(f"{name} must lie in (0, {self.maximum:g}]; got {value!r}")
        return plain


def nonnegative(symbol: str, unit: str) -> Symbol:
    """Declare an argument that may be zero."""
    return Symbol(symbol, unit)


def positive(symbol: str, unit: str) -> Symbol:
    """Declare an argument that may not be zero."""
    return Symbol(symbol, unit, exclusive=True)


def count(symbol: str) -> Symbol:
    """Declare a plain number above zero: of layers, heads, samples."""
    return Symbol(symbol, "dimensionless", exclusive=True)


def share(symbol: str) -> Symbol:
    """Declare a plain number in (0, 1]."""
    return Symbol(symbol, "dimensionless", exclusive=True, maximum=1.0)


@dataclass(frozen=True, slots=True)
class Step:
    """One evaluation of an equation: what went in and what came out, in the equation's units."""

    equation: Equation
    inputs: dict[str, Any]
    value: Any
    part: str


_part: ContextVar[str] = ContextVar("part", default="")
_steps: ContextVar[list[Step] | None] = ContextVar("steps", default=None)


class _Recorders:
    """How many blocks record, in all threads, and the two forms of each `plain`: bare, and noting."""

    def __init__(self) -> None:
        self.active, self._forms, self._lock = 0, {}, Lock()

    def declare(self, door: Equation, bare: Callable[..., Any], noting: Callable[..., Any]) -> None:
        with self._lock:
            self._forms[door] = bare, noting
            door.plain = noting if self.active else bare

    def change(self, by: int) -> None:
        with self._lock:
            before, self.active = self.active, self.active + by
            if bool(before) != bool(self.active):
                for door, forms in self._forms.items():
                    door.plain = forms[bool(self.active)]


_recorders = _Recorders()


def recording() -> bool:
    """Return whether equations are noted here; what is kept from an earlier question must then be worked out anew."""
    return _recorders.active > 0 and _steps.get() is not None


@contextmanager
def record() -> Iterator[list[Step]]:
    """Note every equation that is evaluated inside the `with` block, in order.

    Examples
    --------
    >>> from mlsysim.physics.roofline import ridge_point
    >>> with record() as steps:
    ...     ridge = ridge_point.plain(989.4e12, 3.35e12)
    >>> steps[0].inputs
    {'peak': 989400000000000.0, 'bandwidth': 3350000000000.0}
    """
    steps: list[Step] = []
    token = _steps.set(steps)
    _recorders.change(1)
    try:
        yield steps
    finally:
        _recorders.change(-1)
        _steps.reset(token)


@contextmanager
def unrecorded() -> Iterator[None]:
    """Leave the equations inside the `with` block out of a derivation: those of a search, of what is not the answer."""
    token = _steps.set(None)
    try:
        yield
    finally:
        _steps.reset(token)


class part:
    """Note the equations inside the `with` block as one part of a derivation."""

    __slots__ = ("_title", "_token")

    def __init__(self, title: str) -> None:
        self._title = title

    def __enter__(self) -> None:
        self._token = _part.set(self._title) if _recorders.active else None

    def __exit__(self, *error: object) -> None:
        if self._token is not None:
            _part.reset(self._token)


class kept(functools.cached_property):
    """A property worked out once for each object, such as the parameters of a shape; never a part of a derivation.

    Unlike that of `functools.cached_property` before Python 3.12, its first reading takes no lock.
    """

    def __get__(self, instance: Any, owner: type | None = None) -> Any:
        if instance is None:
            return self
        if _recorders.active:
            with unrecorded():
                value = self.func(instance)
        else:
            value = self.func(instance)
        instance.__dict__[self.attrname] = value
        return value


class Equation(Protocol):
    """What `@equation` returns: callable with quantities, and with plain numbers as `.plain`."""

    __name__: str
    formula: str
    symbols: dict[str, Symbol]
    result: tuple[str, str]
    source: str
    plain: Callable[..., Any]

    def __call__(self, *args: Any, **kwargs: Any) -> Any: ...


def equation(formula: str, unit: str, source: str, **symbols: Symbol) -> Callable[[Callable[..., Any]], Equation]:
    """Declare the formula, unit and source of a function, and the symbol of each of its arguments.

    Parameters
    ----------
    formula
        ``"symbol = expression"`` in the symbols of the arguments; a test evaluates it against the function.
    unit
        The unit of what the function returns.
    source
        A key of ``references.bib``.
    **symbols
        One `Symbol` an argument.
    """

    def decorate(function: Callable[..., Any]) -> Equation:
        signature = inspect.signature(function)
        if set(signature.parameters) != set(symbols):
            raise TypeError(
                f"{function.__name__} declares symbols {set(symbols)} for arguments {set(signature.parameters)}"
            )

        @functools.wraps(function)
        def noting(*args: Any, **kwargs: Any) -> Any:
            value = function(*args, **kwargs)
            if (steps := _steps.get()) is not None:
                bound = signature.bind(*args, **kwargs)
                bound.apply_defaults()
                steps.append(Step(door, dict(bound.arguments), value, _part.get()))
            return value

        @functools.wraps(function)
        def door(*args: Any, **kwargs: Any) -> Any:
            bound = signature.bind(*args, **kwargs)
            bound.apply_defaults()
            numbers = {name: symbols[name].check(name, value) for name, value in bound.arguments.items()}
            return wrap(function(**numbers), unit)

        door = cast(Equation, door)
        _recorders.declare(door, function, noting)
        door.formula = formula
        door.symbols = symbols
        door.result = (formula.partition(" = ")[0], unit)
        door.source = source
        return door

    return decorate
