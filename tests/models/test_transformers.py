"""What a transformer demands: counted by hand, conserved, and consistent between its phases."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlsysim import Models, TransformerWorkload
from mlsysim.errors import InputError

DECODERS = ["GPT2", "GPT3", "Llama3_8B", "Llama3_70B"]
every_decoder = pytest.mark.parametrize("name", DECODERS)
SHAPE = {"name": "toy", "layers": 2, "hidden": 12, "heads": 3, "intermediate": 20, "vocab": 50, "max_context": 64}


@st.composite
def decoders(draw):
    group, kv_heads, head_dim = draw(st.integers(1, 4)), draw(st.integers(1, 4)), draw(st.integers(1, 8))
    return TransformerWorkload(
        name="toy",
        layers=draw(st.integers(1, 4)),
        hidden=draw(st.integers(1, 64)),
        heads=group * kv_heads,
        kv_heads=kv_heads,
        head_dim=head_dim,
        intermediate=draw(st.integers(1, 64)),
        vocab=draw(st.integers(1, 99)),
        max_context=64,
        gated=draw(st.booleans()),
        tied_embeddings=draw(st.booleans()),
    )


def test_llama_8b_decode_by_hand():
    demand = Models.Llama3_8B.demand(batch_size=1, precision="fp16", phase="decode", seq_len=2048)
    assert demand.flops == 2 * 7_504_658_432 + 4 * 32 * 32 * 128 * 2048
    assert demand.weights == 2 * 8_030_261_248
    assert demand.kv_cache == 131_072 * 2048
    assert demand.kv_traffic == 131_072 * (2048 + 1)
    assert demand.samples == 1


@every_decoder
@pytest.mark.parametrize("length", [1, 2, 17, 100])
def test_decoding_token_by_token_does_the_work_of_a_prefill(name, length):
    """Except that the head runs for each token decoded and, in a prefill, for the last one only."""
    model = Models[name]
    steps = sum(model.demand(phase="decode", seq_len=position).flops for position in range(1, length + 1))
    prefill = model.demand(phase="prefill", seq_len=length).flops
    assert steps - prefill == (length - 1) * 2 * model.head_parameters


@given(model=decoders(), length=st.integers(1, 64), batch=st.integers(1, 9))
def test_the_same_for_any_shape_and_batch(model, length, batch):
    steps = sum(model.demand(batch, phase="decode", seq_len=position).flops for position in range(1, length + 1))
    prefill = model.demand(batch, phase="prefill", seq_len=length).flops
    assert steps - prefill == batch * (length - 1) * 2 * model.head_parameters


@given(
    model=decoders(), length=st.integers(1, 64), batch=st.integers(1, 999), phase=st.sampled_from(["decode", "prefill"])
)
def test_all_but_the_weights_grows_with_the_batch(model, length, batch, phase):
    one, many = model.demand(1, phase=phase, seq_len=length), model.demand(batch, phase=phase, seq_len=length)
    for field in ("samples", "flops", "activations", "kv_traffic", "kv_cache", "live"):
        assert getattr(many, field) == batch * getattr(one, field), field
    assert many.weights == one.weights


@given(model=decoders(), length=st.integers(1, 63), phase=st.sampled_from(["decode", "prefill"]))
def test_a_longer_context_never_costs_less(model, length, phase):
    shorter, longer = model.demand(phase=phase, seq_len=length), model.demand(phase=phase, seq_len=length + 1)
    assert longer.flops > shorter.flops
    assert longer.kv_cache > shorter.kv_cache
    assert longer.kv_traffic > shorter.kv_traffic
    assert longer.activations >= shorter.activations


@given(model=decoders(), length=st.integers(1, 64))
def test_a_prefill_of_one_token_is_a_decode_step(model, length):
    assert model.demand(phase="prefill", seq_len=1) == model.demand(phase="decode", seq_len=1)


@every_decoder
def test_half_the_bits_are_half_the_bytes_and_the_same_work(name):
    wide, narrow = Models[name].demand(4, "fp16"), Models[name].demand(4, "int8")
    assert narrow.flops == wide.flops
    for field in ("weights", "activations", "kv_traffic", "kv_cache", "live"):
        assert getattr(wide, field) == 2 * getattr(narrow, field)


def test_the_cache_can_have_a_format_of_its_own():
    plain, narrow = Models.Llama3_8B.demand(4, "fp16"), Models.Llama3_8B.demand(4, "fp16", kv_precision="fp8")
    assert narrow._replace(kv_traffic=0, kv_cache=0) == plain._replace(kv_traffic=0, kv_cache=0)
    assert (plain.kv_traffic, plain.kv_cache) == (2 * narrow.kv_traffic, 2 * narrow.kv_cache)


def test_fewer_kv_heads_shrink_the_cache_not_the_scores():
    full, grouped = TransformerWorkload(**SHAPE), TransformerWorkload(**SHAPE, kv_heads=1)
    assert full.demand(seq_len=9).kv_cache == 3 * grouped.demand(seq_len=9).kv_cache
    linear = 2 * (full.layer_parameters - grouped.layer_parameters)
    assert full.demand(seq_len=9).flops - grouped.demand(seq_len=9).flops == linear


@settings(max_examples=30)
@given(model=decoders())
def test_parameters_add_up_to_what_a_checkpoint_lists(model):
    query, key = model.heads * model.head_dim, model.kv_heads * model.head_dim
    attention = [model.hidden * query, model.hidden * key, model.hidden * key, query * model.hidden]
    mlp = [model.hidden * model.intermediate] * (3 if model.gated else 2)
    norms = [model.hidden] * 2
    head = [] if model.tied_embeddings else [model.vocab * model.hidden]
    tensors = [model.vocab * model.hidden, *(attention + mlp + norms) * model.layers, model.hidden, *head]
    assert model.parameter_count == sum(tensors)


def test_an_encoder_reads_a_sequence_once_and_keeps_nothing():
    demand = Models.BERT_Base.demand(batch_size=3, seq_len=128)
    assert demand.kv_cache == 0
    assert demand.samples == 3
    assert Models.BERT_Base.phases == ("encode",)
    assert Models.BERT_Base.demand(seq_len=128) == Models.BERT_Base.demand(seq_len=128, phase="encode")


def test_the_default_context_is_2048_or_all_there_is():
    assert Models.Llama3_8B.demand() == Models.Llama3_8B.demand(seq_len=2048, phase="decode")
    assert Models.GPT2.demand() == Models.GPT2.demand(seq_len=1024, phase="decode")


def test_flops_is_the_demand_as_a_quantity():
    assert (
        Models.Llama3_8B.flops(2, "prefill", 16).m_as("flop")
        == Models.Llama3_8B.demand(2, phase="prefill", seq_len=16).flops
    )


def test_tables_that_are_looked_up():
    assert Models.Llama3_8B.lookup_count == 128256 * 4096
    assert Models.GPT2.lookup_count == 1024 * 768
    assert Models.BERT_Base.lookup_count == (30522 + 512 + 2) * 768


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"hidden": 13}, "TransformerWorkload: head_dim must be given: hidden 13 is no multiple of heads 3"),
        ({"kv_heads": 2}, "TransformerWorkload: heads 3 must be a multiple of kv_heads 2"),
        ({"layers": 0}, "TransformerWorkload.layers: .*; got 0"),
        ({"layers": -2}, "TransformerWorkload.layers: .*; got -2"),
        ({"layers": 1.5}, "TransformerWorkload.layers: .*; got 1.5"),
        ({"heads": "3"}, "TransformerWorkload.heads: .*; got '3'"),
        ({"vocab": True}, "TransformerWorkload.vocab: .*; got True"),
        ({"learned_positions": -6}, "TransformerWorkload.learned_positions: .*; got -6"),
        ({"segments": 1.5}, "TransformerWorkload.segments: .*; got 1.5"),
        ({"architecture": "decodr"}, "TransformerWorkload.architecture: .*'decoder'.*; got 'decodr'"),
        ({"layer": 2}, "unknown field of TransformerWorkload 'layer'; did you mean 'layers'"),
    ],
)
def test_what_a_shape_may_not_be(change, message):
    with pytest.raises(InputError, match=rf"^{message}"):
        TransformerWorkload(**(SHAPE | change))
