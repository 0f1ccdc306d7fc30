"""The search of a design space: what it finds, what it refuses, and that nothing is hidden."""

from __future__ import annotations

import io
import json
import pickle
import sys
from concurrent.futures import Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import suppress
from itertools import product
from multiprocessing import get_context

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlsysim import (
    DSE,
    Q_,
    DistributedModel,
    Engine,
    Hardware,
    Models,
    Pipeline,
    ScalingModel,
    Scenario,
    SingleNodeModel,
    SystemEvaluator,
    Systems,
)
from mlsysim.core import dse as dse_module
from mlsysim.core import progress as progress_module
from mlsysim.core import search as search_module
from mlsysim.core.points import SweptPoints
from mlsysim.errors import InputError, InputTypeError, UnknownName

SPACE = {"batch": [1, 2, 4, 8], "precision": ["fp16", "int8"]}


def answer(params):
    """Twice the batch takes a second more and serves more; int8 halves both time and memory."""
    faster = 2 if params["precision"] == "int8" else 1
    time = (1 + params["batch"]) / faster
    return {"latency": time, "throughput": params["batch"] / time, "fits": params["batch"] < 8 or faster == 2}


def in_units(params):
    plain = answer(params)
    return plain | {"latency": Q_(plain["latency"], "s"), "throughput": Q_(plain["throughput"], "1/s")}


def failing_at_4(params):
    if params["batch"] == 4:
        raise ZeroDivisionError("division by zero")
    return answer(params)


def search(objective="maximize: throughput", constraints=(), evaluate=answer, space=SPACE, **options):
    return DSE(space, objective, constraints).search(evaluate, **options)


def test_the_best_of_all_configurations_is_found():
    result = search(constraints=["latency < 3"])
    assert result["best_params"] == {"batch": 4, "precision": "int8"} == result.best_params
    assert result["best_metrics"] == {"latency": 2.5, "throughput": 1.6, "fits": True}
    assert (result["evaluated"], result["valid"], result["removed_by"]) == (8, 4, {"latency < 3": 4})
    assert set(dict(result)) >= {"best_params", "best_metrics", "evaluated", "valid", "removed_by", "notes"}


@given(
    costs=st.lists(st.integers(-5, 5), min_size=1, max_size=6),
    limit=st.integers(-5, 5),
    sign=st.sampled_from(["minimize", "maximize"]),
)
def test_the_best_is_that_of_a_loop(costs, limit, sign):
    dse = DSE({"at": range(len(costs))}, f"{sign}: cost", [f"cost <= {limit}"])
    allowed = [cost for cost in costs if cost <= limit]
    if not allowed:
        with pytest.raises(InputError, match=f"removes {len(costs)}"):
            dse.search(lambda params: {"cost": costs[params["at"]]})
        return
    best = (min if sign == "minimize" else max)(allowed)
    result = dse.search(lambda params: {"cost": costs[params["at"]]})
    assert result.best_params == {"at": costs.index(best)}
    assert [row["cost"] for row in result.ranked()] == sorted(allowed, reverse=sign == "maximize")
    assert result.removed_by == {f"cost <= {limit}": len(costs) - len(allowed)}


@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), min_size=1, max_size=12))
def test_the_front_has_what_nothing_beats(pairs):
    def evaluate(params):
        return dict(zip(("cost", "speed"), pairs[params["at"]], strict=True))

    result = DSE({"at": range(len(pairs))}, ["minimize: cost", "maximize: speed"]).search(evaluate)

    def beaten(one):
        return any(other != one and other[0] <= one[0] and other[1] >= one[1] for other in pairs)

    assert {row["at"] for row in result.pareto()} == {at for at, one in enumerate(pairs) if not beaten(one)}


def test_with_several_objectives_the_first_decides_and_the_next_among_equals():
    figures = {0: (1, 5), 1: (1, 3), 2: (2, 0)}
    dse = DSE({"at": [0, 1, 2]}, ["minimize: a", "minimize: b"])
    result = dse.search(lambda params: dict(zip("ab", figures[params["at"]], strict=True)))
    assert [row["at"] for row in result.ranked()] == [1, 0, 2]
    assert [row["at"] for row in result.pareto()] == [1, 2]
    assert "best by 'minimize: a'" in result.notes[0]


