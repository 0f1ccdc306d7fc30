"""Published results against our predictions: asks every record at a level of fidelity."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from pint import DimensionalityError

from mlsysim.core import bands
from mlsysim.core.progress import progress
from mlsysim.errors import InputError, InputTypeError, shown, unknown
from mlsysim.units import Quantity, UnitError
from mlsysim.validation.adapters import CALIBRATION, LEVELS, headline, predict
from mlsysim.validation.adapters.machines import machines
from mlsysim.validation.adapters.names import NotStated
from mlsysim.validation.records import Measurement, load, measured_unit, published, refuse_twins
from mlsysim.validation.report import GROUPS, Comparison, Report, figure_of


def validate(records: Any = None, level: str = "fitted", by: str = "domain") -> Report:
    """Compare published results with what we predict for them.

    Parameters
    ----------
    records
        Results of `records.published` or `records.load`, the path of a file, or several paths; left out, all published
        results of the package.
    level
        ``"speed of light"``, no kernel slower than the device's peaks; ``"datasheet"``, universal constants; or
        ``"fitted"``, timings of the device where there are any.
    by
        What the table groups by: ``"domain"``, ``"source"``, ``"hardware"``, ``"model"`` or ``"metric"``.

    Returns
    -------
    Report
        The errors of each record, and of each group.

    Raises
    ------
    UnknownName
        For a level or a grouping that there is none of.
    InputError, InputTypeError
        For a file that cannot be read or holds what is no record, two records of one id, or what is neither.

    Examples
    --------
    >>> from mlsysim.validation.records import published
    >>> report = validate(published("serving")[:3])
    >>> [(one.metric, one.answered) for one in report.comparisons][:1]
    [('throughput', ...)]
    """
    if level not in LEVELS:
        raise unknown("level", level, LEVELS)
    if by not in GROUPS:
        raise unknown("grouping", by, GROUPS)
    asked = _records(records)
    refuse_twins(asked, "records")
    found: list[Comparison] = []
    with progress("Predicting", len(asked)) as advance:
        for record in asked:
            found += compare(record, level)
            advance(1)
    return Report(found, level, by)


def compare(record: Measurement, level: str) -> list[Comparison]:
    """Return each figure of one published result beside what we predict for it."""
    try:
        answers = predict(record, level)
    except (InputError, InputTypeError, UnitError) as refusal:
        answers = dict.fromkeys(record.measured, str(refusal))
    answered = [name for name in record.measured if not isinstance(answers[name], str)]
    preferred = headline(record.domain)
    judged = answered if preferred is None else [name for name in preferred if name in answered][:1]
    return [_comparison(record, name, answers[name], level, name in judged) for name in record.measured]


def _comparison(record: Measurement, metric: str, answer: Any, level: str, judged: bool) -> Comparison:
    figure = record.measured[metric]
    if isinstance(answer, str):
        return Comparison(record, metric, None, figure.value, skipped_because=answer)
    try:
        predicted = float(Quantity(answer).m_as(measured_unit(figure.unit)))
    except DimensionalityError as error:
        raise InputError(f"{record.id}: {metric} cannot be in {figure.unit!r}: {error}") from error
    if figure.value == 0:
        because = f"nothing was measured, of which no error is a fraction; predicted {predicted:.4g}"
        return Comparison(record, metric, None, figure.value, skipped_because=because)
    error = 100 * (predicted - figure.value) / abs(figure.value)
    low, high = _band(record, metric, predicted, level, judged)
    return Comparison(record, metric, predicted, figure.value, error, low, high, headline=judged)


def _band(record: Measurement, metric: str, predicted: float, level: str, judged: bool) -> tuple[Any, Any]:
    """The band of a prediction, made without the source of the record."""
    figure, sign = figure_of(record, metric, judged)
    found = bands.factors(record.domain, figure, CALIBRATION[level], timed(record))
    if found is None:
        return None, None
    by = found[1]
    low, high = sorted(predicted * one**sign for one in by.without.get(record.source.name, (by.low, by.high)))
    return low, high


def timed(record: Measurement) -> bool:
    """Return whether kernels of the device that a record names were timed."""
    try:
        return machines(record).hardware.kernels is not None
    except NotStated:
        return False


def _records(given: Any) -> Sequence[Measurement]:
    if given is None:
        return published()
    if isinstance(given, str | Path):
        return load(given)
    if isinstance(given, Measurement):
        return (given,)
    if not isinstance(given, Iterable):
        raise InputTypeError(f"records must be results, or paths of files that hold them; got {shown(given)}")
    asked: list[Measurement] = []
    for one in given:
        if not isinstance(one, str | Path | Measurement):
            raise InputTypeError(f"records must be results, or paths of files that hold them; got {shown(one)}")
        asked += [one] if isinstance(one, Measurement) else load(one)
    if not asked:
        raise InputError("records must hold at least one; got none")
    return asked
