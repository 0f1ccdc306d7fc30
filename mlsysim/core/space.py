"""A space of configurations: every combination of the values of some axes, counted, cut into blocks, never listed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from itertools import product
from math import prod
from typing import Any

import pint

from mlsysim.errors import InputError, InputTypeError, shown


class Space(Mapping[str, Sequence[Any]]):
    """Named axes and the values of each; configurations count up with the last axis fastest.

    Parameters
    ----------
    axes
        The values of each axis: a list, a tuple, a range, an array.
    title
        What the space is called in messages.

    Raises
    ------
    InputTypeError, InputError
        If it is no mapping of names to such values, or an axis has none.

    Examples
    --------
    >>> space = Space({"batch_size": [1, 8, 64], "precision": ["fp16", "int8"]})
    >>> space.size, space.at(3)
    (6, {'batch_size': 8, 'precision': 'int8'})
    """

    def __init__(self, axes: Mapping[str, Any], title: str = "space") -> None:
        if not isinstance(axes, Mapping):
            raise InputTypeError(f'{title} must be a mapping such as {{"batch_size": [1, 8, 64]}}; got {shown(axes)}')
        if not axes:
            raise InputError(f"{title} must have at least one parameter; got none")
        for name in axes:
            if not isinstance(name, str) or not name:
                raise InputTypeError(f"{title} must have names as keys; got {shown(name)}")
        self._axes = {name: _values(title, name, values) for name, values in axes.items()}

    def __getitem__(self, name: str) -> Sequence[Any]:
        return self._axes[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._axes)

    def __len__(self) -> int:
        return len(self._axes)

    def __repr__(self) -> str:
        return f"Space({self.size:,} configurations of {', '.join(self)})"

    @cached_property
    def shape(self) -> tuple[int, ...]:
        """How many values each axis has."""
        return tuple(len(values) for values in self._axes.values())

    @cached_property
    def size(self) -> int:
        """How many configurations there are."""
        return prod(self.shape)

    @cached_property
    def strides(self) -> dict[str, int]:
        """How many configurations on each axis moves to its next value."""
        return {name: prod(self.shape[at + 1 :]) for at, name in enumerate(self)}

    def places(self) -> Iterator[tuple[int, ...]]:
        """Yield the place of each configuration on each axis."""
        return product(*map(range, self.shape))

    def place(self, number: int) -> tuple[int, ...]:
        """Return the place of the configuration of a number on each axis."""
        return tuple(number // self.strides[name] % len(values) for name, values in self.items())

    def at(self, number: int) -> dict[str, Any]:
        """Return the configuration of a number, by axis."""
        return {name: value_at(self[name], at) for name, at in zip(self, self.place(number), strict=True)}

    def blocks(self, most: int) -> Iterator[tuple[int, Space]]:
        """Cut the space, in its order, into spaces of at most `most` configurations; yield the first number of each.

        Examples
        --------
        >>> [(first, block.size) for first, block in Space({"a": range(3), "b": range(5)}).blocks(2)]
        [(0, 2), (2, 2), (4, 1), (5, 2), (7, 2), (9, 1), (10, 2), (12, 2), (14, 1)]
        """
        names, strides = [*self], self.strides
        cut = next(at for at, name in enumerate(names) if strides[name] <= most)
        each = most // strides[names[cut]]
        first = 0
        for lead in product(*map(range, self.shape[:cut])):
            before = {names[at]: self[names[at]][one : one + 1] for at, one in enumerate(lead)}
            for start in range(0, self.shape[cut], each):
                part = {names[cut]: self[names[cut]][start : start + each]}
                block = Space._of({**before, **part, **{name: self[name] for name in names[cut + 1 :]}})
                yield first, block
                first += block.size

    @classmethod
    def _of(cls, axes: dict[str, Sequence[Any]]) -> Space:
        """A space of values that are known to be sound."""
        space = cls.__new__(cls)
        space._axes = axes
        return space


def value_at(values: Sequence[Any], at: int) -> Any:
    """Return one value of an axis, of an array as a plain number."""
    value = values[at]
    return value.item() if hasattr(value, "dtype") and not isinstance(value, pint.Quantity) else value


def array_of(values: Sequence[Any]) -> Any:
    """Return the values of an axis as an array; a range is not listed for that.

    Examples
    --------
    >>> array_of(range(1, 7, 2)).tolist(), array_of((0.5, 1.0)).tolist()
    ([1, 3, 5], [0.5, 1.0])
    """
    import numpy as np

    return np.arange(values.start, values.stop, values.step) if isinstance(values, range) else np.asarray(values)


def _values(title: str, name: str, values: Any) -> Sequence[Any]:
    if getattr(getattr(values, "magnitude", values), "ndim", None) == 1:
        found = tuple(values) if isinstance(values, pint.Quantity) else values
    elif isinstance(values, range):
        found = values
    elif isinstance(values, Sequence) and not isinstance(values, str | bytes | bytearray):
        found = tuple(values)
    else:
        raise InputTypeError(f"{title} must have a list of values for {name}, such as [1, 8, 64]; got {shown(values)}")
    if not len(found):
        raise InputError(f"{title} must have at least one value for {name}; got none")
    return found