def test_of_equals_the_first_in_the_order_of_the_space_is_best_and_that_is_said():
    result = search("maximize: same", evaluate=lambda params: {"same": 1})
    assert result.best_params == {"batch": 1, "precision": "fp16"}
    assert result.notes == ("7 more do as well: this is the first in the order of the space",)


@pytest.mark.parametrize(
    ("claim", "valid"),
    [
        ("latency < 3", 4),
        ("latency<3", 4),
        ("  latency  <=  3 ", 5),
        ("fits == True", 7),
        ("fits != true", 1),
    ],
)
def test_a_constraint_on_plain_numbers_is_compared_as_it_is(claim, valid):
    assert search(constraints=claim).valid == valid


@pytest.mark.parametrize(("claim", "valid"), [("latency < 3 s", 4), ("latency<3000ms", 4), ("latency < 0.05 min", 4)])
def test_a_constraint_on_quantities_is_converted(claim, valid):
    assert search(constraints=claim, evaluate=in_units).valid == valid


def test_a_number_of_milliseconds_is_not_compared_with_seconds():
    with pytest.raises(InputError, match=r"latency is 2 s; the limit needs a unit too"):
        search(constraints="latency < 100", evaluate=in_units)
    with pytest.raises(InputError, match=r"leave the unit out, or return a quantity"):
        search(constraints="latency < 50 ms")
    with pytest.raises(InputError, match=r"latency is 2 s; got a limit in GB"):
        search(constraints="latency < 50 GB", evaluate=in_units)
    with pytest.raises(InputError, match=r"fits is yes; got the limit 0.5"):
        search(constraints="fits > 0.5")


def test_quantities_in_several_units_are_ranked_by_size():
    figures = [Q_(2, "s"), Q_(300, "ms"), Q_(0.01, "min")]
    result = DSE({"at": range(3)}, "minimize: time").search(lambda params: {"time": figures[params["at"]]})
    assert [row["time"] for row in result.ranked()] == [figures[1], figures[2], figures[0]]
    figures[2] = Q_(1, "GB")
    with pytest.raises(InputError, match=r"time must be of one dimension; it is 1 GB for at=2, and was in s before"):
        DSE({"at": range(3)}, "minimize: time").search(lambda params: {"time": figures[params["at"]]})
    figures[2] = 5.0
    with pytest.raises(InputError, match=r"it is 5 for at=2, and was in s"):
        DSE({"at": range(3)}, "minimize: time").search(lambda params: {"time": figures[params["at"]]})


@pytest.mark.parametrize(
    ("objective", "constraints", "words"),
    [
        ("maximize: througput", (), r"unknown metric 'througput'; did you mean 'throughput'"),
        ("maximize: throughput", ("latncy < 100",), r"unknown metric 'latncy'; did you mean 'latency'"),
        ("maximise: throughput", (), r"unknown direction 'maximise'; did you mean 'maximize'"),
        ("maxmize: throughput", (), r"unknown direction 'maxmize'; did you mean 'maximize'"),
    ],
)
def test_a_misspelt_word_gets_the_nearest(objective, constraints, words):
    with pytest.raises(UnknownName, match=words):
        search(objective, constraints)


def test_a_misspelt_metric_ends_the_search_at_once():
    seen = []
    with pytest.raises(UnknownName, match="evaluated for batch=1, precision='fp16'"):
        search("minimize: latncy", evaluate=lambda params: seen.append(params) or answer(params))
    assert len(seen) == 1


HOSTILE = [
    "latency < __import__('os').system('exit')",
    "__import__('os').system('exit') < 3",
    "latency < 5; import os",
    "latency < exec('x')" + " " * 100,
    "latency < 5 s^9^9^9^9^9",
    "latency < 5 s**99999999999",
    "latency < 1e999",
    "latency < " + "1" * 1_000_000,
    "latency < 1" + " " * 180 + "!",
    "latency < " + "(" * 150,
    "latency < 5 ms and fits == True",
    "latency < {0.__class__}",
    "latency \N{FULLWIDTH LESS-THAN SIGN} 5",
    "latency < \N{ARABIC-INDIC DIGIT THREE}\N{SUPERSCRIPT TWO}",
    "\x00",
    "",
]


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_text_is_read_never_run(text):
    with pytest.raises(InputError):
        search(constraints=[text])
    with pytest.raises(InputError):
        search(text)


