"""The gate: no domain worse than it was, no record lost, pinned predictions to the digit."""

from __future__ import annotations

from copy import deepcopy

import pytest

from benchmarks.gate import DIGITS, changes, failures, made, predictions, read
from mlsysim.validation.records import DOMAINS

STORED = {
    "domains": {
        "serving": {"answered": 10, "median_abs_error_pct": 8.0},
        "tinyml": {"answered": 5, "median_abs_error_pct": 40.0},
    },
    "predictions": {"serving": {"a: tpot": 8.0}},
}
ANSWERS = {"a: tpot": ("serving", 8.0)}


def test_nothing_is_worse_than_what_the_gate_holds():
    """Where a change is meant, `python -m benchmarks.gate` renews the file and says what changed."""
    stored = read()
    assert failures(stored, made(stored["predictions"]), predictions()) == []


def test_the_gate_holds_every_domain_and_about_thirty_predictions():
    stored = read()
    assert tuple(stored["domains"]) == DOMAINS
    assert tuple(stored["predictions"]) == DOMAINS
    assert 25 <= sum(map(len, stored["predictions"].values())) <= 35


@pytest.mark.parametrize(
    ("domain", "median", "stopped"),
    [("serving", 8.9, False), ("serving", 9.1, True), ("tinyml", 43.9, False), ("tinyml", 44.1, True)],
)
def test_the_margin_is_a_point_or_a_tenth(domain, median, stopped):
    now = deepcopy(STORED)
    now["domains"][domain]["median_abs_error_pct"] = median
    assert bool(failures(STORED, now, ANSWERS)) == stopped
    assert changes(STORED, now, ANSWERS) == [line for line in changes(STORED, now, ANSWERS) if domain in line]


def test_fewer_answers_are_stopped_and_more_are_not():
    now = deepcopy(STORED)
    now["domains"]["serving"]["answered"] = 9
    assert failures(STORED, now, ANSWERS) == ["serving: 9 records are answered, 10 were"]
    now["domains"]["serving"]["answered"] = 11
    assert failures(STORED, now, ANSWERS) == []
    assert changes(STORED, now, ANSWERS) == ["serving: 10 answered, median 8.00 % -> 11 answered, median 8.00 %"]


def test_a_pinned_prediction_may_move_in_its_last_digits_only():
    assert failures(STORED, STORED, {"a: tpot": ("serving", 8.0 * (1 + DIGITS / 2))}) == []
    assert failures(STORED, STORED, {"a: tpot": ("serving", 8.001)}) == ["a: tpot is 8.001, it was 8.0"]
    assert failures(STORED, STORED, {}) == ["a: tpot is not answered, it was 8.0"]


def test_a_lost_domain_is_stopped():
    now = {"domains": {}, "predictions": {}}
    assert "tinyml: 0 records are answered, 5 were" in failures(STORED, now, ANSWERS)
