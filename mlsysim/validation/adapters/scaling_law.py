"""Scaling laws: what the three approaches of the source, as our records have them, give for a size.

The level changes nothing here.
"""

from __future__ import annotations

import math
import re
from typing import Any

from mlsysim.core.solver.algorithm.laws import LAWS
from mlsysim.core.solver.algorithm.scaling import ScalingModel
from mlsysim.physics.transformer import training_flops
from mlsysim.units import Q_
from mlsysim.validation.adapters.figures import given, number, quantity, whole
from mlsysim.validation.adapters.names import NotStated
from mlsysim.validation.records import Measurement

APPROACHES = {1: "chinchilla", 2: "chinchilla_2", 3: "chinchilla_3"}
"""Our laws by the approach of [hoffmann2022chinchilla]."""

HEADLINE = ("flops", "flops_approach3", "flops_approach2", "a3")
OURS = "it is a constant of our law, from this very source: comparing them shows nothing"
CONFLICT = 2.0
"""A printed budget that is so many times 6·N·D of its own row, or a part as small, contradicts it."""


def predict(record: Measurement, level: str) -> dict[str, Any]:
    """Return what we predict for each metric of a record, or why we do not."""
    answers = {}
    for metric in record.measured:
        try:
            answers[metric] = _answer(record, metric)
        except NotStated as why:
            answers[metric] = str(why)
    return answers


def _answer(record: Measurement, metric: str) -> Any:
    if exponent := re.fullmatch(r"([ab])(\d|_kaplan)", metric):
        return _exponent(*exponent.groups())
    if not (asked := re.fullmatch(r"(flops|tokens)(?:_approach(\d))?", metric)):
        return OURS if metric in ("E", "A", "B", "alpha", "beta") else f"{metric} is nothing that a scaling law gives"
    what, approach = asked.groups()
    if approach is None and not given(record, "approach"):
        return _stated_run(record, what)
    known = whole(record, "approach") if approach is None else int(approach)
    return _of_law(record, what, known) if known in APPROACHES else f"there is no approach {known} among the three"


def _exponent(which: str, approach: str) -> Any:
    """How fast size (a) or tokens (b) grow with the budget, from two budgets that the solver is asked."""
    law = LAWS[APPROACHES[int(approach)]] if approach.isdecimal() and int(approach) in APPROACHES else None
    if law is None or law.loss is None:
        return OURS
    name = "parameters" if which == "a" else "optimal_tokens"
    small, large = (
        ScalingModel().solve(Q_(budget, "FLOP"), law=APPROACHES[int(approach)]).plain[name] for budget in (1e20, 1e21)
    )
    return Q_(math.log10(large / small), "dimensionless")


def _stated_run(record: Measurement, what: str) -> Any:
    if what == "tokens" or not given(record, "tokens"):
        return "it states no budget, and no approach that would give one"
    return training_flops(quantity(record, "params", "param"), quantity(record, "tokens", "token"))


def _of_law(record: Measurement, what: str, approach: int) -> Any:
    law, size = LAWS[APPROACHES[approach]], number(record, "params")
    if law.reference_parameters is not None and law.reference_parameters.m_as("param") == size:
        return "our law runs through this very row: comparing them shows nothing"
    if what == "flops" and (conflict := _conflict(record, approach)):
        return conflict
    budget = Q_(law.budget(size), "FLOP")
    return budget if what == "flops" else ScalingModel().solve(budget, law=APPROACHES[approach]).optimal_tokens


def _conflict(record: Measurement, approach: int) -> str | None:
    """Why a printed budget is no figure to be compared with: it is far from 6·N·D of its own row."""
    known = record.measured
    flops, tokens = (known.get(f"{one}_approach{approach}", known.get(one)) for one in ("flops", "tokens"))
    if flops is None or tokens is None:
        return None
    needed = training_flops(quantity(record, "params", "param"), tokens.quantity)
    if 1 / CONFLICT < flops.quantity / needed < CONFLICT:
        return None
    return f"the source contradicts itself: it prints {flops.quantity:.3g~}, and 6·N·D of the same row is {needed:.3g~}"