@given(st.text())
def test_any_text_is_read_or_refused(text):
    for objective, constraints in ((text, ()), ("minimize: latency", (text,))):
        with suppress(InputError):
            DSE(SPACE, objective, constraints)


@pytest.mark.parametrize(
    ("space", "error", "words"),
    [
        ([1, 2], InputTypeError, "space must be a mapping"),
        ({}, InputError, "at least one parameter"),
        ({"batch": []}, InputError, "at least one value for batch"),
        ({"batch": np.array([])}, InputError, "at least one value for batch"),
        ({"precision": "fp16"}, InputTypeError, "list of values for precision"),
        ({"batch": 8}, InputTypeError, "list of values for batch"),
        ({"batch": {1, 2}}, InputTypeError, "list of values for batch"),
        ({"batch": (one for one in [1])}, InputTypeError, "list of values for batch"),
        ({"batch": np.ones((2, 2))}, InputTypeError, "list of values for batch"),
        ({"batch": Q_(1, "s")}, InputTypeError, "list of values for batch"),
        ({3: [1]}, InputTypeError, "names as keys"),
    ],
)
def test_a_space_that_cannot_be_enumerated_is_refused(space, error, words):
    with pytest.raises(error, match=words):
        DSE(space, "minimize: latency")


@pytest.mark.parametrize(
    ("objective", "constraints", "error", "words"),
    [
        (3, (), InputTypeError, "objective must be text or a list"),
        ([3], (), InputTypeError, "objective must be text"),
        ([], (), InputError, "at least one figure"),
        ("latency", (), InputError, "must read 'minimize: name'"),
        (["minimize: a", "maximize: a"], (), InputError, "a stands there 2 times"),
        ("minimize: a", {"a < 3"}, InputTypeError, "constraints must be text or a list"),
        ("minimize: a", [["a < 3"]], InputTypeError, "a constraint must be text"),
        ("minimize: a", [None], InputTypeError, "a constraint must be text"),
        ("minimize: a", ["a < 3 parsecs"], InputError, "constraint 'a < 3 parsecs': 'parsecs' .* is no unit"),
        ("minimize: a", ["a < fast"], InputError, "only be compared"),
    ],
)
def test_a_declaration_that_cannot_be_read_is_refused(objective, constraints, error, words):
    with pytest.raises(error, match=words):
        DSE(SPACE, objective, constraints)


@pytest.mark.parametrize(
    "values", [[1, 2], (1, 2), range(1, 3), np.array([1, 2])], ids=["list", "tuple", "range", "array"]
)
def test_a_space_may_be_any_sequence_and_hands_out_plain_numbers(values):
    seen = []
    DSE({"batch": values}, "minimize: n").search(lambda params: seen.append(params["batch"]) or {"n": 1})
    assert seen == [1, 2]
    assert {type(one) for one in seen} == {int}


def test_a_space_may_have_quantities():
    result = DSE({"link": Q_(np.array([1.0, 2.0]), "GB/s")}, "maximize: link_rate").search(
        lambda params: {"link_rate": params["link"]}
    )
    assert result.best_params == {"link": Q_(2.0, "GB/s")}
    assert "link=2.0 GB/s" in str(result)


def test_an_evaluator_cannot_change_what_is_reported():
    def evaluate(params):
        params["batch"] = 99
        return {"cost": 1}

    assert search("minimize: cost", evaluate=evaluate).best_params["batch"] == 1


def test_an_evaluator_that_raises_is_reported_with_its_parameters():
    with pytest.raises(
        InputError, match=r"raised for 2 of 8 .* first for batch=4, precision='fp16': ZeroDiv"
    ) as caught:
        search(evaluate=failing_at_4)
    assert isinstance(caught.value.__cause__, ZeroDivisionError)


