"""Bands from residuals: by hand, against sources that were left out, and as they are stored."""

from __future__ import annotations

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlsysim import validate
from mlsysim.core.bands import COVERAGE, FILE
from mlsysim.validation import bands
from mlsysim.validation.bands import Residual, band, coverage, document, factors, residuals
from mlsysim.validation.records import published
from mlsysim.validation.report import figure_of
from mlsysim.validation.textbook import predicted_time


def one(value, source="a", domain="serving", **more):
    about = {"record": f"{source}{value}", "figure": "time", "level": "fitted", "timed": True, "headline": True}
    return Residual(domain=domain, source=source, value=value, **(about | more))


def test_each_source_weighs_as_one():
    """By hand: nine results of source a at 0 weigh 1/9 each, one of b at 1 and the unseen, at ±2, weigh 1 each.

    Of a mass of 3 the upper tenth is 0.3: it lies in the unseen. So do the lower 0.3.
    """
    low, high = band([*(one(0.0) for _ in range(9)), one(1.0, "b")], [one(2.0, "z", "training")])
    assert (math.log(low), math.log(high)) == pytest.approx((-2, 2))


def test_the_unseen_source_loses_weight_as_sources_are_added():
    """By hand: with eleven sources at 0 the unseen has 1/12 of the mass, less than the tenth of a side."""
    others = [one(2.0, "z", "training")]
    for sources, end in ((8, 2.0), (9, 0.0), (11, 0.0)):
        low, high = band([one(0.0, str(n)) for n in range(sources)], others)
        assert (math.log(low), math.log(high)) == pytest.approx((-end, end))


def test_without_evidence_the_band_is_that_of_the_others():
    low, high = band([], [one(-0.5, "y", "training"), one(0.2, "z", "training")])
    assert (low, high) == pytest.approx((math.exp(-0.5), math.exp(0.5)))


VALUES = st.lists(st.tuples(st.floats(-3, 3), st.sampled_from("abcdef")), min_size=1, max_size=30)


@given(VALUES, VALUES, st.floats(1, 4))
def test_a_band_is_ordered_and_grows_with_its_residuals(own, others, factor):
    own, others = ([one(value, source) for value, source in found] for found in (own, others))
    low, high = band(own, others)
    assert low <= high
    wider = [[two._replace(value=factor * two.value) for two in found] for found in (own, others)]
    scaled = band(*wider)
    assert math.log(scaled[0]) == pytest.approx(factor * math.log(low), abs=1e-9)
    assert math.log(scaled[1]) == pytest.approx(factor * math.log(high), abs=1e-9)


@given(VALUES, VALUES, st.floats(-1, 1))
def test_a_band_moves_with_the_bias(own, others, shift):
    own, others = ([one(value, source) for value, source in found] for found in (own, others))
    moved = band([two._replace(value=two.value + abs(shift)) for two in own], others)
    low, high = band(own, others)
    assert moved[0] >= low * (1 - 1e-12)
    assert moved[1] >= high * (1 - 1e-12)


def test_devices_that_were_not_timed_have_no_narrower_band():
    """Ten results of two sources at 0 on each; those on devices that were timed err more."""
    exact = [one(0.0, source, timed=False) for source in "ab" for _ in range(5)]
    rough = [one(value, source) for source in "ab" for value in (-1.0, -1.0, 0.0, 1.0, 1.0)]
    found = [*exact, *rough, one(0.1, "z", "training")]
    assert factors(found, "serving", "time", "fitted", "timed") == (0.3679, 2.7183)
    assert factors(found, "serving", "time", "fitted", "untimed") == (0.3679, 2.7183)


def test_a_source_that_is_left_out_is_left_out_everywhere():
    found = [one(0.0), one(0.0, "b"), one(5.0, "c"), one(0.3, "d", "training"), one(5.0, "c", "training")]
    assert factors(found, "serving", "time", "fitted", "all", "c") == (0.7408, 1.3499)


