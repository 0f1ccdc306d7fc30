"""Scaling laws: budgets worked by hand, figures that would only be read back, and misprints."""

from __future__ import annotations

import pytest

from mlsysim.core.solver.algorithm.laws import LAWS
from mlsysim.validation.adapters import LEVELS
from mlsysim.validation.adapters.scaling_law import APPROACHES, OURS, predict
from mlsysim.validation.records import Measurement, published
from mlsysim.validation.runner import validate


def ask(*metrics, printed=None, **inputs):
    units = {metric: "tokens" if metric.startswith("tokens") else "FLOP" for metric in metrics}
    figures = {metric: {"value": (printed or {}).get(metric, 1), "unit": unit} for metric, unit in units.items()}
    one = Measurement(id="mine", domain="scaling-law", inputs=inputs, measured=figures, source={"title": "mine"})
    answers = predict(one, "fitted")
    return [one if isinstance(one, str) else float(one.magnitude) for one in answers.values()]


def test_the_first_approach():
    """Four times the size of the row that the law runs through takes sixteen times its budget and four its tokens."""
    printed = {"flops": 3e20, "tokens": 3e10}
    flops, tokens = ask(*printed, printed=printed, params=1.6e9, approach=1)
    assert flops == pytest.approx(16 * 1.92e19)
    assert tokens == pytest.approx(16 * 1.92e19 / (6 * 1.6e9))


def test_the_others_by_the_names_of_their_figures():
    """The second: an exponent of 0.49; the third: N = G·(C/6)^(β/(α + β)), as its coefficients say."""
    two, three = ask("flops_approach2", "flops_approach3", params=1e9, approach=[2, 3])
    assert two == pytest.approx(1.32e22 * (1e9 / 1e10) ** (1 / 0.49))
    alpha, beta = 0.34, 0.28
    scale = (alpha * 406.4 / (beta * 410.7)) ** (1 / (alpha + beta))
    assert three == pytest.approx(6 * (1e9 / scale) ** ((alpha + beta) / beta))


def test_a_run_that_is_stated():
    assert ask("flops", params=7e10, tokens=1.4e12) == pytest.approx([5.88e23])


def test_exponents_follow_from_the_coefficients():
    assert ask("a3", "b3") == pytest.approx([0.28 / 0.62, 0.34 / 0.62])


def test_what_would_only_be_read_back():
    assert ask("a1", "b2", "a_kaplan", "alpha", "E") == [OURS] * 5
    (answer,) = ask("flops", params=0.4e9, approach=1)
    assert answer == "our law runs through this very row: comparing them shows nothing"


def test_a_row_that_contradicts_itself_is_not_compared():
    """1.26e24 FLOP beside 12 trillion tokens of 175 billion parameters, which take ten times that."""
    printed = {"flops_approach3": 1.26e24, "tokens_approach3": 12e12}
    flops, tokens = ask(*printed, printed=printed, params=1.75e11, approach=[2, 3])
    assert flops.startswith("the source contradicts itself: it prints 1.26")
    assert isinstance(tokens, float)
    printed["flops_approach3"] = 1.26e25
    assert isinstance(ask(*printed, printed=printed, params=1.75e11, approach=[2, 3])[0], float)


@pytest.mark.parametrize(
    ("metric", "inputs", "because"),
    [
        ("flops", {"approach": 1}, "the record does not state params"),
        ("flops", {"params": 1e9}, "it states no budget, and no approach that would give one"),
        ("tokens", {"params": 1e9, "tokens": 1e9}, "it states no budget, and no approach that would give one"),
        ("flops", {"params": 1e9, "approach": 4}, "there is no approach 4 among the three"),
        ("perplexity", {"params": 1e9}, "perplexity is nothing that a scaling law gives"),
    ],
)
def test_why_a_figure_is_not_answered(metric, inputs, because):
    assert ask(metric, **inputs) == [because]


@pytest.mark.parametrize("level", LEVELS)
def test_each_figure_is_answered_or_says_why(level):
    for one in published("scaling-law"):
        assert set(predict(one, level)) == set(one.measured)
    errors = validate(published("scaling-law"), level).groups["scaling-law"]
    assert (errors.records, errors.answered) == (21, 19)


def test_the_first_two_approaches_are_near_and_the_third_contradicts_its_coefficients():
    rows = [row for row in validate(published("scaling-law")).comparisons if row.answered]
    third = [row.error_pct for row in rows if row.metric.endswith("approach3")]
    assert min(third) > 50
    others = [abs(row.error_pct) for row in rows if not row.metric.endswith("approach3")]
    assert max(others) < 11


@pytest.mark.parametrize("law", APPROACHES.values())
@pytest.mark.parametrize("size", [1e8, 7e10, 1e13])
def test_a_budget_is_that_for_which_the_size_is_optimal(law, size):
    assert LAWS[law].optimum(LAWS[law].budget(size))[0] == pytest.approx(size, rel=1e-9)
