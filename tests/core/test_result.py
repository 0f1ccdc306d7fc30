"""Results: frozen, quantities when read, the same numbers in every form."""

from __future__ import annotations

import copy
import json
import pickle
from typing import get_type_hints

import jsonschema
import pytest

from mlsysim import Engine, Hardware, Models, ServingModel
from mlsysim.core.result import Field, Later, Result
from mlsysim.errors import UnknownName
from mlsysim.physics.equation import record
from mlsysim.physics.roofline import ridge_point
from mlsysim.units import Q_, unit

PROFILE = Engine.solve(Models.Llama3_8B, Hardware.H100)
TOO_BIG = Engine.solve(Models.Llama3_70B, Hardware.H100, batch_size=4)
SERVING = ServingModel().solve(Models.Llama3_70B, Hardware.H200, seq_len=4096, batch_size=64)
CORAL = Engine.solve(Models.DS_CNN, Hardware.Coral, precision="int8")
RESULTS = [PROFILE, TOO_BIG, SERVING, CORAL]
every_result = pytest.mark.parametrize("result", RESULTS, ids=["fits", "too big", "serving", "coral"])


@every_result
def test_a_field_is_its_stored_number_with_the_unit_shown(result):
    for name, field in type(result).fields().items():
        value, stored = getattr(result, name), result.plain[name]
        if field.stored is None or stored is None:
            assert value == stored
        else:
            assert value.units == unit(field.shown)
            assert value.m_as(field.stored) == pytest.approx(stored, rel=1e-12)


@every_result
def test_every_field_of_the_class_is_set_and_no_other(result):
    assert list(result.plain) == list(type(result).fields())


@every_result
def test_a_result_is_frozen(result):
    before = dict(result.plain)
    for change in (
        lambda: setattr(result, "latency", 0),
        lambda: setattr(result, "note", "mine"),
        lambda: setattr(result, "plain", {}),
        lambda: delattr(result, "plain"),
        lambda: result.plain.__setitem__("feasible", True),
    ):
        with pytest.raises((AttributeError, TypeError)):
            change()
    assert dict(result.plain) == before


@every_result
def test_copies_and_pickles_are_equal(result):
    for twin in (copy.copy(result), copy.deepcopy(result), pickle.loads(pickle.dumps(result))):
        assert twin == result
        assert str(twin.explain()) == str(result.explain())


class Answer(Result):
    first = Field("First", "s")
    second = Field("Second")


def test_a_later_value_is_worked_out_once_when_it_is_read_and_never_noted():
    asked = []

    def second(text):
        asked.append(text)
        return f"{text} {ridge_point.plain(6.0, 2.0)}"

    answer = Answer(first=1.0, second=Later(second, "ridge"))
    assert (answer.first.m, asked) == (1.0, [])
    with record() as steps:
        assert (answer.second, answer.plain["second"], answer.to_dict()["second"]) == ("ridge 3.0",) * 3
    assert (asked, steps) == (["ridge"], [])
    assert answer == Answer(first=1.0, second="ridge 3.0")
    assert answer == Answer(first=1.0, second=Later(second, "ridge"))
    assert answer != Answer(first=1.0, second=Later(second, "other"))
    assert dict(answer.plain) == {"first": 1.0, "second": "ridge 3.0"}
    assert repr(answer.plain) == "{'first': 1.0, 'second': 'ridge 3.0'}"


@every_result
def test_what_is_worked_out_later_is_what_it_was_when_it_was_asked(result):
    """Whatever else is asked between question and reading."""
    again = result._question()
    Engine.solve(Models.Llama3_8B, Hardware.H100, 7, "int8", fidelity="operator")
    ServingModel().solve(Models.Llama3_8B, Hardware.H200, seq_len=100, fidelity="operator")
    for name in ("notes", "would_fit"):
        assert again.plain[name] == result.plain[name]


def test_kernels_that_are_recorded_later_add_up_to_the_latency():
    profile = Engine.solve(Models.Llama3_8B, Hardware.H100, fidelity="operator")
    assert sum(row["total"] for row in profile.operators) == pytest.approx(profile.plain["latency"], rel=1e-12)
    assert sum(row["count"] * row["traffic"] for row in profile.operators) == profile.plain["traffic"]


