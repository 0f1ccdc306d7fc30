"""Equations of a transformer against shapes worked by hand."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from mlsysim.physics import memory, transformer

small = st.integers(1, 64)


def test_llama_8b_by_hand():
    attention = transformer.attention_parameters.plain(4096, 32, 8, 128)
    assert attention == 4096 * 4096 + 2 * 4096 * 1024 + 4096 * 4096
    assert transformer.mlp_parameters.plain(4096, 14336, 3) == 3 * 4096 * 14336


@given(batch=small, length=small)
def test_causal_pairs_are_counted_one_by_one(batch, length):
    assert transformer.causal_pairs.plain(batch, length) == batch * sum(range(1, length + 1))


def activations_by_operator(tokens, hidden, query, inner):
    """Elements read and written in one layer, operator by operator; keys and values are left to the KV cache."""
    operators = {
        "norm": (hidden, hidden),
        "query, key, value": (hidden, query),
        "attention": (query, query),
        "output, plus residual": (query + hidden, hidden),
        "second norm": (hidden, hidden),
        "up, gated": (hidden, inner),
        "down, plus residual": (inner + hidden, hidden),
    }
    return tokens * sum(read + written for read, written in operators.values())


@given(tokens=small, layers=small, hidden=small, heads=small, head_dim=small, inner=small, logits=st.integers(0, 999))
def test_activation_traffic_is_the_sum_over_the_operators(tokens, layers, hidden, heads, head_dim, inner, logits):
    layer = activations_by_operator(tokens, hidden, heads * head_dim, inner)
    counted = transformer.activation_bytes.plain(tokens, layers, hidden, heads, head_dim, inner, logits, 2)
    assert counted == 2 * (layers * layer + logits)


@given(tokens=small, hidden=small, kv_heads=small, group=small, head_dim=small, inner=small)
def test_live_activations_cover_the_widest_operator(tokens, hidden, kv_heads, group, head_dim, inner):
    heads = kv_heads * group
    for matrices in (2, 3):
        live = transformer.live_bytes.plain(tokens, hidden, heads, kv_heads, head_dim, inner, matrices, 0, 1)
        stream_and_input = 2 * tokens * hidden
        projections = tokens * head_dim * (heads + 2 * kv_heads)
        inside_mlp = tokens * inner * (matrices - 1)
        assert live == stream_and_input + max(projections, inside_mlp)


@given(layers=small, kv_heads=small, head_dim=small, tokens=small)
def test_the_cache_grows_by_two_vectors_a_head_and_layer(layers, kv_heads, head_dim, tokens):
    def size(count):
        return memory.kv_cache_bytes.plain(layers, kv_heads, head_dim, count, 2)

    assert size(tokens + 1) - size(tokens) == 2 * layers * kv_heads * head_dim * 2


def test_training_counts_three_forward_passes():
    forward = transformer.layer_flops.plain(8e9, 1e12)
    assert transformer.training_flops.plain(8e9, 1e12) == 3 * forward