def test_an_evaluator_that_raises_may_be_recorded():
    result = search(evaluate=failing_at_4, on_error="record")
    assert (result.evaluated, result.valid) == (8, 6)
    assert [params["precision"] for params, _ in result.errors] == ["fp16", "int8"]
    assert {error for _, error in result.errors} == {"ZeroDivisionError: division by zero"}
    assert "raised" in str(result)
    assert list(result.to_frame()["removed_by"]).count("raised ZeroDivisionError: division by zero") == 2
    with pytest.raises(InputError, match=r"none of the 8 .*: 8 raised, first KeyError"):
        search(evaluate=lambda params: params["nothing"], on_error="record")


def test_what_interrupts_is_not_an_error_of_the_evaluator():
    def evaluate(params):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        search(evaluate=evaluate)


def test_no_valid_configuration_says_which_constraint_removes_how_many_and_how_near_they_come():
    with pytest.raises(InputError) as caught:
        search(constraints=["latency < 0.5", "throughput > 1.5", "fits == False", "fits == True"])
    assert str(caught.value) == (
        "none of the 8 configurations evaluated is valid: 'latency < 0.5' removes 8 (least found: 1);"
        " 'throughput > 1.5' removes 6 (greatest found: 1.78); 'fits == False' removes 7; 'fits == True' removes 1"
    )


def test_a_configuration_without_a_value_is_removed_and_counted():
    def evaluate(params):
        return {"wait": None if params["batch"] > 2 else params["batch"]}

    result = search("maximize: wait", "wait < 2", evaluate)
    assert result.removed_by == {"wait < 2": 6, "wait has no value": 4}
    assert result.best_params["batch"] == 1
    with pytest.raises(InputError, match=r"'wait < 2' removes 8, none with a value; 'wait has no value' removes 8"):
        search("maximize: wait", "wait < 2", lambda params: {"wait": None})


@pytest.mark.parametrize(
    ("value", "error", "words"),
    [
        (float("nan"), InputError, "cost must be a number; it is NaN for batch=1"),
        (np.float64("nan"), InputError, "NaN"),
        (Q_(float("nan"), "s"), InputError, "NaN"),
        (float("inf"), InputError, "must be finite; cost is inf for batch=1"),
        (True, InputTypeError, "must be a number; cost is yes"),
        ("fast", InputTypeError, "must be a number; cost is fast"),
        ([1], InputTypeError, "cost must be a number, a quantity, a flag or text"),
        (Q_(np.ones(2), "s"), InputTypeError, "cost must be a number"),
    ],
)
def test_an_objective_must_be_a_number(value, error, words):
    with pytest.raises(error, match=words):
        search("minimize: cost", evaluate=lambda params: {"cost": value})


def test_nan_in_a_constraint_is_no_pass():
    with pytest.raises(InputError, match="loss must be a number; it is NaN"):
        search(constraints="loss < 3", evaluate=lambda params: answer(params) | {"loss": float("nan")})


def test_numpy_numbers_are_numbers():
    result = search("maximize: cost", "ok == True", lambda p: {"cost": np.float32(p["batch"]), "ok": np.True_})
    assert result.best_params["batch"] == 8


@pytest.mark.parametrize("given", [3.0, None, "latency", [1]])
def test_what_an_evaluator_returns_must_have_names(given):
    with pytest.raises(InputTypeError, match="evaluate must return a dict of figures by name, or a Result"):
        search(evaluate=lambda params: given)


class OneAfterAnother(Executor):
    """An executor of one's own."""

    def submit(self, fn, /, *args, **kwargs):
        future = Future()
        try:
            future.set_result(fn(*args, **kwargs))
        except Exception as error:
            future.set_exception(error)
        return future


EXECUTORS = {
    "threads": lambda: ThreadPoolExecutor(2),
    "processes": lambda: ProcessPoolExecutor(2, mp_context=get_context("forkserver")),
    "own": OneAfterAnother,
}