@pytest.mark.parametrize("values", [{"first": 1.0}, {"first": 1.0, "second": 2, "third": 3}])
def test_a_field_without_a_value_and_a_value_without_a_field_are_refused(values):
    for make in (lambda: Answer(**values), lambda: Answer.of(values)):
        with pytest.raises(TypeError, match=r"each of its fields, and no other: (second|third)$"):
            make()


def test_results_differ_when_a_number_does():
    assert Engine.solve(Models.Llama3_8B, Hardware.H100) == PROFILE
    assert Engine.solve(Models.Llama3_8B, Hardware.H100, batch_size=2) != PROFILE
    assert PROFILE != SERVING
    assert PROFILE != 1


@every_result
def test_json_says_what_the_result_says(result):
    read = json.loads(result.to_json())
    assert read.pop("result") == type(result).__name__
    units = read.pop("units")
    fields = type(result).fields()
    assert units == {name: field.stored for name, field in fields.items() if field.stored}
    judgement = [read.pop(name) for name in ("low", "high", "calibrated", "not_modeled", "band")]
    found = result.band
    assert judgement == [found.low, found.high, found.calibrated, list(found.not_modeled), found.to_dict()]
    assert list(read) == list(fields)
    for name, value in read.items():
        kept = result.plain[name]
        assert value == (list(kept) if isinstance(kept, tuple) else kept)
        if name in units and value is not None:
            assert Q_(value, units[name]).m_as(fields[name].shown) == pytest.approx(
                getattr(result, name).magnitude, rel=1e-12
            )


@every_result
def test_every_figure_is_in_the_table_the_page_and_the_markdown(result):
    text, html, markdown = " ".join(str(result).split()), result._repr_html_(), result.to_markdown()
    for label, _ in result.rows():
        assert label.strip() in text
        assert label.strip() in html
        assert label.strip() in markdown
    assert "<table" in html
    assert markdown.count("\n") == len(list(result.rows())) + 1


def test_rows_read_well():
    rows = dict(PROFILE.rows())
    assert rows["Latency"] == "4.876 ms"
    assert rows["  arithmetic alone"] == "19.97 µs"
    assert rows["Fits in memory"] == "yes"
    assert rows["Memory needed"] == "16.33 GB"
    assert "What would fit" not in rows
    assert dict(CORAL.rows())["Ridge point"] == "not recorded"


def test_repr_names_the_class_and_the_first_figures():
    assert repr(PROFILE).startswith(
        "PerformanceProfile(model=Llama-3 8B, hardware=NVIDIA H100 SXM5 80GB, latency=4.876 ms"
    )


def test_a_misspelt_field_gets_the_nearest_one():
    with pytest.raises(UnknownName, match=r"^unknown field of PerformanceProfile 'latncy'; did you mean 'latency'"):
        _ = PROFILE.latncy
    assert not hasattr(PROFILE, "latncy")


def test_the_fields_are_described_on_the_class():
    assert isinstance(type(PROFILE).latency, Field)
    assert type(PROFILE).latency.label == "Latency"


def _results():
    from mlsysim.core.evaluation import Scorecard
    from mlsysim.core.signatures import solvers

    answers = {get_type_hints(solver.solve).get("return") for solver in solvers().values()}
    return sorted({one for one in answers if isinstance(one, type)} | {Scorecard}, key=lambda one: one.__name__)


@pytest.mark.parametrize("answer", _results(), ids=lambda one: one.__name__)
def test_each_result_has_a_schema_that_says_the_type_of_every_field(answer):
    schema = answer.json_schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    assert [name for name, field in answer.fields().items() if field.kind is None and name != "results"] == []
    assert schema["required"] == list(schema["properties"])


def test_the_schema_holds_for_an_answer_and_not_for_another_type_or_unit():
    profile = Engine.solve(Models.Llama3_8B, Hardware.AppleM3Max, fidelity="operator")
    answer, schema = json.loads(profile.to_json()), type(profile).json_schema()
    jsonschema.validate(answer, schema)
    for change in ({"latency": "4 ms"}, {"feasible": 1}, {"units": answer["units"] | {"latency": "ms"}}, {"more": 1}):
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(answer | change, schema)
