"""How far off an answer may be: the band that published results support, and what the prediction leaves out.

The bands are data, made from the residuals of published results by `mlsysim.validation.bands`; they are read when a
band is first asked for. A figure's band is its prediction times two factors: four fifths of what was measured of others
lies between them.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from functools import cache
from importlib import resources
from typing import Any, Literal, NamedTuple

from mlsysim.records import Record, Registry

COVERAGE = 0.8
"""Share of published results that a band is made to hold."""

FILE = resources.files("mlsysim.core").joinpath("data", "bands.json")

LEAST = (10, 2)
"""Records and sources that a regime must have to stand apart from its domain, and to call an answer calibrated."""

UNJUDGED = (
    "untimed",
    "bound",
    "given",
    "kind",
    "infeasible",
    "offloaded",
    "speculative",
    "disaggregated",
    "stages",
    "adapters",
)
"""Conditions under which no published result judges an answer, however many there are of its domain."""

_SEEN = ("TransformerWorkload", "VisionTransformerWorkload", "CNNWorkload", "UNetWorkload")
"""Kinds of models that published results are of."""


class Gap(Record):
    """Something that a prediction leaves out, and how it is known.

    Parameters
    ----------
    text
        What, in a few words.
    domains
        Of what predictions.
    when
        The condition of a question on which it matters; None: always.
    because
        Why it is left out, or what it did where it was seen.
    shown_by
        Published results, by their ids, that show it.
    """

    text: str
    domains: tuple[Literal["serving", "training", "vision-inference", "tinyml"], ...]
    when: str | None = None
    because: str
    shown_by: tuple[str, ...] = ()


GAPS: Registry[Gap] = Registry("gap", lambda raw: Gap(**raw), "mlsysim.core", "not_modeled")


class Factors(NamedTuple):
    """What a prediction is multiplied by, and what that rests on.

    `records` and `sources` count the published results of this domain, level and regime; where there are none, the
    factors are those of other domains.
    """

    low: float
    high: float
    records: int
    sources: int
    without: Mapping[str, tuple[float, float]]


class Judged(NamedTuple):
    """By which published results an answer is judged: those of a domain, at a level, on devices timed or not."""

    figure: str
    domain: str
    level: str
    timed: bool
    conditions: frozenset[str]


class Band(NamedTuple):
    """The band of one figure of an answer.

    Parameters
    ----------
    figure
        The name of the field.
    low, high
        Between these four fifths of the published results lie, in the unit in which the field is stored.
    calibrated
        Whether published results, enough of them, judge answers of this kind on devices that were timed.
    not_modeled
        What the answer leaves out.
    domain, level, regime
        Which published results it rests on.
    records, sources
        How many, and of how many sources.
    """

    figure: str
    low: float
    high: float
    calibrated: bool
    not_modeled: tuple[str, ...]
    domain: str
    level: str
    regime: str
    records: int
    sources: int

    def to_dict(self) -> dict[str, Any]:
        """Return what the band rests on, for a program."""
        names = ("figure", "domain", "level", "regime", "records", "sources")
        return {"coverage": COVERAGE} | {name: getattr(self, name) for name in names}


@cache
def _stored() -> dict[tuple[str, str, str, str], Factors]:
    rows = json.loads(FILE.read_text("utf-8"))["bands"]
    keys = ("domain", "figure", "level", "regime")
    return {tuple(row[name] for name in keys): Factors(*(row[name] for name in Factors._fields)) for row in rows}


def factors(domain: str, figure: str, level: str, timed: bool = False) -> tuple[str, Factors] | None:
    """Return the regime that answers such a question and its factors, or None where nothing does.

    Whether the device's kernels were timed matters at the fitted level only.

    Examples
    --------
    >>> regime, found = factors("serving", "time", "fitted", timed=True)
    >>> regime, found.low < 1 < found.high
    ('timed', True)
    """
    for regime in ("timed" if timed else "untimed", "all"):
        if found := _stored().get((domain, figure, level, regime)):
            return regime, found
    return None


def gaps(domain: str, conditions: Iterable[str]) -> tuple[str, ...]:
    """Return what a prediction of a domain leaves out under some conditions.

    Examples
    --------
    >>> gaps("serving", ["infeasible"])[0]
    'what an engine does with requests that do not fit'
    """
    asked = {None, *conditions}
    return tuple(gap.text for gap in GAPS if domain in gap.domains and gap.when in asked)


def band(judged: Judged, predicted: float) -> Band | None:
    """Return the band of a figure of an answer."""
    found = factors(judged.domain, "time", judged.level, judged.timed)
    if found is None:
        return None
    regime, by = found
    enough = by.records >= LEAST[0] and by.sources >= LEAST[1]
    return Band(
        judged.figure,
        by.low * predicted,
        by.high * predicted,
        enough and judged.conditions.isdisjoint(UNJUDGED),
        gaps(judged.domain, judged.conditions),
        judged.domain,
        judged.level,
        regime,
        by.records,
        by.sources,
    )


def judged_pass(plain: Mapping[str, Any], asked: Mapping[str, Any]) -> Judged:
    """Return by what the latency of a pass is judged."""
    domain = "serving" if plain["phase"] in ("prefill", "decode", "encode") else "vision-inference"
    if asked["hardware"].plain.flash_capacity is not None:
        domain = "tinyml"
    conditions = {"one": plain["batch_size"] == 1, "offloaded": plain["offloaded"]}
    return _judged("latency", domain, plain, asked, conditions)


def judged_serving(plain: Mapping[str, Any], asked: Mapping[str, Any]) -> Judged:
    """Return by what the time of a token is judged: as served where answers have a length, else of a step."""
    conditions = {
        "speculative": plain["accepted_tokens"] is not None,
        "disaggregated": plain["kv_transfer_time"] is not None,
        "stages": plain["pipeline_parallel"] > 1,
    }
    return _judged("itl" if plain["tpot"] is None else "tpot", "serving", plain, asked, conditions)


def judged_batching(plain: Mapping[str, Any], asked: Mapping[str, Any]) -> Judged:
    """Return by what the time of a token is judged where requests join and leave a batch."""
    figure = "itl" if plain["tpot"] is None else "tpot"
    return _judged(figure, "serving", plain, asked, {})


def judged_training(plain: Mapping[str, Any], asked: Mapping[str, Any]) -> Judged:
    """Return by what the time of a training step on one device is judged."""
    conditions = {"offloaded": plain["spilled"], "adapters": plain["lora_rank"] is not None}
    return _judged("step_time", "training", {"fidelity": "roofline", **plain}, asked, conditions)


def judged_step(plain: Mapping[str, Any], asked: Mapping[str, Any]) -> Judged:
    """Return by what the time of a training step of a fleet is judged."""
    device = asked["fleet"].node.accelerator
    about = {"fidelity": "operator", "efficiency_source": "", **plain}
    return _judged("step_latency_total", "training", about, {"hardware": device, **asked}, {})


def _judged(
    figure: str, domain: str, plain: Mapping[str, Any], asked: Mapping[str, Any], conditions: Mapping[str, Any]
) -> Judged:
    hardware, textbook = asked["hardware"], plain["fidelity"] == "roofline"
    timed = hardware.kernels is not None
    level = "roofline" if textbook else plain["calibration"]
    common = {
        "roofline": textbook and domain != "tinyml",
        "bound": level == "none",
        "untimed": not timed and not (textbook and hardware.efficiency),
        "kind": type(asked["model"]).__name__ not in _SEEN,
        "given": plain["efficiency_source"] == "given" or asked.get("efficiency") is not None,
        "infeasible": not plain["feasible"],
        "experts": getattr(asked["model"], "experts", None),
    }
    holding = frozenset(name for name, holds in (common | dict(conditions)).items() if holds)
    return Judged(figure, domain, level, timed, holding)
