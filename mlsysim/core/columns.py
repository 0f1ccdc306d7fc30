"""The figures of every configuration of a space as columns: by arrays where a solver's formulas take them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import product
from numbers import Real
from typing import Any

from mlsysim.core.result import Field, Result
from mlsysim.core.signatures import alternatives, inputs_of, result_of
from mlsysim.core.solver.base import Solver
from mlsysim.core.space import Space, array_of, value_at
from mlsysim.errors import InputError, InputTypeError, shown, unknown
from mlsysim.physics.elementwise import Labels
from mlsysim.records import Record

TOGETHER = 1 << 16
"""Configurations that are evaluated at once: few enough that the arrays stay in a processor's cache."""


def check_inputs(solver: Any, names: Sequence[str]) -> None:
    """Raise unless a solver takes every name, and needs no other.

    Raises
    ------
    InputTypeError, InputError, UnknownName
        If it is no solver, does not take a name, or needs one that is not given.
    """
    if isinstance(solver, type) and issubclass(solver, Solver):
        raise InputTypeError(f"solver must be an object, not a class: write {solver.__name__}()")
    if not isinstance(solver, Solver):
        raise InputTypeError(f"solver must be a solver such as ServingModel(); got {shown(solver)}")
    inputs = inputs_of(type(solver))
    for name in names:
        if name not in inputs:
            raise unknown(f"input of {type(solver).__name__}", name, inputs)
    if lacking := [name for name, one in inputs.items() if one.required and name not in names]:
        raise InputError(f"{type(solver).__name__} needs {', '.join(lacking)}: give {lacking[0]}=…")


def text_of(value: Any) -> str:
    """Return the value of an input as a reader wants it: a record by its name."""
    if isinstance(value, Record):
        return str(getattr(value, "name", type(value).__name__))
    return f"{value:~P}" if hasattr(value, "units") else str(value)


def named(value: Any) -> Any:
    """Return the value of an input as a row has it: a record by its name, any other as it is."""
    return text_of(value) if isinstance(value, Record) else value


def item(value: Any) -> Any:
    """Return one element of a column as a plain value; None where there is none: not a number, or an empty name.

    Examples
    --------
    >>> import numpy as np
    >>> item(np.float64(0.5)), item(np.array(["Memory"])[0]), item(float("nan")), item("")
    (0.5, 'Memory', None, None)
    """
    plain = value.item() if hasattr(value, "item") else value
    return None if plain != plain or plain == "" else plain


def told(params: Mapping[str, Any]) -> str:
    """Return inputs in one line, as they would stand in a call."""
    return ", ".join(f"{name}={shown(one) if isinstance(one, str) else text_of(one)}" for name, one in params.items())


class Columns(Mapping[str, Any]):
    """Arrays of one length that fill block by block; names are kept as `Labels`.

    A number that some configurations do not have is NaN there, a name is empty; with `gaps`, so is what is not filled.
    `fields` are those of the results, which say what is a name.
    """

    def __init__(self, size: int, fields: Mapping[str, Field], gaps: bool = False) -> None:
        self.size, self._fields, self._gaps = size, fields, gaps
        self._numbers: dict[str, Any] = {}
        self._names: dict[str, dict[str, int]] = {}

    def __getitem__(self, name: str) -> Any:
        values = self._numbers[name]
        return Labels(tuple(self._names[name]), values) if name in self._names else values

    def __iter__(self) -> Iterator[str]:
        return iter(self._numbers)

    def __len__(self) -> int:
        return len(self._numbers)

    def view(self, name: str, like: Any, first: int, size: int) -> Any:
        """Return the part of a column that a block fills, made for values such as `like` where it is new."""
        import numpy as np

        if name not in self._numbers:
            field = self._fields.get(name)
            if isinstance(like, Labels | str) or (field and str in alternatives(field.kind)):
                self._names[name], kind, rest = {"": 0}, np.int16, 0
            else:
                kind, rest = (bool, False) if np.asarray(like).dtype == bool else (float, float("nan"))
            self._numbers[name] = np.full(self.size, rest, kind) if self._gaps else np.empty(self.size, kind)
        return self._numbers[name][first : first + size]

    def coded(self, name: str, value: Any) -> Any:
        """Return a value as the column keeps it: a name by its number."""
        if name not in self._names:
            return float("nan") if value is None else value
        import numpy as np

        known = self._names[name]
        if isinstance(value, Labels):
            return np.array([known.setdefault(one, len(known)) for one in value.names], np.int16)[value.codes]
        return 0 if value is None else known.setdefault(value, len(known))