@pytest.mark.parametrize("kind", EXECUTORS)
def test_any_executor_finds_the_same(kind, monkeypatch):
    monkeypatch.setattr(search_module, "IN_FLIGHT", 3)
    model, hardware = Models.Llama3_8B, Hardware.H100
    dse = DSE({"batch_size": [1, 8, 64], "precision": ["fp16", "int8"]}, "maximize: throughput", "latency < 8 ms")
    alone = dse.search(SingleNodeModel(), model=model, hardware=hardware)
    with EXECUTORS[kind]() as executor:
        beside = dse.search(SingleNodeModel(), executor=executor, model=model, hardware=hardware)
        with pytest.raises(InputError, match=r"evaluate raised for 6 of 6"):
            dse.search(len_of_nothing, executor=executor)
    assert (beside.best_params, beside.removed_by) == (alone.best_params, alone.removed_by)
    assert [*beside.ranked()] == [*alone.ranked()]
    assert pickle.loads(pickle.dumps(beside)).best == beside.best


def len_of_nothing(params):
    return len(params["nothing"])


def test_a_refused_figure_cancels_what_waits():
    seen = []
    with ThreadPoolExecutor(1) as executor, pytest.raises(UnknownName):
        search(
            "minimize: nothing",
            evaluate=lambda params: seen.append(1) or answer(params),
            space={"batch": range(1, 2000), "precision": ["fp16"]},
            executor=executor,
        )
    assert len(seen) < 1999


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"executor": ThreadPoolExecutor}, InputTypeError, "executor must be"),
        ({"on_error": "recrod"}, UnknownName, "did you mean 'record'"),
        ({"trials": 0}, InputError, "trials must be"),
        ({"seed": -1}, InputError, "seed must be"),
        ({"seed": True}, InputError, "seed must be"),
        ({"evaluate": 3}, InputTypeError, "evaluate must be a function"),
        ({"evaluate": SingleNodeModel}, InputTypeError, r"write SingleNodeModel\(\)"),
        ({"model": Models.Llama3_8B}, InputError, "model: fixed inputs go to a solver"),
        ({"evaluate": SingleNodeModel()}, UnknownName, "unknown input of SingleNodeModel 'batch'; did you mean 'batch"),
        ({"evaluate": Pipeline([SingleNodeModel()])}, UnknownName, "unknown input of the pipeline 'batch'"),
    ],
)
def test_a_question_that_cannot_be_asked_is_refused(options, error, words):
    with pytest.raises(error, match=words):
        search(**options)


def test_a_solver_is_asked_with_what_is_fixed():
    dse = DSE({"hardware": [Hardware.A100, Hardware.H100]}, "minimize: latency", "feasible == True")
    result = dse.search(SingleNodeModel(), model=Models.Llama3_8B)
    assert result.best_params == {"hardware": Hardware.H100}
    assert result.best == Engine.solve(Models.Llama3_8B, Hardware.H100)
    assert result.best_metrics["latency"] == result.best.latency
    assert "Llama" not in str(result)
    assert "NVIDIA H100" in str(result)
    assert str(result.explain()) == str(result.best.explain())
    assert dse.search(Engine.solve, model=Models.Llama3_8B).best_params == result.best_params
    with pytest.raises(InputError, match="hardware stands in the space"):
        dse.search(SingleNodeModel(), model=Models.Llama3_8B, hardware=Hardware.H100)
    with pytest.raises(InputError, match="SingleNodeModel needs model: give model="):
        dse.search(SingleNodeModel())


def test_what_a_solver_refuses_names_the_parameters():
    dse = DSE({"precision": ["fp16", "fp61"]}, "minimize: latency")
    with pytest.raises(InputError, match=r"raised for 1 of 2 .* precision='fp61': UnknownName: .*did you mean 'fp64'"):
        dse.search(SingleNodeModel(), model=Models.Llama3_8B, hardware=Hardware.H100)


def test_figures_of_a_result_have_units():
    dse = DSE({"batch_size": [1, 8]}, "minimize: latency", "latency < 100")
    with pytest.raises(InputError, match="the limit needs a unit too"):
        dse.search(SingleNodeModel(), model=Models.Llama3_8B, hardware=Hardware.H100)


