"""The configurations that a search evaluated: each as it was, or all of them as columns."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any, NamedTuple, overload

from mlsysim.core.assertions import Metric
from mlsysim.core.columns import item
from mlsysim.core.sweep import Sweep, front
from mlsysim.units import Quantity


class Point(NamedTuple):
    """One configuration: its place in the space, what came of it, and what removes it."""

    place: tuple[int, ...]
    params: Mapping[str, Any]
    answer: Any
    figures: Mapping[str, Metric]
    scores: tuple[float, ...]
    removed_by: tuple[str, ...]
    error: Exception | None

    @property
    def valid(self) -> bool:
        """Whether all objectives have a value and all constraints hold."""
        return self.error is None and not self.removed_by


class Points(Sequence[Point]):
    """The configurations that were evaluated, as they were."""

    def __init__(self, points: Sequence[Point]) -> None:
        self._points = points

    def __len__(self) -> int:
        return len(self._points)

    @overload
    def __getitem__(self, at: int) -> Point: ...
    @overload
    def __getitem__(self, at: slice) -> Sequence[Point]: ...
    def __getitem__(self, at: Any) -> Any:
        return self._points[at]

    @cached_property
    def ranked(self) -> Sequence[int]:
        """The numbers of the valid points, the best first; equal ones stay in their order."""
        valid = (number for number, point in enumerate(self._points) if point.valid)
        return sorted(valid, key=lambda number: self._points[number].scores)

    @cached_property
    def front(self) -> Sequence[int]:
        """The numbers of the valid points that no other beats in one score without losing in another."""
        import numpy as np

        scores = [self._points[number].scores for number in self.ranked]
        return [self.ranked[at] for at in front(np.array(scores, float))] if scores else []

    @property
    def alike(self) -> int:
        """How many more points are as good as the best."""
        return sum(self._points[number].scores == self._points[self.ranked[0]].scores for number in self.ranked) - 1

    @cached_property
    def removed_by(self) -> Mapping[str, int]:
        """How many points each constraint removes, and each lack of a value."""
        return Counter(text for point in self._points for text in point.removed_by)

    @cached_property
    def raised(self) -> Sequence[Point]:
        """The points whose evaluation raised."""
        return [point for point in self._points if point.error is not None]

    @property
    def names(self) -> list[str]:
        """The figures that points have."""
        return [*next((point.figures for point in self._points if point.figures), ())]

    def extreme(self, name: str, most: bool) -> Metric | None:
        """Return the least or the greatest value of a figure, if there is one."""
        found = [point.figures[name] for point in self._points if point.figures]
        pick = max if most else min
        return pick(
            (one for one in found if one.value is not None),
            key=lambda one: Quantity(one.value, one.field.stored or "dimensionless"),
            default=None,
        )

    def there(self, place: tuple[int, ...]) -> Point | None:
        """Return the point of a place in the space, if it was evaluated."""
        return self._by_place.get(place)

    @cached_property
    def _by_place(self) -> dict[tuple[int, ...], Point]:
        return {point.place: point for point in self._points}


class SweptPoints(Points):
    """The configurations of a whole space as columns; each is an object only when it is touched."""

    def __init__(
        self,
        sweep: Sweep,
        metrics: Mapping[str, Metric],
        scores: Mapping[str, Any],
        holds: Mapping[str, Any],
    ) -> None:
        """The figures that were asked for, the scores by figure, and where each constraint holds, all as arrays."""
        self._sweep, self._metrics, self._named, self._holds = sweep, metrics, scores, holds
        self._scores = [*scores.values()]

    def __len__(self) -> int:
        return len(self._sweep)

    def __getitem__(self, at: Any) -> Any:
        if isinstance(at, slice):
            return [self[number] for number in range(len(self))[at]]
        number = range(len(self))[at]
        params = self._sweep.space.at(number)
        found = {name: one._replace(value=item(one.value[number])) for name, one in self._metrics.items()}
        scores = tuple(float(values[number]) for values in self._scores)
        missing = tuple(f"{name} has no value" for name in self._named if found[name].value is None)
        failed = tuple(text for text, holds in self._holds.items() if not holds[number])
        place = self._sweep.space.place(number)
        return Point(place, params, None, found, () if missing else scores, (*missing, *failed), None)

    @cached_property
    def _valid(self) -> Any:
        import numpy as np

        valid = ~np.isnan(self._scores).any(axis=0)
        for holds in self._holds.values():
            valid &= holds
        return np.flatnonzero(valid)

    @cached_property
    def ranked(self) -> Sequence[int]:
        """The numbers of the valid points, the best first; equal ones stay in their order."""
        import numpy as np

        return self._valid[np.lexsort([scores[self._valid] for scores in reversed(self._scores)])]

    @cached_property
    def front(self) -> Sequence[int]:
        """The numbers of the valid points that no other beats in one score without losing in another."""
        import numpy as np

        scores = np.column_stack([scores[self.ranked] for scores in self._scores])
        return [int(self.ranked[at]) for at in front(scores)]

    @property
    def alike(self) -> int:
        """How many more points are as good as the best."""
        import numpy as np

        scores = np.column_stack([scores[self.ranked] for scores in self._scores])
        return int((scores == scores[0]).all(axis=1).sum()) - 1

    @cached_property
    def removed_by(self) -> Mapping[str, int]:
        """How many points each constraint removes, and each lack of a value."""
        import numpy as np

        lacking = {f"{name} has no value": int(np.isnan(scores).sum()) for name, scores in self._named.items()}
        failed = {text: int(len(self) - holds.sum()) for text, holds in self._holds.items()}
        return {text: count for text, count in (failed | lacking).items() if count}

    raised = ()

    @property
    def names(self) -> list[str]:
        """The figures that points have."""
        return [*self._metrics]

    def extreme(self, name: str, most: bool) -> Metric | None:
        """Return the least or the greatest value of a figure, if there is one."""
        import numpy as np

        metric = self._metrics[name]
        if np.isnan(metric.value).all():
            return None
        return metric._replace(value=float((np.nanmax if most else np.nanmin)(metric.value)))

    def there(self, place: tuple[int, ...]) -> Point | None:
        """Return the point of a place in the space."""
        strides = self._sweep.space.strides.values()
        return self[sum(at * stride for at, stride in zip(place, strides, strict=True))]
