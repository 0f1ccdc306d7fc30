"""Memory: model states, activations and caches of the shapes and the split that a record states.

The level changes nothing here: bytes are counted, not timed.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from mlsysim.core.solver.node.training_state import zero_shards
from mlsysim.physics import attention, memory, training, training_memory, transformer
from mlsysim.physics.precision import ELEMENT_SIZE
from mlsysim.units import Q_
from mlsysim.validation.adapters.figures import given, quantity, whole
from mlsysim.validation.adapters.names import NotStated
from mlsysim.validation.records import Measurement

HEADLINE = (
    "kv_per_token",
    "model_state_per_gpu",
    "stage1",
    "model_states",
    "activation_memory_saved",
    "weights_total",
    "max_memory",
)

NOTHING = Q_(0, "byte")

STAGES = {"baseline-dp": 0, "stage1-pos": 1, "stage2-pos-g": 2, "stage3-pos-g-p": 3}
"""ZeRO's stages as the records call them."""

UNANSWERED = {
    "training_checkpoint": "the optimizer and the format of its states are not stated",
    "file_size": "the optimizer and the format of its states are not stated",
    "relative_memory_upper": "the widths and heads of its four models are not stated",
    "full_recompute_relative": "the widths and heads of its four models are not stated",
    "reduction_factor": "the widths and heads of its four models are not stated",
    "max_memory": "neither the microbatch, the stages' layers, the optimizer's formats nor the allocator's reserve are"
    " stated",
}
"""Why the other metrics of the domain are not predicted."""


def predict(record: Measurement, level: str) -> dict[str, Any]:
    """Return what we predict for each metric of a record, or why we do not."""
    return {metric: _answer(record, metric) for metric in record.measured}


def _answer(record: Measurement, metric: str) -> Any:
    if metric not in METRICS:
        return UNANSWERED.get(metric, f"{metric} is no memory that we predict")
    needed, answer = METRICS[metric]
    missing = [name for name in needed if not given(record, name)]
    if missing:
        return f"it does not state {', '.join(missing)}"
    try:
        return answer(record)
    except NotStated as why:
        return str(why)


def _kv_per_token(record: Measurement) -> Any:
    layers, token = whole(record, "layers"), Q_(1, "token")
    size = quantity(record, "bytes_per_element", "byte")
    if given(record, "kv_lora_rank"):
        widths = whole(record, "kv_lora_rank"), whole(record, "qk_rope_head_dim")
        return attention.latent_cache_bytes(layers, *widths, token, size)
    return memory.kv_cache_bytes(layers, whole(record, "kv_heads"), whole(record, "head_dim"), token, size)


def _states(record: Measurement, stage: int) -> Any:
    """Weights, gradients and optimizer states of one device, at 16 bits where the record does not say."""
    half = ELEMENT_SIZE["fp16"]
    sizes = (
        quantity(record, "weights_bytes_per_param", "byte", default=half),
        quantity(record, "grads_bytes_per_param", "byte", default=half),
        quantity(record, "optimizer_bytes_per_param", "byte"),
    )
    parameters, shards = quantity(record, "params", "param"), zero_shards(stage, whole(record, "dp"))
    held = [
        training_memory.state_bytes(parameters, size, shards=among) for size, among in zip(sizes, shards, strict=True)
    ]
    return training_memory.training_footprint(*held, NOTHING, NOTHING)


def _of_stage(record: Measurement) -> Any:
    stage = STAGES.get(str(record.inputs["stage"]))
    if stage is None:
        raise NotStated(f"{record.inputs['stage']!r} is no stage of ZeRO that we know")
    return _states(record, stage)


def _whole_states(record: Measurement) -> Any:
    return memory.weight_bytes(quantity(record, "params", "param"), quantity(record, "bytes_per_param", "byte"))


def _half_weights(record: Measurement) -> Any:
    return memory.weight_bytes(quantity(record, "params", "param"), Q_(ELEMENT_SIZE["fp16"], "byte"))


def _shape(record: Measurement) -> tuple[int, int, int]:
    """Heads, tokens of a sequence, width."""
    return whole(record, "heads"), whole(record, "seq_len"), whole(record, "hidden")


def _layer(record: Measurement, scores: Any) -> Any:
    """What a layer of a GPT with dropout keeps for a sequence: feed-forward blocks four times as wide as the model."""
    heads, tokens, hidden = _shape(record)
    rows, masks, size = 4, Q_(2, "byte"), Q_(ELEMENT_SIZE["fp16"], "byte")
    return training_memory.layer_activation_bytes(
        Q_(tokens, "token"), hidden, rows, masks, 12 * hidden, heads, scores, size
    )


def _scores(record: Measurement) -> Any:
    """Softmax, its dropped-out copy and the mask, as in the source of the formula."""
    size = Q_(ELEMENT_SIZE["fp16"], "byte")
    return training_memory.score_bytes(_shape(record)[1], size, size + Q_(1, "byte"))


def _attention_term(record: Measurement) -> Any:
    _, tokens, hidden = _shape(record)
    kept = _layer(record, _scores(record)) - _layer(record, NOTHING)
    return Q_(float(kept.m_as("byte")) / (tokens * hidden), "dimensionless")


def _saved(record: Measurement) -> Any:
    return (1 - _layer(record, NOTHING) / _layer(record, _scores(record))).to("percent")


def _flops_overhead(record: Measurement) -> Any:
    heads, tokens, hidden = _shape(record)
    weights = transformer.attention_parameters(hidden, heads, heads, hidden // heads)
    weights += transformer.mlp_parameters(hidden, 4 * hidden, 2)
    products = transformer.layer_flops(weights, Q_(tokens, "token"))
    scores = transformer.attention_flops(1, heads, hidden // heads, tokens**2)
    needed = training.step_flops(Q_(0, "FLOP"), products, scores)
    return (training.hardware_flops(needed, Q_(0, "FLOP"), scores, 1) / needed - 1).to("percent")


_SHAPE = ("heads", "seq_len", "hidden")
_SPLIT = ("params", "dp", "optimizer_bytes_per_param")
METRICS: dict[str, tuple[tuple[str, ...], Callable[[Measurement], Any]]] = {
    "kv_per_token": (("layers", "bytes_per_element"), _kv_per_token),
    "model_state_per_gpu": ((*_SPLIT, "stage"), _of_stage),
    **{f"stage{stage}": (_SPLIT, lambda record, stage=stage: _states(record, stage)) for stage in (1, 2, 3)},
    "model_states": (("params", "bytes_per_param"), _whole_states),
    "fp16_weights": (("params",), _half_weights),
    "weights_total": (("params",), _half_weights),
    "attention_term_5as_over_h": (_SHAPE, _attention_term),
    "activation_memory_saved": (_SHAPE, _saved),
    "flops_overhead": (_SHAPE, _flops_overhead),
}
