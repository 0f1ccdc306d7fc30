"""Bands from residuals: how far what was measured lies from what was predicted, by domain, level and regime.

A residual is the logarithm of measured over predicted time. The prediction is fitted on other data, so every published
result may calibrate it, as in split conformal prediction [lei2018distribution]. Results of one source resemble each
other, and the next question comes from a source of its own; so each source weighs as one, and so does the source that
nobody has seen [lee2023hierarchical]. That one would make a band of few sources infinitely wide. It is taken to err as
much as the sources of the other domains do, on either side.
"""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Iterable, Sequence
from functools import cache
from itertools import groupby
from typing import Any, NamedTuple

from mlsysim.core.bands import COVERAGE, LEAST
from mlsysim.validation.adapters import CALIBRATION
from mlsysim.validation.records import published
from mlsysim.validation.report import Comparison, figure_of
from mlsysim.validation.runner import timed, validate
from mlsysim.validation.textbook import predicted_time

TEXTBOOK = "roofline"
"""How the bands call the textbook level, which the adapters do not ask at."""


class Residual(NamedTuple):
    """How far one published result lies from its prediction."""

    record: str
    domain: str
    figure: str
    level: str
    timed: bool
    source: str
    value: float
    headline: bool


def residual(one: Comparison, level: str, headline: bool) -> Residual | None:
    """Return the residual of a comparison; None where there is none, or a logarithm means nothing."""
    if one.predicted is None or one.predicted <= 0 or one.measured <= 0:
        return None
    figure, sign = figure_of(one.record, one.metric, headline)
    value = sign * math.log(one.measured / one.predicted)
    about = one.record.domain, figure, level, timed(one.record), one.record.source.name
    return Residual(one.record.id, *about, value, headline)


@cache
def residuals() -> tuple[Residual, ...]:
    """Return the residuals of all published results at all levels."""
    found = []
    for level, name in CALIBRATION.items():
        found += [residual(one, name, one.headline) for one in validate(level=level).comparisons]
    for record in published():
        if answer := predicted_time(record):
            metric, predicted = answer
            measured = float(record.measured[metric].quantity.to_base_units().magnitude)
            found.append(residual(Comparison(record, metric, predicted, measured), TEXTBOOK, True))
    return tuple(one for one in found if one is not None)


def band(own: Iterable[Residual], others: Iterable[Residual]) -> tuple[float, float]:
    """Return the factors on a prediction between which four fifths of measured values lie.

    Parameters
    ----------
    own
        Residuals of the domain, level and regime.
    others
        Those of the other domains, whose sizes stand in for a source that nobody has seen.

    Examples
    --------
    One source, all of whose results took 1.2 times as long, beside others that were 30 % off:

    >>> first = [Residual(str(n), "serving", "time", "fitted", True, "a", math.log(1.2), True) for n in range(5)]
    >>> low, high = band(first, [one._replace(source="b", value=math.log(1.3)) for one in first])
    >>> f"{low:.2f} {high:.2f}"
    '0.77 1.30'
    """
    own, others = list(own), list(others)
    mine, theirs = (Counter(one.source for one in found) for found in (own, others))

    def limit(sign: int) -> float:
        known = [(sign * one.value, 1 / mine[one.source]) for one in own]
        unseen = [(abs(one.value), 1 / (theirs[one.source] * len(theirs))) for one in others]
        return _quantile([*known, *unseen], 1 - (1 - COVERAGE) / 2)

    return math.exp(-limit(-1)), math.exp(limit(1))


def _quantile(weighted: list[tuple[float, float]], part: float) -> float:
    total = sum(weight for _, weight in weighted)
    reached = 0.0
    for value, weight in sorted(weighted):
        reached += weight
        if reached >= part * total * (1 - 1e-12):
            return value
    raise ValueError("a band needs at least one residual")


def regimes(figure: str, level: str, is_timed: bool) -> tuple[str, ...]:
    """Return the regimes by which a figure is judged, the narrowest first: timings matter to fitted times alone."""
    return ("timed" if is_timed else "untimed", "all") if (figure, level) == ("time", "fitted") else ("all",)


def _in(regime: str, own: Sequence[Residual]) -> list[Residual]:
    return [one for one in own if regime == "all" or one.timed == (regime == "timed")]


def _enough(own: Sequence[Residual]) -> bool:
    return len(own) >= LEAST[0] and len({one.source for one in own}) >= LEAST[1]


def rows(found: Sequence[Residual] | None = None) -> list[dict[str, Any]]:
    """Return the bands, each also without every one of its sources: that by which this source is judged."""
    found = residuals() if found is None else found
    answer = []
    for (domain, figure, level), group in _grouped(found).items():
        for regime in dict.fromkeys(one for is_timed in (True, False) for one in regimes(figure, level, is_timed)):
            own = _in(regime, group)
            if regime != "all" and not _enough(own):
                continue
            sources = sorted({one.source for one in own})
            low, high = factors(found, domain, figure, level, regime)
            answer.append(
                {"domain": domain, "figure": figure, "level": level, "regime": regime, "low": low, "high": high}
                | {"records": len({one.record for one in own}), "sources": len(sources)}
                | {"without": {name: factors(found, domain, figure, level, regime, name) for name in sources}}
            )
    return answer


def factors(
    found: Sequence[Residual], domain: str, figure: str, level: str, regime: str, without: str | None = None
) -> tuple[float, float]:
    """Return the band of a domain, level and regime, rounded; `without` leaves a source out, of other domains too.

    On devices whose kernels were not timed it is never narrower than on those that were.
    """
    seen = [one for one in found if one.source != without]
    group = _grouped(seen).get((domain, figure, level), [])
    others = [one for one in seen if one.headline and one.level == level and one.domain != domain]
    kin = [one for one in others if (one.figure == "time") == (figure == "time")] or others
    own = _in(regime, group)
    limits = band(own if regime == "all" or _enough(own) else group, kin)
    if regime == "untimed" and _enough(better := _in("timed", group)):
        least = band(better, kin)
        limits = min(limits[0], least[0]), max(limits[1], least[1])
    return round(limits[0], 4), round(limits[1], 4)


def _grouped(found: Sequence[Residual]) -> dict[tuple[str, str, str], list[Residual]]:
    def key(one: Residual) -> tuple[str, str, str]:
        return one.domain, one.figure, one.level

    return {name: list(group) for name, group in groupby(sorted(found, key=key), key)}


def coverage(found: Sequence[Residual], level: str) -> dict[str, tuple[int, int]]:
    """Return by domain how many headlines lie in the band made without their source, and how many there are."""
    stored = {(row["domain"], row["figure"], row["level"], row["regime"]): row for row in rows(found)}
    held: dict[str, list[bool]] = {}
    for one in found:
        if one.level == level and one.headline:
            regime = next(
                r for r in regimes(one.figure, level, one.timed) if (one.domain, one.figure, level, r) in stored
            )
            low, high = stored[one.domain, one.figure, level, regime]["without"][one.source]
            held.setdefault(one.domain, []).append(low <= math.exp(one.value) <= high)
    return {domain: (sum(hits), len(hits)) for domain, hits in held.items()}


def document() -> str:
    """Return the file of the bands."""
    lines = ",\n".join(f"  {json.dumps(row, ensure_ascii=False)}" for row in rows())
    return f'{{"made_by": "python -m benchmarks.bands", "bands": [\n{lines}\n]}}\n'
