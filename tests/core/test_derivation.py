"""Derivations: every equation that was used, numbers that work out, sources that can be read."""

from __future__ import annotations

import pickle
import re

import pytest

from mlsysim import Engine, Hardware, Models, ServingModel
from mlsysim.references import reference
from mlsysim.units import Q_

ANSWERS = {
    "decode": Engine.solve(Models.Llama3_8B, Hardware.H100),
    "prefill": Engine.solve(Models.Llama3_70B, Hardware.H200, 2, "fp8", phase="prefill", seq_len=100),
    "encode": Engine.solve(Models.BERT_Base, Hardware.T4, batch_size=8),
    "cnn": Engine.solve(Models.ResNet50, Hardware.A100, efficiency=0.5),
    "flash": Engine.solve(Models.DS_CNN, Hardware.nRF52840, precision="int8"),
    "coral": Engine.solve(Models.DS_CNN, Hardware.Coral, precision="int8"),
    "serving": ServingModel().solve(Models.Llama3_8B, Hardware.H100, seq_len=4096, batch_size=4),
}
every_answer = pytest.mark.parametrize("answer", ANSWERS.values(), ids=ANSWERS)
NUMBER = re.compile(r"((?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?(?:e[+-]\d+)?)(?: ([A-Za-zµ][\w/]*|1/s))?")


def number(text):
    """The value that a derivation prints, in base units."""
    digits, unit = NUMBER.fullmatch(text).groups()
    value = float(digits.replace(",", ""))
    return Q_(value, unit).to_base_units().magnitude if unit else value


def worked(expression):
    """What an expression with the numbers put in gives, in base units."""
    python = NUMBER.sub(lambda match: repr(number(match[0])), expression).replace("·", "*")
    return eval(python, {"__builtins__": {}, "max": max, "min": min})


@every_answer
def test_every_line_works_out(answer):
    """Each number is printed with four digits: with at most six factors a line is right to 6 x 0.05 %."""
    for title, _, substituted, _ in answer.explain().rows():
        expression, _, value = substituted.rpartition(" = ")
        assert worked(expression) == pytest.approx(number(value), rel=3e-3), f"{title}: {substituted}"


@every_answer
def test_no_symbol_is_left_without_its_number(answer):
    for title, _, substituted, _ in answer.explain().rows():
        left = NUMBER.sub("", substituted.rpartition(" = ")[0])
        assert set(re.findall(r"[^\W\d]+", left)) <= {"max", "min"}, f"{title}: {substituted}"


@every_answer
def test_the_steps_are_what_was_computed(answer):
    values = {step.equation.__name__: step.value for step in answer.explain().steps}
    if type(answer).__name__ == "PerformanceProfile":
        assert values["roofline_time"] == answer.plain["latency"]
        assert values["footprint"] == answer.plain["memory_footprint"]
        assert values["traffic"] == answer.plain["traffic"]
        assert values["throughput"] == answer.plain["throughput"]
        assert values["model_flops_utilization"] == answer.plain["mfu"]
        assert values["arithmetic_intensity"] == answer.plain["arithmetic_intensity"]
    else:
        times = [step.value for step in answer.explain().steps if step.equation.__name__ == "roofline_time"]
        alone, two_of_the_four_prompts, step = times
        assert (alone, 2 * two_of_the_four_prompts, step) == tuple(
            answer.plain[name] for name in ("ttft", "ttft_batch", "itl")
        )


@every_answer
def test_each_equation_and_source_is_shown_in_every_form(answer):
    derivation = answer.explain()
    text, html, markdown = str(derivation), derivation._repr_html_(), derivation.to_markdown()
    listed = text.partition("\nSources\n")[2].splitlines()
    assert len(listed) == len({step.equation.source for step in derivation.steps})
    for step in derivation.steps:
        assert step.equation.formula in text
        assert step.equation.formula.replace("|", "\\|") in markdown
        assert f"[@{step.equation.source}]" in markdown
        source = reference(step.equation.source)
        assert any(line.startswith(f"[{source.key}] {source.short}, {source.title}.") for line in listed)
        assert source.short in html


@pytest.mark.parametrize(
    ("name", "used", "unused"),
    [
        (
            "decode",
            {"kv_cache_bytes", "memory_time", "layer_flops", "head_flops", "energy_drawn"},
            {"causal_pairs", "batch_flops"},
        ),
        ("prefill", {"causal_pairs", "memory_time"}, {"batch_flops", "flash_memory_time"}),
        ("cnn", {"batch_flops", "activation_bytes", "memory_time"}, {"kv_cache_bytes", "flash_memory_time"}),
        ("flash", {"flash_memory_time"}, {"memory_time"}),
        ("coral", {"compute_time"}, {"memory_time", "flash_memory_time", "ridge_point"}),
    ],
)
def test_only_the_equations_of_the_case_appear(name, used, unused):
    names = {step.equation.__name__ for step in ANSWERS[name].explain().steps}
    assert used <= names
    assert not unused & names


def test_a_step_of_a_known_case():
    energy = next(row for row in ANSWERS["decode"].explain().rows() if row[0] == "Energy drawn")
    assert energy[2].endswith(" = 1.718 J")


def test_the_search_for_what_would_fit_is_no_part_of_the_derivation():
    fits = Engine.solve(Models.Llama3_8B, Hardware.H100)
    too_big = Engine.solve(Models.Llama3_70B, Hardware.H100, batch_size=512)
    assert not too_big.feasible
    assert [step.equation for step in too_big.explain().steps] == [step.equation for step in fits.explain().steps]


@every_answer
def test_a_derivation_is_the_same_for_objects_of_which_nothing_was_asked(answer):
    """Nothing that is kept from an earlier question is missing from a derivation, nor added for a new object."""
    assert str(pickle.loads(pickle.dumps(answer)).explain()) == str(answer.explain()) == str(answer.explain())


def test_explaining_changes_nothing():
    answer = ANSWERS["decode"]
    before = dict(answer.plain)
    assert str(answer.explain()) == str(answer.explain())
    assert dict(answer.plain) == before