def test_rates_and_shares_are_turned_into_times():
    (served,) = (record for record in published("serving") if record.id == "gptfast-llama2-7b-bf16-a100-sxm-80gb-tp1")
    assert figure_of(served, "decode_speed", True) == ("time", -1)
    assert figure_of(served, "decode_speed", False) == ("decode_speed", -1)
    kinds = {
        (record.domain, metric): figure_of(record, metric, True) for record in published() for metric in record.measured
    }
    assert kinds["training", "iteration_time"] == ("time", 1)
    assert kinds["training", "mfu"] == ("time", -1)
    assert kinds["training", "peak_memory_per_gpu"] == ("peak_memory_per_gpu", 1)
    assert kinds["tinyml", "energy"] == ("energy", 1)
    assert kinds["carbon", "emissions"] == ("value", 1)
    assert kinds["collective", "busbw"] == ("time", -1)


def test_the_stored_bands_are_those_of_the_records():
    """`python -m benchmarks.bands` renews them."""
    stored, made = (json.loads(text)["bands"] for text in (FILE.read_text("utf-8"), document()))
    assert len(stored) == len(made)
    for old, new in zip(stored, made, strict=True):
        for name, value in new.items():
            wanted = {key: pytest.approx(pair) for key, pair in value.items()} if name == "without" else value
            assert old[name] == (pytest.approx(wanted) if name in ("low", "high") else wanted), new


@pytest.mark.parametrize("level", ["none", "datasheet", "fitted"])
def test_coverage_of_sources_that_were_left_out(level):
    """Four fifths are meant; a level counts as near that between 72 and 88 per cent of all answered records."""
    held = coverage(residuals(), level)
    within, of = (sum(pair[at] for pair in held.values()) for at in (0, 1))
    assert of > 400
    assert abs(within / of - COVERAGE) <= 0.08, held


def test_the_textbook_level_covers_at_least_as_much():
    """It has few records, so that its band is mostly that of the source nobody has seen."""
    held = coverage(residuals(), "roofline")
    within, of = (sum(pair[at] for pair in held.values()) for at in (0, 1))
    assert of > 80
    assert within / of >= 0.72, held


def test_each_comparison_has_the_band_made_without_its_source():
    report = validate(published("serving"))
    stored = {(row["domain"], row["figure"], row["level"], row["regime"]): row for row in bands.rows()}
    judged = [found for found in report.comparisons if found.headline]
    assert judged
    for found in judged:
        answer = found.to_dict()
        assert answer["low"] < answer["high"]
    rate = next(found for found in judged if found.metric == "output_throughput")
    low, high = stored["serving", "time", "fitted", "timed"]["without"][rate.record.source.name]
    assert rate.low == pytest.approx(rate.predicted / high)
    assert rate.high == pytest.approx(rate.predicted / low)


def test_every_answered_figure_of_the_package_has_a_band():
    for found in validate().comparisons:
        if found.answered and found.predicted > 0:
            assert found.low <= found.high, found


def test_a_record_from_elsewhere_is_judged_by_all_sources():
    one = published("serving")[0]
    stranger = one.model_copy(update={"source": one.source.model_copy(update={"key": None, "title": "mine"})})
    ours, theirs = (validate(record).comparisons[0] for record in (one, stranger))
    assert ours.predicted == theirs.predicted
    assert (ours.low, ours.high) != (theirs.low, theirs.high)


def test_the_textbook_level_answers_by_hand():
    """Decoding is limited by memory: 13.5 GB of weights of Llama-2 7B over 2.039 TB/s is about 6.6 ms."""
    (record,) = (record for record in published("serving") if record.id == "gptfast-llama2-7b-bf16-a100-sxm-80gb-tp1")
    metric, rate = predicted_time(record)
    assert metric == "decode_speed"
    assert rate == pytest.approx(1 / 0.0066, rel=0.02)
    assert {record.domain for record in published() if predicted_time(record)} == {
        "training",
        "serving",
        "vision-inference",
        "tinyml",
    }
