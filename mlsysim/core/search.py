"""What a search of a design space is made of: what it is for, who is asked, how one configuration is judged."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Executor
from functools import cache, partial
from numbers import Real
from typing import Any

import pint

from mlsysim.core.assertions import Assertion, Metric, written
from mlsysim.core.columns import check_inputs, told
from mlsysim.core.evaluation import Answers, Scorecard
from mlsysim.core.objective import Objective
from mlsysim.core.pipeline import Pipeline
from mlsysim.core.points import Point, SweptPoints
from mlsysim.core.progress import ahead
from mlsysim.core.result import Field, Result
from mlsysim.core.solver.base import Solver
from mlsysim.core.solver.operations.figures import Named
from mlsysim.core.space import Space, value_at
from mlsysim.core.sweep import Sweep
from mlsysim.errors import InputError, InputTypeError, UnknownName, shown
from mlsysim.units import Quantity, unit

IN_FLIGHT = 1024
"""Configurations that an executor holds at once."""


def constraint(text: Any) -> Assertion:
    """Return the constraint that `text` states: name, sign, limit.

    Raises
    ------
    InputTypeError, InputError
        If it is no such text, or its unit does not exist.

    Examples
    --------
    >>> constraint("latency<100").limit
    100.0
    """
    try:
        return Assertion.parse(written("a constraint", text, "'latency < 50 ms'"))
    except InputError as error:
        raise InputError(f"constraint {shown(text)}: {error}") from None


def texts_of(name: str, given: Any) -> tuple[Any, ...]:
    """Return one text or several as a tuple."""
    if isinstance(given, str):
        return (given,)
    if not isinstance(given, list | tuple):
        raise InputTypeError(f"{name} must be text or a list of texts; got {shown(given)}")
    return tuple(given)


class Judge:
    """Reads what the evaluator returns, by the names of the declaration."""

    def __init__(self, objectives: Sequence[Objective], constraints: Sequence[Assertion]) -> None:
        self.objectives, self.constraints = objectives, constraints
        self.names = tuple(dict.fromkeys(one.metric for one in (*objectives, *constraints)))
        self._units: dict[str, str | None] = {}

    def point(self, place: tuple[int, ...], params: Mapping[str, Any], answer: Any, error: Exception | None) -> Point:
        """Return a configuration with what was found, less the better in each of `scores`."""
        if error is not None:
            return Point(place, params, None, {}, (), (), error)
        found = figures(answer)
        named = {name: _named(found, name, params) for name in self.names}
        missing = tuple(f"{one.metric} has no value" for one in self.objectives if named[one.metric].value is None)
        failed = tuple(one.text for one in self.constraints if not self._holds(one, named))
        scores = () if missing else tuple(one.sign * self._number(named[one.metric], params) for one in self.objectives)
        return Point(place, params, answer, named, scores, (*missing, *failed), None)

    def points(self, sweep: Sweep) -> SweptPoints:
        """Return all rows of a sweep, judged.

        Raises
        ------
        InputTypeError, InputError, UnknownName
            For a figure that rows do not have, or that is of another kind than declared.
        """
        metrics = {name: Metric(name, sweep.field(name), sweep.column(name)) for name in self.names}
        scores = {one.metric: one.sign * _finite(metrics[one.metric]) for one in self.objectives}
        return SweptPoints(sweep, metrics, scores, {one.text: sweep.holds(one) for one in self.constraints})

    def _holds(self, claim: Assertion, named: Mapping[str, Metric]) -> bool:
        try:
            return claim.check(named).holds
        except InputError as error:
            if isinstance(claim.limit, pint.Quantity) and named[claim.metric].field.stored is None:
                more = "evaluate returns a plain number: leave the unit out, or return a quantity"
                raise InputError(f"{error}; {more}") from None
            raise

    def _number(self, metric: Metric, params: Mapping[str, Any]) -> float:
        """The figure of an objective in the unit of the first configuration."""
        value, of = metric.value, metric.field.stored
        if isinstance(value, bool | str):
            raise InputTypeError(f"an objective must be a number; {metric.name} is {metric.text} for {told(params)}")
        if not math.isfinite(value):
            raise InputError(
                f"an objective must be finite; {metric.name} is {value} for {told(params)};"
                " an evaluator returns None where there is no value"
            )
        first = self._units.setdefault(metric.name, of)
        if of == first:
            return value
        if of is None or first is None or not Quantity(1.0, unit(of)).is_compatible_with(unit(first)):
            raise InputError(
                f"{metric.name} must be of one dimension; it is {metric.text} for {told(params)},"
                f" and was {'a plain number' if first is None else f'in {unit(first):~P}'} before"
            )
        return Quantity(value, unit(of)).m_as(unit(first))


def _finite(metric: Metric) -> Any:
    """The values of an objective in all rows, NaN where there is none."""
    import numpy as np

    if metric.value.dtype.kind not in "fiu" or np.isinf(metric.value).any():
        raise InputTypeError(f"an objective must be a finite number; {metric.name} is not")
    return metric.value


def figures(answer: Any) -> Answers:
    """Return the figures of what an evaluator returned, by name: of a result, of several, or of a dict."""
    if isinstance(answer, Scorecard):
        return Answers(answer.plain, answer.results)
    if isinstance(answer, Result):
        found = Answers({}, {})
        found.update({name: Metric(name, field, answer.plain[name]) for name, field in answer.fields().items()})
        return found
    if not isinstance(answer, Mapping):
        raise InputTypeError(f"evaluate must return a dict of figures by name, or a Result; got {shown(answer)}")
    found = Answers({}, {name: one for name, one in answer.items() if isinstance(one, Result)})
    found.update({name: _figure(name, one) for name, one in answer.items() if not isinstance(one, Result)})
    return found


def _figure(name: str, value: Any) -> Metric:
    stored = None
    if isinstance(value, pint.Quantity):
        value, stored = value.magnitude, f"{value.units:C}"
    if getattr(value, "ndim", None) == 0:
        value = value.item()
    return Metric(name, _field(name, stored), value)


@cache
def _field(name: str, stored: str | None) -> Field:
    return Field(name, stored)


def _named(found: Answers, name: str, params: Mapping[str, Any]) -> Metric:
    try:
        metric = found[name]
    except UnknownName as error:
        raise UnknownName(f"{error}; evaluated for {told(params)}") from None
    value = metric.value
    if not (value is None or isinstance(value, bool | str | Real)):
        raise InputTypeError(f"{name} must be a number, a quantity, a flag or text; it is {shown(value)}")
    if isinstance(value, Real) and math.isnan(value):
        raise InputError(f"{name} must be a number; it is NaN for {told(params)}")
    return metric


def handed_out(metric: Metric) -> Any:
    """Return a figure as its result hands it out: a quantity, or a plain value."""
    if metric.value is None or metric.field.stored is None or isinstance(metric.field, Named):
        return metric.value
    return Quantity(metric.value, unit(metric.field.stored)).to(unit(metric.field.shown))


def owner_of(evaluate: Any) -> Any:
    """Return the solver or pipeline whose `solve` or `run` was given, and anything else as it is."""
    owner = getattr(evaluate, "__self__", None)
    return owner if isinstance(owner, Solver | Pipeline) and evaluate.__name__ in ("solve", "run") else evaluate


def asker(evaluate: Any, fixed: Mapping[str, Any], space: Mapping[str, Sequence[Any]]) -> Callable[[Any], Any]:
    """Return the function of one dict of parameters that asks a function, a solver or a pipeline.

    Raises
    ------
    InputTypeError, InputError, UnknownName
        If it is none of them, or the solver does not take a name, or needs one that is not given.
    """
    evaluate = owner_of(evaluate)
    if isinstance(evaluate, type) and (hasattr(evaluate, "solve") or issubclass(evaluate, Pipeline)):
        raise InputTypeError(f"evaluate must be an object, not a class: write {evaluate.__name__}()")
    if not (isinstance(evaluate, Pipeline) or callable(getattr(evaluate, "solve", None))):
        if not callable(evaluate):
            raise InputTypeError(
                f"evaluate must be a function of one dict of parameters, a solver or a pipeline; got {shown(evaluate)}"
            )
        if fixed:
            raise InputError(f"{', '.join(fixed)}: fixed inputs go to a solver; a function has its own")
        return evaluate
    for name in fixed:
        if name in space:
            raise InputError(f"{name} stands in the space: it cannot be fixed too")
    names = (*space, *fixed)
    if isinstance(evaluate, Pipeline):
        evaluate.explain(**dict.fromkeys(names))
        return partial(_ask, evaluate.run, fixed)
    if isinstance(evaluate, Solver):
        check_inputs(evaluate, names)
    return partial(_ask, evaluate.solve, fixed)


def _ask(solve: Callable[..., Any], fixed: Mapping[str, Any], params: Mapping[str, Any]) -> Any:
    return solve(**fixed, **params)


def points_of(
    ask: Callable[[Any], Any],
    judge: Judge,
    places: Iterable[tuple[int, ...]],
    space: Space,
    executor: Executor | None,
) -> Iterator[Point]:
    """Yield what comes of the configuration at each place, in their order."""

    def asked() -> Iterator[tuple[tuple[int, ...], dict[str, Any]]]:
        for place in places:
            yield place, {name: value_at(values, at) for at, (name, values) in zip(place, space.items(), strict=True)}

    if executor is None:
        for place, params in asked():
            yield judge.point(place, params, *_outcome(partial(ask, dict(params))))
        return
    submitted = (((place, params), executor.submit(ask, dict(params))) for place, params in asked())
    for (place, params), future in ahead(submitted, IN_FLIGHT):
        yield judge.point(place, params, *_outcome(future.result))


def _outcome(get: Callable[[], Any]) -> tuple[Any, Exception | None]:
    try:
        return get(), None
    except Exception as error:
        return None, error


class Sampler:
    """Optuna's tree-structured Parzen estimator over the places of a space."""

    def __init__(self, space: Mapping[str, Sequence[Any]], judge: Judge, seed: int) -> None:
        try:
            import optuna
        except ImportError as error:
            raise ImportError("a search by trials needs Optuna: pip install mlsysim[search]") from error
        self._judge, self._failed = judge, optuna.trial.TrialState.FAIL
        self._distributions = {
            name: optuna.distributions.IntDistribution(0, len(values) - 1)
            if all(isinstance(one, Real | pint.Quantity) for one in values)
            else optuna.distributions.CategoricalDistribution(tuple(range(len(values))))
            for name, values in space.items()
        }
        verbosity = optuna.logging.get_verbosity()
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        try:
            self._study = optuna.create_study(
                directions=["minimize"] * len(judge.objectives), sampler=optuna.samplers.TPESampler(seed=seed)
            )
        finally:
            optuna.logging.set_verbosity(verbosity)

    def ask(self) -> tuple[Any, tuple[int, ...]]:
        """Return a trial and the place in the space that it proposes."""
        trial = self._study.ask(self._distributions)
        return trial, tuple(int(trial.params[name]) for name in self._distributions)

    def tell(self, trial: Any, point: Point) -> None:
        """Say what came of a trial: what each objective is, and by how much each constraint is missed."""
        if not point.scores:
            self._study.tell(trial, state=self._failed)
            return
        for number, claim in enumerate(self._judge.constraints):
            trial.set_constraint(str(number), _miss(claim, point.figures[claim.metric], claim.text in point.removed_by))
        self._study.tell(trial, list(point.scores))


def _miss(claim: Assertion, metric: Metric, fails: bool) -> float:
    """By how much of its limit a constraint is missed; 0 if it holds."""
    if not fails:
        return 0.0
    limit = claim.in_unit_of(metric)
    if metric.value is None or isinstance(limit, bool | str) or claim.sign == "!=":
        return 1.0
    return max(abs(metric.value - limit) / (abs(limit) or 1.0), sys.float_info.epsilon)