def test_a_best_that_does_not_fit_says_so():
    dse = DSE({"batch_size": [1, 2]}, "minimize: latency")
    result = dse.search(SingleNodeModel(), model=Models.Llama3_70B, hardware=Hardware.H100)
    assert "the best has feasible = False: the constraint 'feasible == True' would remove it" in result.notes
    with pytest.raises(InputError, match="'feasible == True' removes 2"):
        DSE({"batch_size": [1, 2]}, "minimize: latency", "feasible == True").search(
            SingleNodeModel(), model=Models.Llama3_70B, hardware=Hardware.H100
        )


def test_a_pipeline_and_a_scorecard_have_all_figures_of_their_results():
    budgets = [Q_(1e21, "flop"), Q_(1e22, "flop")]
    pipeline = Pipeline([ScalingModel(), DistributedModel()])
    dse = DSE({"compute_budget": budgets}, "maximize: DistributedModel.mfu", "step_latency_total < 1 hour")
    result = dse.search(pipeline, fleet=Systems.Clusters.Research_256)
    answers = [pipeline.run(compute_budget=one, fleet=Systems.Clusters.Research_256) for one in budgets]
    best = max(range(2), key=lambda at: answers[at]["DistributedModel"].mfu)
    assert result.best_params == {"compute_budget": budgets[best]}
    assert "DistributedModel.mfu" in json.loads(result.to_json())["best_metrics"]

    def judged(params):
        return SystemEvaluator().evaluate(Scenario("chat", model="Llama3_8B", hardware="H100", **params))

    result = DSE({"batch_size": [1, 8]}, "maximize: throughput", "ServingModel.itl < 50 ms").search(judged)
    assert result.best_params == {"batch_size": 8}


def test_sensitivity_moves_one_parameter_to_its_neighbours():
    result = search(constraints="fits == True", space={"batch": [1, 4, 8], "precision": ["int8", "fp16"]})
    assert result.best_params == {"batch": 8, "precision": "int8"}
    rows = [*result.sensitivity()]
    assert rows[0] == {
        "parameter": "batch",
        "from": 8,
        "to": 4,
        "throughput": 1.6,
        "change of throughput": pytest.approx(1.6 / (16 / 9) - 1, rel=1e-15),
        "removed_by": "",
    }
    assert (rows[1]["to"], rows[1]["change of throughput"], rows[1]["removed_by"]) == ("fp16", -0.5, "fits == True")
    assert len(rows) == 2
    assert "(-50.00%)" in str(result.sensitivity())


def test_sensitivity_of_a_value_below_zero_has_the_sign_of_the_change():
    result = DSE({"at": [0, 1]}, "maximize: gain").search(lambda params: {"gain": -1.0 - params["at"]})
    assert result.sensitivity()[0]["change of gain"] == -1.0
    result = DSE({"at": [0, 1]}, "minimize: loss").search(lambda params: {"loss": params["at"]})
    assert result.sensitivity()[0]["change of loss"] is None


def test_tables_text_and_frames_have_every_configuration():
    result = search(constraints="latency < 3 s", evaluate=in_units)
    frame = result.to_frame()
    assert list(frame.columns) == ["batch", "precision", "throughput", "latency", "removed_by"]
    assert [*zip(frame["batch"], frame["precision"], strict=True)] == [*product(*SPACE.values())]
    assert (frame["removed_by"] == "").sum() == result.valid
    ranked = result.ranked()
    assert list(ranked.to_frame()["batch"]) == [row["batch"] for row in ranked]
    assert len(ranked[:2]) == 2
    assert "1.6 1/s" in str(ranked)
    assert "<td>1.6 1/s" in ranked._repr_html_()
    assert "<table>" in result._repr_html_()
    assert "| Best" in result.to_markdown()
    assert json.loads(result.to_json())["units"] == {"latency": "second", "throughput": "1/second"}
    with pytest.raises(AttributeError, match="frozen"):
        result.valid = 3
    with pytest.raises(UnknownName, match="did you mean 'best_params'"):
        _ = result["best_param"]


