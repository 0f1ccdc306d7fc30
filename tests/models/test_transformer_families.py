"""Windows, latent attention, mixtures of experts, encoder-decoders and vision transformers, counted by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlsysim import Engine, Hardware, Models, ServingModel, TransformerWorkload
from mlsysim.errors import InputError
from mlsysim.models.encoder_decoder import EncoderDecoderWorkload
from mlsysim.models.vision_transformer import VisionTransformerWorkload
from mlsysim.physics import attention, experts

LANGUAGE = list(Models.Language.names)
TRANSFORMERS = [*LANGUAGE, *Models.Speech.names, *Models.VisionTransformers.names]
DECODERS = [name for name in LANGUAGE if "prefill" in Models[name].phases]
WITH_EXPERTS = [name for name in DECODERS if Models[name].experts]
LATENT = [name for name in DECODERS if Models[name].latent]
WINDOWED = [name for name in DECODERS if Models[name].window]
SHAPE = {"name": "toy", "layers": 6, "hidden": 12, "heads": 3, "intermediate": 20, "vocab": 50, "max_context": 64}
LATENT_SHAPE = {"kv_rank": 8, "nope_dim": 4, "rope_dim": 2, "value_dim": 5}

KV_BYTES_OF_A_TOKEN = {
    "GPT2": 36864, "GPT2_Medium": 98304, "GPT2_Large": 184320, "GPT2_XL": 307200, "GPT3": 4718592,
    "OPT_13B": 819200, "OPT_175B": 4718592, "BLOOM_176B": 4014080, "GPTJ_6B": 458752,
    "MPT_7B": 524288, "MPT_30B": 1376256, "LLaMA_7B": 524288, "LLaMA_65B": 2621440,
    "Llama2_7B": 524288, "Llama2_13B": 819200, "Llama2_70B": 327680, "Llama3_8B": 131072, "Llama3_70B": 327680,
    "Llama3_1_8B": 131072, "Llama3_1_70B": 327680, "Llama3_1_405B": 516096,
    "Llama3_2_1B": 32768, "Llama3_2_3B": 114688, "Llama4_Scout": 196608, "Llama4_Maverick": 196608,
    "Mistral_7B": 131072, "Mixtral_8x7B": 131072, "Mixtral_8x22B": 229376,
    "DeepSeek_V2": 69120, "DeepSeek_V2_Lite": 31104, "DeepSeek_V3": 70272, "DeepSeek_R1": 70272, "Kimi_K2": 70272,
    "Qwen2_5_7B": 57344, "Qwen2_5_72B": 327680, "Qwen3_8B": 147456, "Qwen3_32B": 262144,
    "Qwen3_30B_A3B": 98304, "Qwen3_235B_A22B": 192512,
    "Gemma2_2B": 106496, "Gemma2_9B": 344064, "Gemma2_27B": 376832,
    "Gemma3_4B": 139264, "Gemma3_12B": 393216, "Gemma3_27B": 507904,
    "Phi3_Mini": 393216, "Phi3_Medium": 204800, "Phi4": 204800, "GPT_OSS_20B": 49152, "GPT_OSS_120B": 73728,
    "PaLM_540B": 120832, "Falcon_40B": 122880, "Falcon_180B": 163840, "OLMo2_7B": 524288,
}  # fmt: skip


def toy(**fields):
    return TransformerWorkload(**(SHAPE | fields))


def mixture(**fields):
    return {"experts": 8, "active": 2, "intermediate": 10} | fields


def test_the_registry_has_the_transformers_of_the_field():
    assert len(TRANSFORMERS) >= 60
    assert set(KV_BYTES_OF_A_TOKEN) == set(DECODERS)


@pytest.mark.parametrize("name", DECODERS)
def test_kv_cache_of_one_token_at_16_bits(name):
    assert Models[name].kv_cache_size(seq_len=1).m_as("byte") == KV_BYTES_OF_A_TOKEN[name]


# Sliding windows


def test_layers_with_a_window():
    assert toy(window=4).local_layers == 6
    assert toy(window=4, global_every=2).local_layers == 3
    assert toy(window=4, global_every=6).local_layers == 5
    assert (Models.Gemma3_27B.local_layers, Models.Gemma3_4B.local_layers) == (52, 29)
    assert Models.GPT_OSS_20B.local_layers == 12


def test_a_window_bounds_the_cache_by_hand():
    """Gemma 3 27B: 10 of 62 layers keep 8192 tokens, 52 keep 1024, each token 2·16·128 elements of 2 bytes."""
    expected = 2 * 16 * 128 * 2 * (10 * 8192 + 52 * 1024)
    assert Models.Gemma3_27B.kv_cache_size(seq_len=8192).m_as("byte") == pytest.approx(expected, rel=1e-12)


def test_mistral_keeps_4096_tokens_however_long_the_text():
    sizes = {Models.Mistral_7B.kv_cache_size(seq_len=length).m_as("byte") for length in (4096, 4097, 32768)}
    assert sizes == {4096 * 131072}


@given(batch=st.integers(1, 9), length=st.integers(1, 60), window=st.integers(1, 60))
def test_pairs_in_a_window_are_counted_one_by_one(batch, length, window):
    seen = sum(min(position, window) for position in range(1, length + 1))
    assert attention.window_pairs.plain(batch, length, window) == batch * seen


@pytest.mark.parametrize("every", [None, 2, 3])
@given(length=st.integers(1, 64), window=st.integers(1, 64), batch=st.integers(1, 5))
def test_decoding_with_a_window_does_the_work_of_a_prefill(every, length, window, batch):
    model = toy(window=window, global_every=every)
    steps = sum(model.demand(batch, phase="decode", seq_len=position).flops for position in range(1, length + 1))
    prefill = model.demand(batch, phase="prefill", seq_len=length).flops
    assert steps - prefill == pytest.approx(batch * (length - 1) * 2 * model.head_parameters, abs=1e-6 * prefill)


@pytest.mark.parametrize("name", WINDOWED)
def test_a_text_shorter_than_the_window_is_seen_whole(name):
    model = Models[name]
    plain = model.model_copy(update={"window": None, "global_every": None})
    for phase in ("decode", "prefill"):
        with_window, without = model.demand(2, phase=phase, seq_len=64), plain.demand(2, phase=phase, seq_len=64)
        for field in ("flops", "weight_traffic", "activations", "kv_traffic", "kv_cache", "live"):
            assert getattr(with_window, field) == pytest.approx(getattr(without, field), rel=1e-12), field


# Latent attention


def test_latent_attention_by_hand():
    """Queries, compressed keys and values, what is made of them, the output."""
    model = toy(head_dim=6, latent=LATENT_SHAPE)
    layer = 12 * 3 * 6 + 12 * (8 + 2) + 8 * 3 * (4 + 5) + 3 * 5 * 12
    assert model.attention_parameters == layer
    compressed = toy(head_dim=6, latent=LATENT_SHAPE | {"query_rank": 7})
    assert compressed.attention_parameters == layer - 12 * 3 * 6 + 7 * (12 + 3 * 6)
    assert model.demand(seq_len=10, precision="int8").kv_cache == 6 * (8 + 2) * 10


def test_deepseek_v3_attention_layer():
    """W_DQ, W_UQ, W_DKV with W_KR, W_UK with W_UV, W_O."""
    matrices = 7168 * 1536, 1536 * 128 * 192, 7168 * 576, 512 * 128 * 256, 128 * 128 * 7168
    assert Models.DeepSeek_V3.attention_parameters == sum(matrices) == 187_105_280


def test_decoding_attends_to_the_compressed_cache():
    short, longer = (Models.DeepSeek_V3.demand(seq_len=length).flops for length in (1000, 1001))
    assert longer - short == 16_990_208 == 2 * 61 * 128 * (576 + 512)


def test_a_prefill_makes_keys_and_values_of_it():
    model = Models.DeepSeek_V3
    flops = model.demand(phase="prefill", seq_len=100).flops
    linear = 2 * model.active_layer_parameters * 100 + 2 * model.head_parameters
    assert flops - linear == 2 * 61 * 128 * (192 + 128) * (100 * 101 / 2)


@pytest.mark.parametrize("name", LATENT)
def test_the_cache_has_no_heads_in_it(name):
    model = Models[name]
    demand = model.demand(3, seq_len=512)
    assert demand.kv_cache == 2 * model.layers * 576 * 3 * 512
    assert demand.kv_traffic == 2 * model.layers * 576 * (3 * 512 + 3)


# Mixtures of experts


@pytest.mark.parametrize(
    ("tokens", "expected"),
    [(1, 2), (2, 8 * (1 - 0.75**2)), (3, 8 * (1 - 27 / 64)), (1000, 8)],
)
def test_distinct_experts_by_hand(tokens, expected):
    """Two of eight: a token misses an expert with probability 3/4."""
    assert experts.distinct_experts.plain(8, 2 / 8, tokens) == pytest.approx(expected, rel=1e-12)


def test_distinct_experts_against_random_routing():
    draw = np.random.default_rng(0)
    chosen = draw.random((2000, 16, 32)).argsort(axis=-1)[:, :, :4].reshape(2000, -1)
    counted = np.mean([len(set(row)) for row in chosen.tolist()])
    assert experts.distinct_experts.plain(32, 4 / 32, 16) == pytest.approx(counted, rel=0.01)


def test_parameters_of_a_mixture_by_hand():
    """First two layers plain; of the other four, each with a router, eight experts and one that is shared."""
    model = toy(gated=True, experts=mixture(shared=1, dense_layers=2))
    plain, expert, attended = 3 * 12 * 20, 3 * 12 * 10, 4 * 12 * 12
    assert model.layer_parameters == 6 * attended + 2 * plain + 4 * (12 * 8 + 9 * expert)
    assert model.active_layer_parameters == 6 * attended + 2 * plain + 4 * (12 * 8 + 3 * expert)
    assert model.parameter_count - model.active_parameter_count == 4 * 6 * expert
    assert toy(experts=mixture(every=2)).moe_layers == 3
    assert Models.Llama4_Maverick.moe_layers == 24
    assert Models.DeepSeek_V3.moe_layers == 58


def test_biases_by_hand():
    """Of each gate, up and down matrix of an expert, of the router, of queries, keys, values and output."""
    biases = ["qkv", "output", "mlp", "router"]
    plain, biased = (toy(gated=True, kv_heads=1, biases=chosen, experts=mixture()) for chosen in ([], biases))
    layer = (3 + 2 * 1) * 4 + 12 + 8 * (2 * 10 + 12) + 8
    assert biased.parameter_count - plain.parameter_count == 6 * layer
    assert toy(biases=["qv"]).parameter_count - toy().parameter_count == 6 * 2 * 12
    assert toy(biases=["head"]).parameter_count - toy().parameter_count == 50
    assert toy(biases=True) == toy(biases=["qkv", "output", "mlp"])


def test_norms_and_sinks_by_hand():
    assert toy(norms_per_layer=4).parameter_count - toy().parameter_count == 6 * 2 * 12
    assert toy(norm="layer_without_bias").parameter_count == toy().parameter_count
    assert toy(norm="layer").parameter_count - toy().parameter_count == (6 * 2 + 1) * 12
    assert toy(qk_norm="head").parameter_count - toy().parameter_count == 6 * 2 * 4
    assert toy(qk_norm="projection", kv_heads=1).parameter_count - toy(kv_heads=1).parameter_count == 6 * (12 + 4)
    assert toy(attention_sinks=True).parameter_count - toy().parameter_count == 6 * 3


@pytest.mark.parametrize("name", WITH_EXPERTS)
def test_a_pass_reads_the_experts_that_its_tokens_chose(name):
    model = Models[name]
    counts = [model.read_count(tokens) for tokens in (1, 2, 8, 64, 10**6)]
    assert counts[0] == pytest.approx(model.active_parameter_count, rel=1e-12)
    assert counts == sorted(counts)
    assert counts[-1] == pytest.approx(model.parameter_count, rel=1e-9)


@pytest.mark.parametrize("name", WITH_EXPERTS)
def test_memory_holds_all_experts_and_traffic_only_those(name):
    model = Models[name]
    demand = model.demand(4, "fp16", seq_len=128)
    assert demand.weights == 2 * model.parameter_count
    assert demand.weight_traffic == 2 * model.read_count(4)
    assert model.demand(1, "fp16", "prefill", seq_len=128).weight_traffic == 2 * model.read_count(128)


def test_without_experts_all_is_read():
    assert Models.Llama3_8B.read_count(1) == Models.Llama3_8B.active_parameter_count == Models.Llama3_8B.parameter_count
    assert Models.Llama3_8B.demand().weight_traffic == Models.Llama3_8B.demand().weights


@pytest.mark.parametrize("name", [name for name in DECODERS if name not in LATENT])
@pytest.mark.parametrize("length", [1, 7])
def test_decoding_token_by_token_does_the_work_of_a_prefill(name, length):
    model = Models[name]
    steps = sum(model.demand(phase="decode", seq_len=position).flops for position in range(1, length + 1))
    prefill = model.demand(phase="prefill", seq_len=length).flops
    assert steps - prefill == pytest.approx((length - 1) * 2 * model.head_parameters, abs=1e-9 * prefill)


@pytest.mark.parametrize("name", ["DeepSeek_V3", "Mixtral_8x7B", "Gemma3_27B", "GPT_OSS_20B", "Llama3_8B"])
@pytest.mark.parametrize("phase", ["decode", "prefill"])
def test_arrays_give_what_their_elements_give(name, phase):
    model, batches, contexts = Models[name], [1, 8, 300], [5, 500, 5000]
    columns = model._demand(np.array(batches), phase, np.array(contexts), 2, 1)
    for row, (batch, context) in enumerate(zip(batches, contexts, strict=True)):
        one = model._demand(batch, phase, context, 2, 1)
        for field, value in one._asdict().items():
            column = getattr(columns, field)
            assert value is column is None or np.broadcast_to(column, 3)[row] == value, field


# Encoders


@pytest.mark.parametrize(("length", "gigaflops"), [(128, "22.35"), (512, "96.64")])
def test_operations_of_bert(length, gigaflops):
    assert f"{Models.BERT_Base.flops(seq_len=length).m_as('GFLOP'):.2f}" == gigaflops


def test_operations_of_bert_large_at_512():
    assert f"{Models.BERT_Large.flops(seq_len=512).m_as('GFLOP'):.0f}" == "335"


# Encoder-decoders


@pytest.mark.parametrize(
    ("name", "encode", "linear", "cross", "cross_bytes", "per_token"),
    [
        ("Whisper_Small", 386_629_632_000, 277_845_504, 55_296_000, 55_296_000, 36_864),
        ("Whisper_Large_v3", 2_588_344_320_000, 1_600_783_360, 245_760_000, 245_760_000, 163_840),
    ],
)
def test_whisper_by_hand(name, encode, linear, cross, cross_bytes, per_token):
    """Convolutions, encoder and the keys and values for the decoder; then one token, which sees 1500 positions."""
    model = Models[name]
    assert model.demand(phase="encode").flops == encode
    step = model.demand(phase="decode", seq_len=1)
    per_pair = 4 * model.decoder_layers * model.hidden
    assert step.flops == linear + cross + per_pair
    assert model.demand(phase="decode", seq_len=11).flops - step.flops == 10 * per_pair
    assert step.kv_cache == cross_bytes + per_token
    assert model.demand(phase="encode").kv_cache == cross_bytes


@pytest.mark.parametrize(
    ("name", "encoder", "decoder", "per_token"),
    [("T5_Base", 198_180_864, 247_529_472, 36_864), ("T5_11B", 11_274_289_152, 11_340_087_296, 1_572_864)],
)
def test_t5_by_hand(name, encoder, decoder, per_token):
    """The encoder's products with those for the decoder's keys and values; then one token, which sees 512."""
    model = Models[name]
    pairs = 4 * model.encoder_layers * model.heads * model.head_dim
    assert model.demand(phase="encode", seq_len=100).flops - pairs * 100**2 == 100 * encoder
    assert model.demand(phase="decode", seq_len=1).flops - pairs * (1 + 512) == decoder
    one, two = (model.demand(phase="decode", seq_len=length).kv_cache for length in (1, 2))
    assert two - one == per_token


@pytest.mark.parametrize("name", ["Whisper_Small", "T5_Base"])
def test_each_phase_reads_its_own_weights_and_memory_holds_all(name):
    model = Models[name]
    encode, decode = model.demand(3, phase="encode"), model.demand(3, phase="decode")
    assert encode.weights == decode.weights == 2 * model.parameter_count
    assert encode.weight_traffic + decode.weight_traffic == pytest.approx(encode.weights, rel=1e-3)
    assert max(encode.weight_traffic, decode.weight_traffic) < encode.weights


@pytest.mark.parametrize("name", ["Whisper_Small", "T5_11B", "ViT_B16"])
@given(batch=st.integers(1, 10**6))
def test_all_but_the_weights_grows_with_the_batch(name, batch):
    for phase in Models[name].phases:
        one, many = Models[name].demand(1, phase=phase), Models[name].demand(batch, phase=phase)
        for field in ("samples", "flops", "activations", "kv_traffic", "kv_cache", "live"):
            assert getattr(many, field) == batch * getattr(one, field), field
        assert (many.weights, many.weight_traffic) == (one.weights, one.weight_traffic)


@pytest.mark.parametrize(
    ("phase", "length", "message"),
    [
        ("encode", 1501, "seq_len must be at most 1500, the max_source of Whisper small; got 1501"),
        ("decode", 449, "seq_len must be at most 448, the max_context of Whisper small; got 449"),
        ("prefill", 4, "unknown phase of Whisper small 'prefill'"),
        ("encode", 0, "seq_len must be a whole number of at least 1; got 0"),
    ],
)
def test_what_an_encoder_decoder_refuses(phase, length, message):
    with pytest.raises(InputError, match=f"^{message}"):
        Models.Whisper_Small.demand(phase=phase, seq_len=length)


def test_what_whisper_moves_besides_its_encoder():
    """The spectrogram in, 3000 positions out and in again, 1500 out; and what was read, once a layer of the decoder."""
    model = Models.Whisper_Small
    front = 80 * 3000 + 768 * 3000 + 768 * 3000 + 768 * 1500
    demand = model.demand(phase="encode", precision="int8")
    assert demand.activations == model.encoder.activation_bytes(1500, 0, 1) + front + 12 * 768 * 1500


def test_an_encoder_decoder_of_ones_own():
    model = EncoderDecoderWorkload(
        name="toy", encoder_layers=1, decoder_layers=2, hidden=8, heads=2, head_dim=4, intermediate=16, vocab=10,
        max_context=5, max_source=7,
    )  # fmt: skip
    attended, mlp = 4 * 8 * 8, 2 * 8 * 16
    assert model.parameter_count == 10 * 8 + attended + mlp + 2 * 8 + 2 * (2 * attended + mlp + 3 * 8) + 2 * 8


# Vision transformers


def test_vit_by_hand():
    """Patches, 197 tokens through 12 layers, their pairs, the head on the class token."""
    patches, body, pairs, head = 2 * 768 * 768 * 196, 2 * 84_934_656 * 197, 4 * 12 * 768 * 197**2, 2 * 768 * 1000
    assert Models.ViT_B16.tokens == 197
    assert Models.ViT_B16.demand().flops == patches + body + pairs + head
    assert Models.ViT_B16.demand().kv_cache == 0


@pytest.mark.parametrize("argument", [{"seq_len": 128}, {"kv_precision": "fp8"}])
def test_what_concerns_text_is_refused(argument):
    with pytest.raises(InputError, match=rf"^{next(iter(argument))} does not apply to ViT-B/16, which reads images"):
        Models.ViT_B16.demand(**argument)


def test_an_image_must_be_filled_by_its_patches():
    with pytest.raises(InputError, match="image 30 x 32 must be a multiple of patch 16"):
        VisionTransformerWorkload(
            name="toy", image=(30, 32, 3), patch=16, classes=2, layers=1, hidden=4, heads=1, intermediate=8
        )


# Shapes that do not hold together


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"global_every": 2}, "global_every needs a window"),
        ({"window": 0}, "TransformerWorkload.window: .*; got 0"),
        ({"latent": LATENT_SHAPE}, "head_dim must be 6, nope_dim \\+ rope_dim; got 4"),
        ({"experts": mixture(active=9)}, "active must be at most the 8 experts; got 9"),
        ({"experts": mixture(dense_layers=6)}, "experts leave none of the 6 layers with experts"),
        ({"experts": mixture(shard=1)}, "unknown field of .* 'shard'; did you mean 'shared'"),
        ({"biases": ["qkw"]}, "TransformerWorkload.biases.0: .*'qkv'.*; got 'qkw'"),
        ({"norm": "batch"}, "TransformerWorkload.norm: .*'layer'.*; got 'batch'"),
    ],
)
def test_what_a_shape_may_not_be(fields, message):
    with pytest.raises(InputError, match=message):
        toy(**fields)


# Solvers


@pytest.mark.parametrize("name", TRANSFORMERS)
def test_the_engine_answers_for_every_transformer(name):
    for phase in Models[name].phases:
        profile = Engine.solve(Models[name], Hardware.H200, phase=phase)
        for value in (profile.latency, profile.memory_footprint, profile.flops, profile.traffic, profile.energy):
            assert math.isfinite(value.magnitude)
            assert value.magnitude > 0
        assert 0 < profile.mfu <= profile.efficiency * (1 + 1e-12)


@pytest.mark.parametrize("name", DECODERS)
def test_serving_answers_for_every_decoder(name):
    served = ServingModel().solve(Models[name], Hardware.H200, seq_len=1024, batch_size=4)
    for value in (served.ttft, served.itl, served.throughput, served.total_memory_required, served.kv_cache_size):
        assert math.isfinite(value.magnitude)
        assert value.magnitude > 0
    assert served.itl < served.ttft
    assert served.explain()


def test_few_tokens_of_a_mixture_are_as_fast_as_its_active_parameters():
    """One token of Mixtral reads 12.9B of its 46.7B parameters; a hundred sequences read nearly all."""
    one, many = (
        Engine.solve(Models.Mixtral_8x7B, Hardware.H200, batch_size=batch, seq_len=128, efficiency=1)
        for batch in (1, 100)
    )
    assert one.bottleneck == "Memory"
    assert one.traffic.m_as("GB") == pytest.approx(2 * 12.88, rel=0.01)
    assert many.traffic.m_as("GB") > 2 * 46.7
