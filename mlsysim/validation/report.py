"""How far off: the errors of predictions, by record and by group."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from functools import cached_property
from io import StringIO
from statistics import median, quantiles
from typing import Any, NamedTuple

from mlsysim.errors import unknown
from mlsysim.tables import html_table, markdown_table, text_table
from mlsysim.validation.records import Measurement, measured_unit

GROUPS: dict[str, Callable[[Comparison], str]] = {
    "domain": lambda one: one.record.domain,
    "source": lambda one: one.record.source.name,
    "hardware": lambda one: one.record.hardware,
    "model": lambda one: one.record.model,
    "metric": lambda one: f"{one.record.domain}: {one.metric}",
}
"""What a table of errors may group by."""

_FIELDS = ("id", "metric", "predicted", "measured", "error_pct", "low", "high", "skipped_because")
_WORST = 10


class Comparison(NamedTuple):
    """One figure of a published result beside what we predict, both in the unit of the record.

    `error_pct` is signed: above zero, we predict more. `skipped_because` says why there is no prediction. The error of
    a group is taken from the figures that are `headline`: one of those that say the same of a record in several words.
    """

    record: Measurement
    metric: str
    predicted: float | None
    measured: float
    error_pct: float | None = None
    low: float | None = None
    high: float | None = None
    skipped_because: str | None = None
    headline: bool = False

    @property
    def answered(self) -> bool:
        """Whether there is a prediction."""
        return self.error_pct is not None

    def __str__(self) -> str:
        unit = self.record.measured[self.metric].unit
        said = f"{self.record.id}, {self.metric}: "
        if self.error_pct is None:
            return f"{said}{self.skipped_because}"
        return f"{said}{self.predicted:.4g} {unit}, measured {self.measured:.4g}, {self.error_pct:+.1f} %"

    def to_dict(self) -> dict[str, Any]:
        """Return the comparison for a program."""
        about = {"id": self.record.id, "unit": self.record.measured[self.metric].unit, "headline": self.headline}
        return {name: about[name] if name in about else getattr(self, name) for name in _FIELDS} | about


_PERFORMANCE = ("training", "serving", "vision-inference", "tinyml", "collective")
_SHARES = ("mfu", "hfu", "mfu_megatron_lm", "percent_of_peak")


def figure_of(record: Measurement, metric: str, headline: bool) -> tuple[str, int]:
    """Return what kind of figure a metric is, and -1 where more of it is less time, else 1.

    Of a domain of performance, times and rates and shares of a peak are one kind, ``"time"``; of others the headline is
    ``"value"``. What is no headline, or no time, is a kind by itself.

    Examples
    --------
    >>> from mlsysim.validation.records import published
    >>> figure_of(published("serving")[0], "throughput", True)
    ('time', -1)
    """
    powers = measured_unit(record.measured[metric].unit).dimensionality
    time = 0 if "[mass]" in powers else powers.get("[time]", 0)
    rate = time == -1 or metric in _SHARES
    if record.domain not in _PERFORMANCE:
        return ("value" if headline else metric), 1
    sign = -1 if rate else 1
    return ("time" if headline and (rate or time == 1) else metric), sign


class Errors(NamedTuple):
    """The errors of a group of results: the median and the 90th percentile of their sizes, and the median as signed.

    `records` counts published results, `answered` those of which at least one figure is predicted. The others are
    percentages of what was measured; None where nothing is answered.
    """

    records: int
    answered: int
    median_abs_error_pct: float | None
    p90_abs_error_pct: float | None
    bias_pct: float | None


def errors_of(comparisons: Sequence[Comparison], headline: bool = True) -> Errors:
    """Return the errors of a group: of the headline of each record, or else of every figure that is answered."""
    judged = [one for one in comparisons if one.answered and (one.headline or not headline)]
    records = {one.record.id for one in comparisons}
    answered = {one.record.id for one in comparisons if one.answered}
    if not judged:
        return Errors(len(records), len(answered), None, None, None)
    signed = [one.error_pct for one in judged]
    sizes = [abs(error) for error in signed]
    tail = quantiles(sizes, n=10, method="inclusive")[-1] if len(sizes) > 1 else sizes[0]
    return Errors(len(records), len(answered), median(sizes), tail, median(signed))


class Report:
    """Published results beside our predictions; prints as tables, shows as one in a notebook."""

    def __init__(self, comparisons: Sequence[Comparison], level: str, by: str = "domain") -> None:
        self.comparisons, self.level, self.by = tuple(comparisons), level, by

    @cached_property
    def groups(self) -> dict[str, Errors]:
        """The errors by what the report groups by."""
        return self.errors(self.by)

    def errors(self, by: str) -> dict[str, Errors]:
        """Return the errors of each group, in the order of the records; by metric, every figure counts.

        Raises
        ------
        UnknownName
            For a grouping that there is none of.
        """
        if by not in GROUPS:
            raise unknown("grouping", by, GROUPS)
        members: dict[str, list[Comparison]] = {}
        for one in self.comparisons:
            members.setdefault(GROUPS[by](one), []).append(one)
        return {name: errors_of(found, headline=by != "metric") for name, found in members.items()}

    @cached_property
    def total(self) -> Errors:
        """The errors of all records."""
        return errors_of(self.comparisons)

    def worst(self, count: int = _WORST) -> list[Comparison]:
        """Return the records that are furthest off, by their headline."""
        judged = [one for one in self.comparisons if one.headline]
        return sorted(judged, key=lambda one: -abs(one.error_pct or 0))[:count]

    def reasons(self) -> list[tuple[str, int]]:
        """Return why records are not answered, the most frequent reason first, each with the number of records."""
        answered = {one.record.id for one in self.comparisons if one.answered}
        first = {one.record.id: one.skipped_because for one in reversed(self.comparisons)}
        return Counter(str(reason) for name, reason in first.items() if name not in answered).most_common()

    def rows(self) -> Iterator[tuple[str, ...]]:
        """The errors of each group, and of all, as text."""
        for name, errors in [*self.groups.items(), ("all", self.total)]:
            sizes = (errors.median_abs_error_pct, errors.p90_abs_error_pct)
            signed = "" if errors.bias_pct is None else f"{errors.bias_pct:+.1f}"
            yield (
                name,
                str(errors.records),
                str(errors.answered),
                *("" if one is None else f"{one:.1f}" for one in sizes),
                signed,
            )

    @property
    def headers(self) -> list[str]:
        """The headers of `rows`."""
        return [self.by.capitalize(), "Records", "Answered", "Median error %", "90th percentile %", "Bias %"]

    def to_dict(self) -> dict[str, Any]:
        """Return all of it for a program: the errors by domain, by source and as asked, and each figure."""
        groups = {"domains": "domain", "sources": "source"}
        if self.by not in groups.values():
            groups[f"{self.by}s".replace("hardwares", "hardware")] = self.by
        grouped = {
            title: {name: errors._asdict() for name, errors in self.errors(by).items()} for title, by in groups.items()
        }
        records = [one.to_dict() for one in self.comparisons]
        return {"level": self.level, "all": self.total._asdict(), **grouped, "records": records}

    def to_csv(self) -> str:
        """Return each figure as a line of CSV."""
        lines = StringIO()
        rows = [one.to_dict() for one in self.comparisons]
        writer = csv.DictWriter(lines, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
        return lines.getvalue()

    def to_markdown(self) -> str:
        """Return the errors of each group as a Markdown table."""
        return markdown_table(self.headers, list(self.rows()), "<>>>>>")

    def _repr_html_(self) -> str:
        return html_table(self.headers, list(self.rows()), "<>>>>>")

    def __str__(self) -> str:
        parts = [f"Published results, {self.level}", text_table(self.headers, list(self.rows()), "<>>>>>")]
        if worst := self.worst():
            parts.append("\n".join(["Furthest off", *(f"  {one}" for one in worst)]))
        if reasons := self.reasons():
            parts.append("\n".join(["Not answered", *(f"  {number:4d}  {reason}" for reason, number in reasons)]))
        return "\n\n".join(parts)

    __repr__ = __str__