def test_a_long_listing_shows_its_head():
    listing = search("minimize: n", space={"n": range(100)}, evaluate=lambda params: {"n": params["n"]}).ranked()
    assert listing.columns == ("n", "n (found)")
    assert str(listing).endswith("… 80 more")
    assert listing[99] == {"n": 99, "n (found)": 99}


def test_a_space_too_large_to_enumerate_is_refused_before_anything_is_evaluated(monkeypatch):
    with pytest.raises(InputError, match=r"10,000,000,000 configurations, .* give trials="):
        DSE({name: range(10) for name in "abcdefghij"}, "minimize: n").search(lambda params: 1 / 0)
    monkeypatch.setattr(dse_module, "LARGEST", 7)
    with pytest.raises(InputError, match="8 configurations"):
        search()


LARGE = {"a": range(1000), "b": [*"xyz"], "c": range(1000)}


def bowl(params):
    off = 0 if params["b"] == "y" else 5
    return {"cost": (params["a"] - 700) ** 2 + (params["c"] - 100) ** 2 + off, "a": params["a"]}


def test_trials_find_a_good_configuration_that_meets_the_constraints_and_repeat_by_seed():
    pytest.importorskip("optuna")
    dse = DSE(LARGE, "minimize: cost", "a < 600")
    result = dse.search(bowl, trials=150, seed=1)
    at_random = (600**2 + 900**2) / 4
    assert result.best_metrics["a"] < 600
    assert result.best_metrics["cost"] < at_random / 4
    assert result.evaluated <= 150
    assert "not proven the best of all" in result.notes[0]
    assert dse.search(bowl, trials=150, seed=1).best_params == result.best_params
    assert {row["removed_by"] for row in result.sensitivity()} <= {"", "not tried", "a < 600"}


def test_trials_go_over_an_executor_take_several_objectives_and_record_errors():
    pytest.importorskip("optuna")

    def evaluate(params):
        if params["a"] % 5 == 0:
            raise ValueError("five")
        return bowl(params) | {"ok": params["c"] != 3, "wait": None if params["a"] == 1 else 1}

    dse = DSE(LARGE, ["minimize: cost", "maximize: a"], ["ok == True", "wait < 2"])
    with ThreadPoolExecutor(2) as executor:
        result = dse.search(evaluate, trials=50, executor=executor, on_error="record")
        with pytest.raises(InputError, match=r"raised for .* first for a="):
            dse.search(evaluate, trials=50, executor=executor)
    assert result.errors
    assert len(result.pareto()) >= 1


def test_as_many_trials_as_configurations_are_all_of_them():
    assert search(trials=8).notes == search().notes
    assert search(trials=8).evaluated == 8


def test_trials_without_optuna_say_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "optuna", None)
    with pytest.raises(ImportError, match=r"pip install mlsysim\[search\]"):
        search(trials=3)


class Terminal(io.StringIO):
    """A stream that claims to be a terminal."""

    def isatty(self):
        return True


@pytest.mark.parametrize("trials", [None, 3])
def test_a_long_search_in_a_terminal_shows_how_far_it_is(monkeypatch, trials):
    monkeypatch.setattr(progress_module, "PATIENCE", 0.0)
    monkeypatch.setattr(sys, "stderr", Terminal())
    search(trials=trials)
    assert "Searching" in sys.stderr.getvalue()
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    search()
    assert sys.stderr.getvalue() == ""


def test_a_short_search_shows_nothing(monkeypatch):
    monkeypatch.setattr(progress_module, "PATIENCE", float("inf"))
    monkeypatch.setattr(sys, "stderr", Terminal())
    search()
    assert "Searching" not in sys.stderr.getvalue()


def test_a_search_that_ends_by_an_error_stops_its_bar(monkeypatch):
    monkeypatch.setattr(progress_module, "PATIENCE", 0.0)
    monkeypatch.setattr(sys, "stderr", Terminal())
    with pytest.raises(UnknownName) as caught:
        search("minimize: x", evaluate=lambda p: {"x": 1} if p["batch"] < 4 else answer(p))
    assert caught.value
    assert "\x1b[?25h" in sys.stderr.getvalue()


