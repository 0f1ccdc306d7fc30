"""The declarative search of a design space: what may vary, what is wanted, what must hold."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Executor
from functools import cached_property, partial
from numbers import Integral
from typing import Any, overload

from mlsysim.core.assertions import Assertion, Metric
from mlsysim.core.columns import columns_of, text_of, told
from mlsysim.core.objective import Objective
from mlsysim.core.points import Point, Points
from mlsysim.core.progress import progress
from mlsysim.core.result import Field, Result
from mlsysim.core.search import Judge, Sampler, asker, constraint, figures, handed_out, owner_of, points_of, texts_of
from mlsysim.core.solver.base import Solver
from mlsysim.core.space import Space, value_at
from mlsysim.core.sweep import Sweep
from mlsysim.errors import InputError, InputTypeError, UnknownName, positive_integer, shown, unknown
from mlsysim.tables import html_table, text_table
from mlsysim.units import UnitError

LARGEST = 1_000_000
"""Configurations that are enumerated one by one; beyond, trials choose."""
LARGEST_SWEPT = 50_000_000
"""Configurations that are enumerated by arrays."""
SHOWN = 20
"""Rows of a listing that are shown; all are there."""
TOGETHER = 8
"""Trials that an executor evaluates at once: each is proposed before the others are known."""


class Listing(Sequence[dict[str, Any]]):
    """Rows of a search, each a dict by column, made when it is touched; prints as text, shows as a table in a notebook.

    Parameters
    ----------
    size
        How many rows there are.
    columns
        Their names.
    row
        Makes the values of one row and their texts, of its number.
    headers
        Of the printed table; by default the names of the columns.
    """

    def __init__(
        self, size: int, columns: Sequence[str], row: Callable[[int], tuple[Any, Any]], headers: Sequence[str] = ()
    ) -> None:
        self.columns, self._size, self._row = tuple(columns), size, row
        self._headers = headers or self.columns

    def __len__(self) -> int:
        return self._size

    @overload
    def __getitem__(self, at: int) -> dict[str, Any]: ...
    @overload
    def __getitem__(self, at: slice) -> Listing: ...
    def __getitem__(self, at: Any) -> Any:
        chosen = range(self._size)[at]
        if isinstance(at, slice):
            return Listing(len(chosen), self.columns, lambda number: self._row(chosen[number]), self._headers)
        return dict(zip(self.columns, self._row(chosen)[0], strict=True))

    def to_frame(self) -> Any:
        """Return the rows as a pandas DataFrame."""
        import pandas as pd

        return pd.DataFrame([*self], columns=[*self.columns])

    def _texts(self) -> list[Any]:
        return [self._row(number)[1] for number in range(min(self._size, SHOWN))]

    def __str__(self) -> str:
        more = f"\n… {len(self) - SHOWN} more" if len(self) > SHOWN else ""
        return text_table(self._headers, self._texts()) + more

    __repr__ = __str__

    def _repr_html_(self) -> str:
        more = f"<p>… {len(self) - SHOWN} more</p>" if len(self) > SHOWN else ""
        return html_table(self._headers, self._texts()) + more


class _Params(Field):
    """Parameters by name."""

    def text(self, value: Any) -> str:
        return told(value)


class SearchResult(Result, Mapping[str, Any]):
    """What a search found: read by attribute or by key; `explain` derives the best configuration."""

    objective = Field("Objective")
    best_params = _Params("Best")
    best_metrics = Field("  figures", hidden=True)
    evaluated = Field("Configurations evaluated")
    size = Field("  in the space")
    valid = Field("  that meet all constraints")
    removed_by = Field("Removed by", hidden=True)
    errors = Field("Raised", hidden=True)
    notes = Field("Notes")
    space = Field("Space", hidden=True)
    points = Field("Every configuration", hidden=True)

    def __getitem__(self, name: str) -> Any:
        if name not in self.fields():
            raise unknown("field of SearchResult", name, self.fields())
        return getattr(self, name)

    def __iter__(self) -> Iterator[str]:
        return (name for name in self.fields() if name not in ("space", "points"))

    def __len__(self) -> int:
        return len([*iter(self)])

    @cached_property
    def best(self) -> Any:
        """What the evaluator returned for the best configuration: a `Result` explains itself."""
        answer = self._best.answer
        return self._question() if answer is None else answer

    @property
    def _best(self) -> Point:
        return self.points[self.points.ranked[0]]

    def ranked(self) -> Listing:
        """Return all configurations that meet the constraints, the best first; equal ones in the order of the space.

        With several objectives the first decides, the next among equals.
        """
        return self._listing(self.points.ranked)

    def pareto(self) -> Listing:
        """Return the configurations that no other beats in one objective without losing in another."""
        return self._listing(self.points.front)

    def sensitivity(self) -> Listing:
        """Return how the objectives change when one parameter of the best moves to a neighbour in the space.

        A change is a fraction of the best value; None where there is no value, or where trials did not try the
        neighbour.
        """
        best = self._best
        wanted = [Objective.parse(text) for text in self.objective]
        columns = [
            "parameter",
            "from",
            "to",
            *(part for one in wanted for part in (one.metric, f"change of {one.metric}")),
        ]
        rows: list[tuple[Any, Any]] = []
        for axis, (name, values) in enumerate(self.space.items()):
            for at in (best.place[axis] - 1, best.place[axis] + 1):
                if not 0 <= at < len(values):
                    continue
                there = self.points.there((*best.place[:axis], at, *best.place[axis + 1 :]))
                found = [there.figures.get(one.metric) if there else None for one in wanted]
                changes = [_change(best, there, place, one.sign) for place, one in enumerate(wanted)]
                told_each = [part for one, change in zip(found, changes, strict=True) for part in (_out(one), change)]
                removed = _why(there) if there else "not tried"
                row = (name, best.params[name], value_at(values, at), *told_each, removed)
                moved = (name, text_of(best.params[name]), text_of(value_at(values, at)))
                rows.append((row, (*moved, *map(_moved, found, changes), removed)))
        headers = ("parameter", "from", "to", *(one.metric for one in wanted), "removed by")
        return Listing(len(rows), [*columns, "removed_by"], rows.__getitem__, headers)

    def to_frame(self) -> Any:
        """Return every configuration evaluated as a pandas DataFrame, with what removes it."""
        return self._listing(range(len(self.points)), why=True).to_frame()

    def to_dict(self) -> dict[str, Any]:
        """Return the findings for a program: plain numbers, with the units of the figures under ``"units"``."""
        found = {
            name: one
            for name, one in figures(self.best).items()
            if one.value is None or isinstance(one.value, bool | str | int | float)
        }
        return {
            "result": type(self).__name__,
            **{name: self.plain[name] for name in self if name not in ("best_params", "best_metrics", "errors")},
            "best_params": {name: _plain(value) for name, value in self.best_params.items()},
            "best_metrics": {name: one.value for name, one in found.items()},
            "errors": [{"params": told(params), "error": error} for params, error in self.errors],
            "units": {name: one.field.stored for name, one in found.items() if one.field.stored},
        }

    def rows(self) -> Iterator[tuple[str, str]]:
        """The label and the value of each field, of each named figure of the best, and what removed how many."""
        for label, text in super().rows():
            if label == type(self).evaluated.label:
                yield from ((f"  {name}", one.text) for name, one in self._best.figures.items())
            yield label, text
            if label == type(self).valid.label:
                yield from ((f"  removed by {name}", str(count)) for name, count in self.removed_by.items())
                if self.errors:
                    yield "  raised", str(len(self.errors))

    def _listing(self, numbers: Sequence[int], why: bool = False) -> Listing:
        names = self.points.names
        headers = [f"{name} (found)" if name in self.space else name for name in names]
        more = ["removed_by"] if why else []

        def row(at: int) -> tuple[list[Any], list[str]]:
            point = self.points[int(numbers[at])]
            found = [point.figures.get(name) for name in names]
            told_why = [_why(point)] if why else []
            cells = [text_of(value) for value in point.params.values()]
            texts = [*cells, *(one.text if one else "no value" for one in found), *told_why]
            return [*point.params.values(), *map(_out, found), *told_why], texts

        return Listing(len(numbers), [*self.space, *headers, *more], row)


def _change(best: Point, there: Point | None, place: int, sign: int) -> float | None:
    if there is None or not there.scores or not best.scores[place]:
        return None
    return sign * (there.scores[place] - best.scores[place]) / abs(best.scores[place])


def _out(metric: Metric | None) -> Any:
    return None if metric is None else handed_out(metric)


def _moved(metric: Metric | None, change: float | None) -> str:
    text = "no value" if metric is None else metric.text
    return text if change is None else f"{text} ({change:+.2%})"


def _why(point: Point) -> str:
    return "; ".join(point.removed_by) if point.error is None else f"raised {_error(point.error)}"


def _error(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"


def _plain(value: Any) -> Any:
    return value if value is None or isinstance(value, bool | str | int | float) else text_of(value)


class DSE:
    """A design space, what is wanted of it, and what must hold, in text that is read and never run as code.

    Parameters
    ----------
    space
        The values that each parameter may take, by name.
    objective
        ``"minimize: latency"``, ``"maximize: throughput"``; or several, for a Pareto front.
    constraints
        What must hold: ``"latency < 100 ms"``, ``"feasible == True"``. A figure without a unit is compared as it is; a
        figure with one needs a limit with one.

    Raises
    ------
    InputTypeError, InputError, UnknownName
        For anything that cannot be read, with the nearest word.

    Examples
    --------
    >>> from mlsysim import DSE, Hardware, Models, SingleNodeModel
    >>> dse = DSE(
    ...     space={"batch_size": [1, 8, 64], "precision": ["fp16", "int8"]},
    ...     objective="maximize: throughput",
    ...     constraints=["latency < 8 ms", "feasible == True"],
    ... )
    >>> result = dse.search(SingleNodeModel(), model=Models.Llama3_8B, hardware=Hardware.H100)
    >>> result["best_params"], result["removed_by"]
    ({'batch_size': 64, 'precision': 'int8'}, {'latency < 8 ms': 1, 'feasible == True': 0})
    """

    def __init__(
        self,
        space: Mapping[str, Sequence[Any]],
        objective: str | Sequence[str],
        constraints: str | Sequence[str] = (),
    ) -> None:
        self.space = Space(space)
        texts = texts_of("objective", objective)
        if not texts:
            raise InputError("objective must name at least one figure, such as 'minimize: latency'")
        self.objectives = tuple(Objective.parse(text) for text in texts)
        for metric, count in Counter(one.metric for one in self.objectives).items():
            if count > 1:
                raise InputError(f"objective must name a figure once; {metric} stands there {count} times")
        claims = (constraint(text) for text in texts_of("constraints", constraints))
        self.constraints: tuple[Assertion, ...] = tuple(dict.fromkeys(claims))

    @property
    def size(self) -> int:
        """How many configurations the space has."""
        return self.space.size

    def __repr__(self) -> str:
        wanted = "; ".join(one.text for one in (*self.objectives, *self.constraints))
        return f"DSE({self.size} configurations of {', '.join(self.space)}; {wanted})"

    def search(
        self,
        evaluate: Any,
        *,
        executor: Executor | None = None,
        on_error: str = "raise",
        trials: int | None = None,
        seed: int = 0,
        **fixed: Any,
    ) -> SearchResult:
        """Return the best configuration, of all or of those that were tried.

        Parameters
        ----------
        evaluate
            A function of one dict of parameters that returns figures by name (numbers, quantities, flags, text; None
            where there is no value) or a `Result`; or a solver or pipeline, which is given the parameters by name.
        executor
            Evaluates configurations side by side; any `concurrent.futures.Executor`. Threads and processes of one
            answer alike.
        on_error
            What an evaluator that raises does: ``"raise"`` an error once all are evaluated, or ``"record"``.
        trials
            Evaluate at most so many configurations, which Optuna chooses, where the space has more.
        seed
            Of the choice by trials.
        **fixed
            What else the solver or pipeline is given.

        Returns
        -------
        SearchResult
            Of equally good configurations the first in the order of the space, in which the last parameter varies
            fastest.

        Raises
        ------
        InputError
            If no configuration is valid, with how many each constraint removes; if `evaluate` raised, with the first
            parameters; if the space is too large to enumerate.
        InputTypeError, UnknownName
            For a figure that is not returned, with the nearest name, or that is of another kind than declared.
        ImportError
            For `trials` without Optuna.
        """
        if executor is not None and not isinstance(executor, Executor):
            raise InputTypeError(f"executor must be a concurrent.futures.Executor; got {shown(executor)}")
        if on_error not in ("raise", "record"):
            raise unknown("on_error", on_error, ("raise", "record"))
        if trials is not None:
            trials = positive_integer("trials", trials)
        if not isinstance(seed, Integral) or isinstance(seed, bool) or not 0 <= seed < 2**32:
            raise InputError(f"seed must be a whole number from 0 to 2**32 - 1; got {shown(seed)}")
        ask, judge = asker(evaluate, fixed, self.space), Judge(self.objectives, self.constraints)
        if trials is not None and trials < self.size:
            points = Points(self._tried(ask, judge, executor, trials, int(seed)))
            notes = [
                f"{trials} trials of Optuna, seed {seed}, tried {len(points)} of {self.size:,} configurations:"
                " the best of those, not proven the best of all"
            ]
        else:
            solver = owner_of(evaluate)
            by_arrays = executor is None and isinstance(solver, Solver) and solver.arrays
            points = self._swept(solver, fixed, judge) if by_arrays else None
            points, notes = points or Points(self._enumerated(ask, judge, executor)), []
        if on_error == "raise":
            _raise_first(points)
        return self._result(ask, points, notes)

    def _enumerated(self, ask: Any, judge: Judge, executor: Executor | None) -> list[Point]:
        if self.size > LARGEST:
            raise InputError(
                f"the space has {self.size:,} configurations, more than the {LARGEST:,} that are enumerated:"
                " give trials=, such as trials=1000, or fewer values"
            )
        found = []
        with progress("Searching", self.size) as advance:
            for point in points_of(ask, judge, self.space.places(), self.space, executor):
                found.append(point)
                advance(1)
        return found

    def _swept(self, solver: Solver, fixed: Mapping[str, Any], judge: Judge) -> Points | None:
        """The whole space by arrays; None where one of its configurations has something to say for itself."""
        if self.size > LARGEST_SWEPT:
            return None
        try:
            with progress("Searching", self.size) as advance:
                columns = columns_of(solver, self.space, fixed, judge.names, advance)
            return judge.points(Sweep(solver, self.space, fixed, columns))
        except (InputError, InputTypeError, UnitError, UnknownName):
            return None

    def _tried(self, ask: Any, judge: Judge, executor: Executor | None, trials: int, seed: int) -> list[Point]:
        sampler, known = Sampler(self.space, judge, seed), dict[tuple[int, ...], Point]()
        together = 1 if executor is None else TOGETHER

        def told_all() -> Iterator[Point]:
            for first in range(0, trials, together):
                batch = [sampler.ask() for _ in range(min(together, trials - first))]
                new = dict.fromkeys(place for _, place in batch if place not in known)
                known.update({point.place: point for point in points_of(ask, judge, new, self.space, executor)})
                for trial, place in batch:
                    sampler.tell(trial, known[place])
                    yield known[place]

        with progress("Searching", trials) as advance:
            for _ in told_all():
                advance(1)
        return [known[place] for place in sorted(known)]

    def _result(self, ask: Any, points: Points, notes: list[str]) -> SearchResult:
        counts = points.removed_by
        removed = {one.text: counts.get(one.text, 0) for one in self.constraints}
        removed |= {text: count for text, count in counts.items() if text not in removed}
        if not len(points.ranked):
            raise InputError(self._none_valid(points, removed))
        best = points[points.ranked[0]]
        if alike := points.alike:
            notes.append(f"{alike} more do as well: this is the first in the order of the space")
        if len(self.objectives) > 1:
            notes.append(f"best by {self.objectives[0].text!r}; pareto() has every trade-off")
        answer = ask(dict(best.params)) if best.answer is None else best.answer
        notes += _warnings(answer)
        metrics = (
            {name: getattr(answer, name) for name in answer.fields()} if isinstance(answer, Result) else {**answer}
        )
        return SearchResult(
            partial(ask, dict(best.params)),
            objective=tuple(one.text for one in self.objectives),
            best_params=dict(best.params),
            best_metrics=metrics,
            evaluated=len(points),
            size=self.size,
            valid=len(points.ranked),
            removed_by=removed,
            errors=tuple((point.params, _error(point.error)) for point in points.raised),
            notes=tuple(notes),
            space=self.space,
            points=points,
        )

    def _none_valid(self, points: Points, removed: dict[str, int]) -> str:
        parts = [f"{text!r} removes {count}{self._nearest(text, points)}" for text, count in removed.items() if count]
        if points.raised:
            parts.append(f"{len(points.raised)} raised, first {_error(points.raised[0].error)}")
        return f"none of the {len(points):,} configurations evaluated is valid: {'; '.join(parts)}"

    def _nearest(self, text: str, points: Points) -> str:
        """How near the figure of a constraint comes to its limit."""
        claim = next((one for one in self.constraints if one.text == text), None)
        if claim is None or claim.sign in ("==", "!="):
            return ""
        least = claim.sign.startswith("<")
        extreme = points.extreme(claim.metric, most=not least)
        return f" ({'least' if least else 'greatest'} found: {extreme.text})" if extreme else ", none with a value"


def _raise_first(points: Points) -> None:
    if points.raised:
        first = points.raised[0]
        raise InputError(
            f"evaluate raised for {len(points.raised):,} of {len(points):,} configurations,"
            f" first for {told(first.params)}: {_error(first.error)}"
        ) from first.error


def _warnings(answer: Any) -> Iterator[str]:
    """What the answer itself says against the best, where no constraint asks for it."""
    found = figures(answer)
    for name in ("feasible", "is_feasible", "is_stable"):
        if name in found and found[name].value is False:
            yield f"the best has {name} = False: the constraint '{name} == True' would remove it"
