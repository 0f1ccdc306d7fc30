"""Memory: states, activations and caches worked by hand, and what a record must state."""

from __future__ import annotations

import pytest

from mlsysim.validation.adapters import LEVELS
from mlsysim.validation.adapters.memory import predict
from mlsysim.validation.records import Measurement, published
from mlsysim.validation.runner import validate

GPT = {"heads": 96, "seq_len": 2048, "hidden": 12288}
SPLIT = {"params": 8e9, "dp": 4, "optimizer_bytes_per_param": 12}


def ask(metric, unit="GB", **inputs):
    measured = {metric: {"value": 1, "unit": unit}}
    one = Measurement(id="mine", domain="memory", inputs=inputs, measured=measured, source={"title": "mine"})
    (answer,) = predict(one, "fitted").values()
    return answer if isinstance(answer, str) else float(answer.m_as(unit))


def test_a_token_of_a_cache():
    """Keys and values of 8 heads of 128 in 80 layers, 2 bytes each; and 512 + 64 numbers in 61 layers."""
    heads = {"layers": 80, "kv_heads": 8, "head_dim": 128, "bytes_per_element": 2}
    latent = {"layers": 61, "kv_lora_rank": 512, "qk_rope_head_dim": 64, "bytes_per_element": 2}
    assert ask("kv_per_token", "kB", **heads) == pytest.approx(2 * 80 * 8 * 128 * 2 / 1e3)
    assert ask("kv_per_token", "kB", **latent) == pytest.approx(61 * 576 * 2 / 1e3)


def test_states_by_stage():
    """8 billion parameters, 2 + 2 + 12 bytes, over four devices from the optimizer on."""
    stages = [ask("model_state_per_gpu", **SPLIT, stage=stage) for stage in ("baseline-dp", "stage1-pos")]
    assert stages == pytest.approx([8 * 16, 8 * (4 + 3)])
    assert ask("stage2", **SPLIT) == pytest.approx(8 * (2 + 14 / 4))
    assert ask("model_state_per_gpu", **SPLIT, stage="stage3-pos-g-p") == ask("stage3", **SPLIT) == pytest.approx(32)
    sizes = {"weights_bytes_per_param": 4, "grads_bytes_per_param": 4}
    assert ask("stage1", **SPLIT, **sizes) == pytest.approx(8 * (8 + 3))


def test_weights():
    assert ask("model_states", params=1.5e9, bytes_per_param=16) == pytest.approx(24)
    assert ask("fp16_weights", params=1.5e9) == ask("weights_total", params=1.5e9) == pytest.approx(3)


def test_activations_of_a_gpt():
    """34 + 5·a·s/h bytes for each element: 5·96·2048/12288 is 80."""
    assert ask("attention_term_5as_over_h", "1", **GPT) == pytest.approx(80)
    assert ask("activation_memory_saved", "%", **GPT) == pytest.approx(100 * 80 / 114)


def test_attention_is_computed_again_once():
    """4·s²·h of 72·s·h²·(1 + s/(6·h)) in a layer."""
    assert ask("flops_overhead", "%", **GPT) == pytest.approx(100 * (4 * 2048) / (72 * 12288 + 12 * 2048))


@pytest.mark.parametrize(
    ("metric", "inputs", "because"),
    [
        ("kv_per_token", {"layers": 2}, "it does not state bytes_per_element"),
        ("kv_per_token", {"layers": 2, "bytes_per_element": 2}, "the record does not state kv_heads"),
        ("model_state_per_gpu", SPLIT | {"stage": "stage9"}, "'stage9' is no stage of ZeRO that we know"),
        ("stage1", {"dp": 4}, "it does not state params, optimizer_bytes_per_param"),
        ("training_checkpoint", SPLIT, "the optimizer and the format of its states are not stated"),
        ("max_memory", SPLIT, "neither the microbatch, the stages' layers"),
        ("relative_memory_upper", GPT, "the widths and heads of its four models are not stated"),
        ("swap", SPLIT, "swap is no memory that we predict"),
    ],
)
def test_why_a_figure_is_not_answered(metric, inputs, because):
    assert ask(metric, **inputs).startswith(because)


@pytest.mark.parametrize("level", LEVELS)
def test_each_figure_is_answered_or_says_why(level):
    for one in published("memory"):
        answers = predict(one, level)
        assert set(answers) == set(one.measured)
        assert all(not isinstance(answer, str) or len(answer.split()) > 3 for answer in answers.values())


def test_what_is_counted_is_within_two_percent_but_for_a_unit_and_a_known_error():
    """OPT's 328 GB are GiB; the source of the 2.7 and 1.6 % adds attention three times though it is computed once."""
    far = [row for row in validate(published("memory")).comparisons if row.answered and abs(row.error_pct) > 2]
    assert {row.metric for row in far} == {"weights_total", "flops_overhead"}
