"""What solvers take and what their results offer, read from their signatures."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from functools import cache
from types import UnionType
from typing import Any, NamedTuple, Union, get_args, get_origin, get_type_hints

from mlsysim.core import solver as library
from mlsysim.core.result import Result
from mlsysim.core.solver.base import Solver
from mlsysim.records import Record


class Input(NamedTuple):
    """An argument of `solve`: its name, its type, its default, and whether it must be given."""

    name: str
    kind: Any
    default: Any
    required: bool

    @property
    def records(self) -> tuple[type, ...]:
        """The kinds of record that it takes: a model, a device, a fleet; empty for a number or a name."""
        return tuple(kind for kind in alternatives(self.kind) if isinstance(kind, type) and issubclass(kind, Record))


class Offer(NamedTuple):
    """Something to be read from a result: its name, its unit, its type where that is declared, whether it was asked."""

    name: str
    unit: str | None
    kind: Any
    echoed: bool

    def fits(self, wanted: Input) -> bool:
        """Whether this may be given for an argument of that name: a record for a record, a number for a number."""
        if self.name != wanted.name:
            return False
        if wanted.records:
            return isinstance(self.kind, type) and issubclass(self.kind, wanted.records)
        return self.unit is None or not {int, float, str, bool} & set(alternatives(wanted.kind))


def alternatives(kind: Any) -> tuple[Any, ...]:
    """Return the parts of a union, or the type itself.

    Examples
    --------
    >>> alternatives(int | None)
    (<class 'int'>, <class 'NoneType'>)
    """
    return get_args(kind) if get_origin(kind) in (Union, UnionType) else (kind,)


@cache
def inputs_of(solver: type) -> dict[str, Input]:
    """Return the arguments of `solve` by name, in order.

    Examples
    --------
    >>> from mlsysim import TailLatencyModel
    >>> [name for name, one in inputs_of(TailLatencyModel).items() if one.required]
    ['arrival_rate_qps', 'service_latency_ms']
    """
    kinds = _kinds(solver)
    parameters = list(inspect.signature(solver.solve).parameters.values())[1:]
    return {
        one.name: Input(one.name, kinds.get(one.name, Any), one.default, one.default is one.empty)
        for one in parameters
        if one.kind in (one.POSITIONAL_OR_KEYWORD, one.KEYWORD_ONLY)
    }


@cache
def result_of(solver: type) -> type[Result] | None:
    """Return the class of a solver's results, if it says so.

    Examples
    --------
    >>> from mlsysim import TailLatencyModel
    >>> result_of(TailLatencyModel).__name__
    'TailLatencyResult'
    """
    result = _kinds(solver).get("return")
    return result if isinstance(result, type) and issubclass(result, Result) else None


@cache
def offers_of(solver: type) -> dict[str, Offer]:
    """Return what can be read from the result of a solver: its fields, and its properties, which come first.

    Examples
    --------
    >>> from mlsysim import ScalingModel
    >>> offers_of(ScalingModel)["model"].kind.__name__
    'TransformerWorkload'
    """
    result = result_of(solver)
    if result is None:
        return {}
    asked = inputs_of(solver)
    offers = {name: Offer(name, field.stored, Any, name in asked) for name, field in result.fields().items()}
    for base in reversed(result.__mro__):
        for name, one in vars(base).items():
            if isinstance(one, property) and not name.startswith("_"):
                offers[name] = Offer(name, None, get_type_hints(one.fget).get("return", Any), name in asked)
    return offers


def _kinds(solver: type) -> dict[str, Any]:
    try:
        return get_type_hints(solver.solve)
    except (NameError, TypeError):
        return {}


@cache
def solvers() -> dict[str, type[Solver]]:
    """Return all solvers of the library by name.

    Examples
    --------
    >>> "ServingModel" in solvers()
    True
    """
    return {name: getattr(library, name) for name in library.__all__ if name != "Solver"}


def providers(wanted: Input) -> Iterator[str]:
    """The solvers of the library whose results have an argument, as something that was not itself asked for.

    Examples
    --------
    >>> from mlsysim import DistributedModel
    >>> list(providers(inputs_of(DistributedModel)["model"]))
    ['ScalingModel']
    """
    for name, solver in solvers().items():
        if any(not offer.echoed and offer.fits(wanted) for offer in offers_of(solver).values()):
            yield name
