"""Errors by record and by group, in the forms that people and programs read."""

from __future__ import annotations

import csv
import io
import json
from statistics import median

import pytest

from mlsysim import validate
from mlsysim.errors import InputError, InputTypeError, UnknownName
from mlsysim.validation.adapters import LEVELS
from mlsysim.validation.records import Measured, Measurement, published
from mlsysim.validation.report import Comparison, Report, errors_of

GROUP = {"records", "answered", "median_abs_error_pct", "p90_abs_error_pct", "bias_pct"}
ROW = {"id", "metric", "predicted", "measured", "error_pct", "low", "high", "skipped_because"}


def record(name, domain="serving", hardware="H100"):
    return Measurement(
        id=name,
        domain=domain,
        inputs={"hardware": hardware, "model": "m"},
        measured={"tpot": {"value": 10, "unit": "ms"}, "ttft": {"value": 100, "unit": "ms"}},
        source={"title": f"source of {name[0]}"},
    )


def report(by="domain"):
    """Errors of +10, -20 and +30 %, each with another figure that does not count, and one that is not answered."""
    found = []
    for name, error in (("a1", 10.0), ("a2", -20.0), ("b1", 30.0)):
        found.append(Comparison(record(name), "tpot", 10 + error / 10, 10, error, headline=True))
        found.append(Comparison(record(name), "ttft", 300, 100, 200.0))
    found.append(Comparison(record("b2", hardware="H7"), "tpot", None, 10, skipped_because="no such device"))
    return Report(found, "fitted", by)


def test_the_errors_of_a_group():
    """By hand: sizes 10, 20, 30; the 90th percentile lies at 20 + 0.8·10."""
    errors = report().groups["serving"]
    assert errors[:2] == (4, 3)
    assert errors[2:] == pytest.approx((20, 28, 10))


def test_a_metric_is_judged_by_all_its_figures():
    errors = report("metric").groups
    assert errors["serving: ttft"].median_abs_error_pct == 200
    assert errors["serving: tpot"].answered == 3


def test_a_group_without_an_answer_has_no_errors():
    assert report("hardware").groups["H7"] == (1, 0, None, None, None)
    assert errors_of([]) == (0, 0, None, None, None)


def test_one_error_is_its_own_percentile():
    errors = errors_of(report().comparisons[:1])
    assert errors == (1, 1, 10.0, 10.0, 10.0)


def test_the_form_for_programs():
    answer = json.loads(json.dumps(report("hardware").to_dict(), allow_nan=False))
    assert answer["level"] == "fitted"
    assert set(answer["domains"]["serving"]) == GROUP
    assert set(answer["sources"]) == {"source of a", "source of b"}
    assert set(answer["hardware"]) == {"H100", "H7"}
    assert len(answer["records"]) == 7
    assert all(set(row) >= ROW for row in answer["records"])
    last = answer["records"][-1]
    assert (last["predicted"], last["error_pct"], last["skipped_because"]) == (None, None, "no such device")
    assert "models" in report("model").to_dict()


def test_the_form_for_spreadsheets():
    rows = list(csv.DictReader(io.StringIO(report().to_csv())))
    assert len(rows) == 7
    assert rows[0]["id"] == "a1"
    assert float(rows[0]["error_pct"]) == 10
    assert rows[-1]["predicted"] == ""


def test_the_form_for_people():
    text = str(report())
    assert "b1, tpot: 13 ms, measured 10, +30.0 %" in text
    assert "1  no such device" in text
    assert report().to_markdown().splitlines()[-1].startswith("| all")
    assert "<table" in report()._repr_html_()


def test_the_worst_come_first_and_only_by_their_headline():
    assert [one.record.id for one in report().worst(2)] == ["b1", "a2"]


def test_results_of_an_unknown_grouping_or_level():
    with pytest.raises(UnknownName, match="'hardware'"):
        report().errors("hardwares")
    with pytest.raises(UnknownName, match="unknown level 'fited'; did you mean 'fitted'"):
        validate(level="fited")
    with pytest.raises(UnknownName, match="unknown grouping 'vendor'"):
        validate(by="vendor")


@pytest.mark.parametrize("given", [3, [3], [None]])
def test_what_is_no_record_is_refused(given):
    with pytest.raises(InputTypeError, match="records must be results, or paths"):
        validate(given)


def test_a_figure_in_a_unit_of_another_kind_is_refused():
    one = published("serving")[0]
    wrong = one.model_copy(update={"measured": {"throughput": Measured(value=1, unit="GB")}})
    with pytest.raises(InputError, match=rf"{one.id}: throughput cannot be in 'GB'"):
        validate(wrong)


def test_nothing_and_twins_are_refused():
    with pytest.raises(InputError, match="at least one"):
        validate([])
    one = published("serving")[0]
    with pytest.raises(InputError, match=f"two records have the id {one.id!r}"):
        validate([one, one])


def test_a_model_that_nobody_knows_is_a_reason():
    (one, _) = validate(record("x1")).comparisons
    assert not one.answered
    assert "the record does not state" in one.skipped_because or "the package has no" in one.skipped_because


def test_a_median_is_that_of_the_rows():
    answer = validate(published("tinyml")).to_dict()
    sizes = [abs(row["error_pct"]) for row in answer["records"] if row["headline"]]
    assert answer["domains"]["tinyml"]["median_abs_error_pct"] == pytest.approx(median(sizes))


def test_each_level_is_an_answer_of_its_own():
    served = [one for one in published("serving") if one.source.key == "nvidia2025trtllm"][:3]
    rates = [[one.predicted for one in validate(served, level).comparisons] for level in LEVELS]
    assert all(light > sheet != fitted for light, sheet, fitted in zip(*rates, strict=True))