def fields_of(solver: Solver) -> Mapping[str, Field]:
    """Return the fields of a solver's results; none where a solver of one's own does not say what it returns."""
    result = result_of(type(solver))
    return {} if result is None else result.fields()


def columns_of(
    solver: Solver,
    space: Space,
    fixed: Mapping[str, Any],
    wanted: Sequence[str] | None = None,
    advance: Callable[[int], None] = lambda rows: None,
) -> Columns:
    """Return the figures of all configurations of a space, in its order.

    Parameters
    ----------
    solver
        Whose `figures` takes arrays for the inputs that its `arrays` names; any other is asked for one configuration
        after the other.
    space, fixed
        The inputs that vary, and the others.
    wanted
        The figures that are kept; by default all that have a number, a flag or a name.
    advance
        Is told how many configurations were done, as they are.

    Raises
    ------
    UnknownName
        For a figure in `wanted` that there is not; and whatever the solver raises.
    """
    columns = Columns(space.size, fields_of(solver), gaps=not solver.arrays)
    fill = _at_once if solver.arrays else _one_by_one
    for first, block in space.blocks(TOGETHER):
        fill(solver, block, fixed, wanted, columns, first)
        advance(block.size)
    return columns


def _at_once(solver: Solver, space: Space, fixed: Mapping[str, Any], wanted: Any, columns: Columns, first: int) -> None:
    """Fill a block by one call for each combination of what is no number."""
    inner = [name for name in space if name in solver.arrays and _numeric(space[name])]
    outer = [name for name in space if name not in inner]
    mesh = {}
    for at, name in enumerate(inner):
        sides = [1] * len(inner)
        sides[at] = len(space[name])
        mesh[name] = array_of(space[name]).reshape(sides)
    order = [[*space].index(name) for name in (*outer, *inner)]
    for place in product(*(range(len(space[name])) for name in outer)):
        chosen = {name: value_at(space[name], at) for name, at in zip(outer, place, strict=True)}
        figures = solver.figures(**fixed, **chosen, **mesh)
        _check_wanted(wanted, figures, space)
        for name, value in figures.items():
            if wanted is None or name in wanted:
                into = columns.view(name, value, first, space.size)
                into.reshape(space.shape).transpose(order)[place] = columns.coded(name, value)


def _one_by_one(
    solver: Solver, space: Space, fixed: Mapping[str, Any], wanted: Any, columns: Columns, first: int
) -> None:
    """Fill a block by one question for each configuration."""
    for number in range(space.size):
        inputs = space.at(number)
        try:
            result = solver.solve(**fixed, **inputs)
        except Exception as error:
            error.add_note(f"asked for {told(inputs)}")
            raise
        _check_wanted(wanted, result.fields(), space)
        for name, value in _plain(result):
            if wanted is None or name in wanted:
                into = columns.view(name, value, first + number, 1)
                into[0] = columns.coded(name, value)


def _check_wanted(wanted: Sequence[str] | None, figures: Mapping[str, Any], space: Space) -> None:
    for name in wanted or ():
        if name not in figures and name not in space:
            raise unknown("figure of a sweep", name, (*figures, *space))


def _plain(result: Result) -> Iterator[tuple[str, Any]]:
    """The figures of a result that a column can hold."""
    for name, field in result.fields().items():
        value = result.plain[name]
        if not field.hidden and isinstance(value, bool | str | Real):
            yield name, value


def _numeric(values: Sequence[Any]) -> bool:
    if isinstance(values, range):
        return True
    if hasattr(values, "dtype"):
        return values.dtype.kind in "iuf"
    return all(isinstance(one, int | float) and not isinstance(one, bool) for one in values)
