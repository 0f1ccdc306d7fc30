"""The band of an answer: read from the data, shown in every form, and said to be uncalibrated where nothing judges."""

from __future__ import annotations

import json
import pickle
import subprocess
import sys

import jsonschema
import pytest

from mlsysim import (
    ContinuousBatchingModel,
    DistributedModel,
    Engine,
    Hardware,
    Models,
    ReliabilityModel,
    ServingModel,
    Systems,
    TrainingModel,
)
from mlsysim.core import bands
from mlsysim.validation.records import published

FLEET = Systems.Clusters.Research_256


def passed(model=Models.Llama3_8B, hardware=Hardware.H100, **more):
    return Engine.solve(model, hardware, **({"fidelity": "operator"} | more))


ANSWERS = {
    "latency": passed,
    "itl": lambda: ServingModel().solve(Models.Llama3_8B, Hardware.H100, 1024, 8, fidelity="operator"),
    "tpot": lambda: ServingModel().solve(
        Models.Llama3_8B, Hardware.H100, 1024, 8, output_tokens=64, fidelity="operator"
    ),
    "step_time": lambda: TrainingModel().solve(Models.GPT2, Hardware.H100),
    "step_latency_total": lambda: DistributedModel().solve(Models.Llama3_8B, FLEET, 256),
}


@pytest.mark.parametrize("figure", ANSWERS)
def test_the_band_is_of_the_main_figure(figure):
    result = ANSWERS[figure]()
    found = result.band
    assert found.figure == figure
    assert found.low < result.plain[figure] < found.high
    assert result.low.m_as("s") == pytest.approx(found.low)
    assert result.high.units == getattr(result, figure).units


def test_batching_is_judged_by_the_time_of_a_token():
    asked = {"output_tokens": 128, "fidelity": "operator"}
    result = ContinuousBatchingModel().solve(Models.Llama3_8B, Hardware.H100, 1024, 16, **asked)
    assert result.band.figure == "tpot"
    assert result.calibrated


def test_a_band_is_the_prediction_times_the_stored_factors():
    result = ANSWERS["tpot"]()
    regime, by = bands.factors("serving", "time", "fitted", timed=True)
    assert regime == result.band.regime == "timed"
    assert result.band.low == by.low * result.plain["tpot"]
    assert result.band.high == by.high * result.plain["tpot"]
    assert (result.band.records, result.band.sources) == (by.records, by.sources)


def test_a_band_scales_with_its_prediction():
    small, large = passed(batch_size=1), passed(batch_size=64)
    ratio = large.plain["latency"] / small.plain["latency"]
    assert ratio > 1
    assert large.band.low / small.band.low == pytest.approx(ratio)
    assert large.band.high / small.band.high == pytest.approx(ratio)


def test_bands_widen_where_the_evidence_is_worse():
    width = {}
    for name, (regime, by) in {
        "timed": bands.factors("serving", "time", "fitted", timed=True),
        "untimed": bands.factors("serving", "time", "fitted", timed=False),
        "datasheet": bands.factors("serving", "time", "datasheet"),
        "roofline": bands.factors("serving", "time", "roofline"),
    }.items():
        assert regime in (name, "all")
        width[name] = by.high / by.low
    assert width["timed"] < width["untimed"]
    assert width["timed"] < width["datasheet"] < width["roofline"]


def test_calibrated_where_timed_and_judged():
    assert passed().calibrated
    assert passed(fidelity="roofline").calibrated
    assert ANSWERS["step_latency_total"]().calibrated
    assert passed(Models.ResNet50, Hardware.A100, batch_size=32).calibrated


@pytest.mark.parametrize(
    ("result", "left_out"),
    [
        (lambda: passed(hardware=Hardware.V100), "no kernels were timed on it"),
        (lambda: passed(hardware=Hardware.V100, fidelity="roofline"), "no kernels were timed on it"),
        (lambda: passed(efficiency=0.5), "what the efficiency given rests on"),
        (lambda: passed(calibration="none"), "this is a bound, not a forecast"),
        (lambda: passed(Models.Llama3_70B), "requests that do not fit"),
        (lambda: passed(Models.Mamba_1_4B), "whether this kind of model errs"),
        (lambda: TrainingModel().solve(Models.GPT2, Hardware.H100), "one roofline holds for the whole pass"),
        (
            lambda: DistributedModel().solve(Models.Llama3_8B, FLEET, 256, efficiency=0.5),
            "what the efficiency given rests on",
        ),
        (
            lambda: ServingModel().solve(
                Models.Llama3_70B, Hardware.H200, draft_model=Models.Llama3_8B, acceptance=0.8
            ),
            "how often drafts are accepted",
        ),
    ],
)
def test_not_calibrated(result, left_out):
    answer = result()
    assert not answer.calibrated
    assert left_out in "; ".join(answer.not_modeled)
    assert answer.band.low < answer.band.high


def test_mixtures_of_experts_say_what_is_left_out():
    assert "sorting tokens by expert" in "; ".join(passed(Models.Mixtral_8x7B).not_modeled)
    assert "sorting tokens by expert" not in "; ".join(passed().not_modeled)


def test_one_image_alone_leaves_the_device_idle():
    alone, many = (passed(Models.ResNet50, Hardware.A100, batch_size=n).not_modeled for n in (1, 64))
    assert set(alone) - set(many) == {"how few of the device's cores a single image keeps busy"}


def test_a_result_that_nothing_judges_has_no_band():
    result = ReliabilityModel().solve(FLEET, 720, 60)
    assert (result.band, result.low, result.high, result.calibrated, result.not_modeled) == (
        None,
        None,
        None,
        False,
        (),
    )
    answer = result.to_dict()
    assert (answer["low"], answer["high"], answer["calibrated"], answer["not_modeled"]) == (None, None, False, [])
    assert "band" not in str(result)


def test_every_form_shows_the_band():
    result = ANSWERS["tpot"]()
    for text in (str(result), result.to_markdown(), result._repr_html_()):
        assert "80% band" in text
        assert "Calibrated" in text
        assert "Not modelled" in text
    answer = json.loads(result.to_json())
    assert answer["low"] < answer["tpot"] < answer["high"]
    assert answer["calibrated"] is True
    assert answer["not_modeled"] == list(result.not_modeled)
    assert answer["band"]["figure"] == "tpot"
    jsonschema.validate(answer, type(result).json_schema())


def test_a_pickled_answer_keeps_its_band():
    result = ANSWERS["latency"]()
    assert pickle.loads(pickle.dumps(result)).band == result.band


def test_nothing_is_read_until_a_band_is_asked_for():
    code = (
        "from mlsysim import Engine, Hardware, Models; from mlsysim.core import bands\n"
        "result = Engine.solve(Models.ResNet50, Hardware.A100)\n"
        "assert bands._stored.cache_info().currsize == 0\n"
        "result.low\n"
        "assert bands._stored.cache_info().currsize == 1"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_each_gap_is_of_a_condition_and_of_records_that_exist():
    ids = {record.id for record in published()}
    judged = set(bands.UNJUDGED) | {"roofline", "experts", "one", None}
    assert len(bands.GAPS) > 10
    assert len({gap.text for gap in bands.GAPS}) == len(bands.GAPS)
    for gap in bands.GAPS:
        assert gap.when in judged
        assert set(gap.shown_by) <= ids
