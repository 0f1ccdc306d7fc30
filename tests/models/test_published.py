"""Counts of ours against counts that others published, to every digit that they gave."""

from __future__ import annotations

import pytest

from mlsysim import Q_, Models

DIGITS = {
    ("GPT2", "parameters"): 9,
    ("GPT3", "parameters"): 4,
    ("Llama3_8B", "parameters"): 10,
    ("Llama3_70B", "parameters"): 11,
    ("BERT_Base", "parameters"): 2,
    ("DS_CNN", "parameters"): 3,
    ("DS_CNN", "flops"): 7,
    ("KeywordSpotting", "parameters"): 3,
    ("PersonDetection", "parameters"): 5,
    ("ResNet8", "parameters"): 4,
    ("WakeWord", "parameters"): 3,
    ("ResNet50", "parameters"): 8,
    ("ResNet50", "flops"): 2,
    ("ResNet50", "activations"): 4,
    ("MobileNetV2", "parameters"): 7,
    ("MobileNetV2", "flops"): 1,
    ("MobileNetV2", "activations"): 3,
}
"""Significant digits of what was published. BERT's paper prints 110M: its 109,482,240 are 109M to three digits."""


def computed(model, what):
    """Our count, in the unit of the published one."""
    figure = model.published[what]
    if what == "activations":
        return sum(layer.outputs.elements for layer in model.layers if layer.weights) / 1e6
    if what == "linear_flops":
        return Q_(sum(layer.flops for layer in model.layers if layer.weights), "flop").m_as(figure.unit)
    counts = {"parameters": lambda: model.parameters, "flops": model.flops}
    if what == "active_parameters":
        tables = model.lookup_count if "without the table of tokens" in figure.condition else 0
        return Q_(model.active_parameter_count - tables, "param").m_as(figure.unit)
    return counts[what]().m_as(figure.unit)


def published():
    """Every published figure of every model."""
    return [(name, what) for name in Models.names for what in Models[name].published]


def test_every_model_has_a_published_count():
    assert {name for name in Models.names if "parameters" not in Models[name].published} == {"RetinaNet_ResNeXt50"}
    assert set(DIGITS) <= set(published())


@pytest.mark.parametrize(("name", "what"), DIGITS, ids=str)
def test_our_count_agrees_with_the_published_one(name, what):
    model, digits = Models[name], DIGITS[name, what]
    assert f"{computed(model, what):.{digits - 1}e}" == f"{model.published[what].value:.{digits - 1}e}"


@pytest.mark.parametrize(("name", "what"), [row for row in published() if row not in DIGITS], ids=str)
def test_every_other_published_figure_is_met(name, what):
    """A released checkpoint to the last parameter; a rounded figure to its digits or within 1 %, 2 % with experts."""
    model = Models[name]
    figure, ours = model.published[what], computed(model, what)
    if "checkpoint" in (figure.condition or ""):
        assert ours == figure.value
    else:
        digits = len(f"{figure.value:.15g}".replace(".", "").strip("0"))
        tolerance = 0.02 if getattr(model, "experts", None) else 0.01
        close = abs(ours / figure.value - 1) <= tolerance
        assert close or f"{ours:.{digits - 1}e}" == f"{figure.value:.{digits - 1}e}", f"{ours} against {figure.value}"


@pytest.mark.parametrize(
    ("name", "parameters"),
    [
        ("GPT2", 124_439_808),
        ("BERT_Base", 109_482_240),
        ("Llama3_8B", 8_030_261_248),
        ("Llama3_70B", 70_553_706_496),
        ("ResNet50", 25_557_032),
        ("MobileNetV2", 3_504_872),
        ("DS_CNN", 22_604),
    ],
)
def test_released_checkpoints_to_the_last_parameter(name, parameters):
    assert Models[name].parameter_count == parameters
    assert Models[name].parameters.m_as("param") == parameters


def test_gpt3_to_four_digits():
    assert f"{Models.GPT3.parameters.to('Bparam'):.1f}" == "174.6 Bparam"


@pytest.mark.parametrize(
    ("name", "size"),
    [("GPT2", 36_864), ("GPT3", 4_718_592), ("Llama3_8B", 131_072), ("Llama3_70B", 327_680)],
)
def test_kv_cache_per_token_at_16_bits(name, size):
    assert Models[name].kv_cache_size(seq_len=1).m_as("byte") == size
    assert Models[name].kv_cache_size(seq_len=1, precision="fp8").m_as("byte") == size / 2
    assert Models[name].kv_cache_size(seq_len=1024, batch_size=8).m_as("byte") == size * 8192


@pytest.mark.parametrize(
    ("name", "linear", "per_pair"),
    [
        ("GPT2", 247_064_064, 36_864),
        ("GPT3", 349_127_467_008, 4_718_592),
        ("Llama3_8B", 15_009_316_864, 524_288),
        ("Llama3_70B", 139_003_428_864, 2_621_440),
    ],
)
@pytest.mark.parametrize("context", [1, 7, 1024])
def test_operations_of_one_token(name, linear, per_pair, context):
    """Twice the weights that multiply the token, the head included, and 4·L·a·d for each key it sees."""
    assert Models[name].demand(seq_len=context).flops == linear + per_pair * context


def test_operations_of_bert_at_128_tokens():
    """22,347,251,712 without a head; the pooler multiplies the first token once."""
    body = 128 * 169_869_312 + 128 * 128 * 36_864
    assert f"{body / 1e9:.2f}" == "22.35"
    assert Models.BERT_Base.demand(seq_len=128).flops == body + 2 * 768 * 768