def test_the_declaration_prints():
    assert repr(DSE(SPACE, "minimize: latency", "latency < 5")) == (
        "DSE(8 configurations of batch, precision; minimize: latency; latency < 5)"
    )


BUILT_IN = {
    "hardware": [Hardware.A100, Hardware.H100, Hardware.nRF52840],
    "precision": ["fp16", "int8"],
    "batch_size": [1, 8, 64, 512, 4096],
}


@pytest.mark.parametrize(
    ("objective", "constraints"),
    [
        ("maximize: throughput", ["latency < 100 ms", "feasible == True"]),
        (["minimize: latency", "maximize: throughput"], ["feasible == True", "hardware != 'Nordic nRF52840'"]),
        ("minimize: energy", ["bottleneck == 'Memory'"]),
        ("minimize: batch_size", []),
    ],
)
def test_arrays_find_what_one_by_one_finds(objective, constraints):
    dse = DSE(BUILT_IN, objective, constraints)
    swept = dse.search(SingleNodeModel(), model=Models.Llama3_8B)
    with ThreadPoolExecutor(1) as executor:
        each = dse.search(SingleNodeModel(), model=Models.Llama3_8B, executor=executor)
    assert type(swept.points) is not type(each.points)
    for name in ("best_params", "best_metrics", "evaluated", "valid", "removed_by", "notes"):
        assert swept[name] == each[name], name
    assert [*swept.ranked()] == [*each.ranked()]
    assert [*swept.pareto()] == [*each.pareto()]
    assert [*swept.sensitivity()] == [*each.sensitivity()]
    assert swept.to_frame().equals(each.to_frame())
    assert [point.removed_by for point in swept.points] == [point.removed_by for point in each.points]
    assert swept.best == each.best
    assert str(swept) == str(each)
    assert str(swept.explain()) == str(each.explain())


def test_what_arrays_cannot_answer_is_asked_one_by_one():
    space = {"batch_size": [1, 8], "offload": [False, True]}
    result = DSE(space, "minimize: ridge_point").search(SingleNodeModel(), model=Models.GPT2, hardware=Hardware.A100)
    assert result.best_params == {"batch_size": 1, "offload": False}
    with pytest.raises(
        InputError, match=r"raised for 1 of 2 .* first for batch_size=0: InputError: batch_size must be"
    ):
        DSE({"batch_size": [1, 0]}, "minimize: latency").search(
            SingleNodeModel(), model=Models.GPT2, hardware=Hardware.A100
        )
    with pytest.raises(UnknownName, match="did you mean 'latency'"):
        DSE({"batch_size": [1, 2]}, "minimize: latncy").search(
            SingleNodeModel(), model=Models.GPT2, hardware=Hardware.A100
        )
    with pytest.raises(InputError, match=r"none of the 2 .*'latency < 1 us' removes 2 \(least found: "):
        DSE({"batch_size": [1, 2]}, "minimize: latency", "latency < 1 us").search(
            SingleNodeModel(), model=Models.GPT2, hardware=Hardware.A100
        )


def test_a_large_space_of_a_built_in_evaluator_is_enumerated():
    dse = DSE({"batch_size": range(1, 2_000_001)}, "maximize: throughput", "latency < 30 ms")
    result = dse.search(SingleNodeModel(), model=Models.Llama3_8B, hardware=Hardware.H100)
    assert result.evaluated == 2_000_000
    best = result.best_params["batch_size"]
    solve = SingleNodeModel().solve
    assert solve(Models.Llama3_8B, Hardware.H100, best).plain["latency"] < 0.030
    assert solve(Models.Llama3_8B, Hardware.H100, best + 1).plain["latency"] >= 0.030


def test_the_solve_of_a_solver_is_asked_by_arrays_too():
    dse = DSE({"batch_size": [1, 8, 64]}, "maximize: throughput", "latency < 8 ms")
    given = {"model": Models.Llama3_8B, "hardware": Hardware.H100}
    by_object, by_method = (dse.search(ask, **given) for ask in (SingleNodeModel(), SingleNodeModel().solve))
    assert type(by_object.points) is type(by_method.points) is SweptPoints
    assert by_object.best == by_method.best
