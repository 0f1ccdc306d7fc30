"""A pass as its kernels: their sums are the closed forms, their rows those worked by hand, their gradients theirs."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlsysim import Models, TransformerWorkload
from mlsysim.errors import InputError, InputTypeError, UnknownName
from mlsysim.models.backward import backward_of
from mlsysim.models.encoder_decoder import EncoderDecoderWorkload
from mlsysim.models.layered import LayeredWorkload
from mlsysim.models.operators import Operator
from mlsysim.models.recommendation import RecommendationWorkload
from mlsysim.models.state_space import StateSpaceWorkload
from mlsysim.models.vision_transformer import VisionTransformerWorkload

NAMES = list(Models.names)
PASSES = [(name, phase) for name in NAMES for phase in Models[name].phases]
every_model = pytest.mark.parametrize("name", NAMES)
every_pass = pytest.mark.parametrize(("name", "phase"), PASSES)
PRODUCTS = {"gemm", "grouped_gemm", "conv", "depthwise"}
SHAPE = {"name": "toy", "layers": 3, "hidden": 12, "heads": 4, "intermediate": 20, "vocab": 48, "max_context": 64}


def exactly(value):
    """The same number; the order of additions of numbers that are no whole ones may show in the last digits."""
    return pytest.approx(value, rel=1e-12, abs=0)


def length(model, phase):
    """An odd length, longer than most windows; none where a model reads no sequence."""
    if isinstance(model, EncoderDecoderWorkload):
        return min(999, model.max_source if phase == "encode" else model.max_context)
    return None if model.default_context is None else min(2999, getattr(model, "max_context", 2999))


def both(model, batch, phase, precision="bf16"):
    asked = batch, precision, phase, length(model, phase)
    return model.demand(*asked), model.lower(*asked)


def lookups(table):
    return sum(row.count * row.weights for row in table if row.kind == "lookup")


def tables(model, phase, positions):
    """Parameters of tables, which demand counts as read whole: `positions` of them are in rows of other kinds."""
    if not isinstance(model, EncoderDecoderWorkload):
        return model.lookup_count
    relative = model.relative_buckets * model.heads
    if phase == "decode":
        return relative + model.learned_positions * model.hidden
    own = model.source_positions * model.hidden
    return relative + (own - positions * model.hidden * bool(own) if model.audio_channels else own)


# Sums


@every_pass
@pytest.mark.parametrize("batch", [1, 3])
def test_operations_add_up_to_the_closed_form(name, phase, batch):
    demand, table = both(Models[name], batch, phase)
    assert table.total("flops") == exactly(demand.flops)


@every_pass
@pytest.mark.parametrize("batch", [1, 3])
def test_keys_and_values_and_states_add_up_to_the_closed_form(name, phase, batch):
    demand, table = both(Models[name], batch, phase)
    assert table.total("kv") == (exactly(demand.kv_traffic) if demand.kv_traffic else 0)


@every_pass
def test_so_they_do_where_the_cache_has_another_format(name, phase):
    model = Models[name]
    if model.default_context is None:
        return
    asked = 2, "bf16", phase, length(model, phase), "fp8"
    assert model.lower(*asked).total("kv") == exactly(model.demand(*asked).kv_traffic)


@every_pass
@pytest.mark.parametrize("batch", [1, 3])
def test_weights_add_up_to_the_closed_form_with_rows_in_place_of_tables(name, phase, batch):
    model = Models[name]
    demand, table = both(model, batch, phase)
    whole = demand.weight_traffic - 2 * tables(model, phase, length(model, phase))
    if isinstance(model, RecommendationWorkload):
        assert table.total("weights") == exactly(whole)
    else:
        assert table.total("weights") - lookups(table) == exactly(whole)


@pytest.mark.parametrize("batch", [1, 3])
@pytest.mark.parametrize("precision", ["fp32", "bf16", "int8"])
@pytest.mark.parametrize("name", [n for n in NAMES if isinstance(Models[n], LayeredWorkload | RecommendationWorkload)])
def test_activations_of_networks_add_up_to_the_closed_form(name, batch, precision):
    demand, table = both(Models[name], batch, None, precision)
    assert table.total("inputs") + table.total("outputs") == demand.activations


def unfused_in_attention(stack, decode, rope):
    """Elements a token that the attention of one layer moves beyond the queries, the attention and its output."""
    if not stack.latent:
        turned = (stack.heads + stack.kv_heads) * stack.head_dim
        return 2 * stack.kv_heads * stack.head_dim + 2 * turned * (rope + bool(stack.qk_norm))
    latent, heads, rank = stack.latent, stack.heads, stack.latent.kv_rank
    down = 2 * (latent.query_rank or 0) + stack.hidden + rank + latent.rope_dim
    norm, turned = 2 * latent.norm_parameters, 2 * (heads + 1) * latent.rope_dim
    if not decode:
        return down + norm + turned + rank + heads * (latent.nope_dim + latent.value_dim)
    absorbed = heads * (latent.nope_dim + rank + (rank + latent.rope_dim) + rank + rank + latent.value_dim)
    return down + norm + turned + absorbed - heads * (latent.query_dim + latent.value_dim)


def unfused(stack, decode, rope):
    """Elements a token that the kernels of a stack move beyond the closed form, which fuses what can be fused.

    Norms read and write the residual stream, too, which the products then do not; turning the queries and keys,
    gating, and adding up experts are kernels of their own.
    """
    h, up = stack.hidden, stack.mlp_matrices - 1
    norms = 4 * h * (stack.norms_per_layer - 1) - 2 * h
    total = stack.layers * (norms + unfused_in_attention(stack, decode, rope))
    total += (stack.layers - stack.moe_layers) * 2 * up * stack.intermediate
    if stack.experts:
        mixture = stack.experts
        routed = mixture.experts + 3 * mixture.active * h + 2 * mixture.active * up * mixture.intermediate
        shared = 2 * h + 2 * mixture.shared * up * mixture.intermediate if mixture.shared else 0
        total += stack.moe_layers * (routed + shared)
    return total


def around(model, phase, batch, tokens, context):
    """Elements that the kernels before, after and between the layers move beyond the closed form."""
    h, final = model.hidden, 3 * model.hidden * tokens
    if isinstance(model, VisionTransformerWorkload):
        return h * (batch * model.patches + tokens) + final + h * batch
    if isinstance(model, StateSpaceWorkload):
        return h * tokens * (1 + 3 * model.layers) + final + h * batch
    if isinstance(model, EncoderDecoderWorkload):
        distances = bool(model.relative_buckets) * model.heads * (context if phase == "decode" else 2 * context - 1)
        if phase == "decode":
            return h * tokens + distances - 3 * h * model.decoder_layers * tokens + final + h * batch
        return h * tokens * (2 if model.source_positions else 1) + distances + final
    rest = h * tokens * (1 + 2 * model.embedding_norm + 3 * model.final_norm)
    return rest + h * batch * (1 if model.head_parameters else 2 * model.pooler)


@pytest.mark.parametrize("batch", [1, 3])
@pytest.mark.parametrize(
    ("name", "phase"),
    [(n, p) for n, p in PASSES if not isinstance(Models[n], LayeredWorkload | RecommendationWorkload)],
)
def test_activations_of_sequences_are_more_than_the_closed_form_by_what_is_not_fused(name, phase, batch):
    model = Models[name]
    demand, table = both(model, batch, phase)
    context = length(model, phase) or model.tokens
    tokens = batch * (1 if phase == "decode" else context)
    more = around(model, phase, batch, tokens, context)
    if not isinstance(model, StateSpaceWorkload):
        stack = model
        if isinstance(model, EncoderDecoderWorkload):
            stack = model.decoder if phase == "decode" else model.encoder
        rope = isinstance(model, TransformerWorkload) and not model.learned_positions
        more += tokens * unfused(stack, phase == "decode", rope)
    assert table.total("inputs") + table.total("outputs") - demand.activations == exactly(2 * more)


# Rows by hand


def test_the_products_of_llama_3_8b():
    table = Models.Llama3_8B.lower(batch_size=4, precision="bf16", phase="prefill", seq_len=1000)
    shapes = {row.name: (row.count, row.m, row.n, row.k) for row in table if row.kind == "gemm"}
    assert shapes == {
        "qkv": (32, 4000, (32 + 2 * 8) * 128, 4096),
        "attention output": (32, 4000, 4096, 4096),
        "gate and up": (32, 4000, 2 * 14336, 4096),
        "down": (32, 4000, 4096, 14336),
        "output head": (1, 4, 128256, 4096),
    }
    row = table["qkv"]
    assert row.flops == 2 * 4000 * 6144 * 4096
    assert (row.weights, row.inputs, row.outputs) == (2 * 6144 * 4096, 2 * 4000 * 4096, 2 * 4000 * 6144)


def test_the_attention_of_llama_3_8b():
    prefill = Models.Llama3_8B.lower(batch_size=4, phase="prefill", seq_len=1000)["attention"]
    assert (prefill.count, prefill.m, prefill.n, prefill.k) == (32, 4000, 1000, 128)
    assert prefill.flops == 4 * 32 * 128 * 4 * 1000 * 1001 / 2
    assert prefill.kv == 2 * 8 * 128 * (4000 + 4000) * 2
    decode = Models.Llama3_8B.lower(batch_size=4, phase="decode", seq_len=1000)["attention"]
    assert (decode.m, decode.n, decode.phase) == (4, 1000, "decode")
    assert decode.flops == 4 * 32 * 128 * 4 * 1000
    assert decode.kv == 2 * 8 * 128 * (4000 + 4) * 2


def test_a_prefill_with_cached_tokens_reads_their_keys_and_does_not_make_them():
    whole = Models.Llama3_8B.lower(phase="prefill", seq_len=1000)
    rest = Models.Llama3_8B.lower(phase="prefill", seq_len=1000, cached_tokens=600)
    assert rest["qkv"].m == 400
    assert rest["attention"].flops == 4 * 32 * 128 * (1000 * 1001 - 600 * 601) / 2
    assert rest["attention"].kv == 2 * 8 * 128 * (1000 + 400) * 2
    assert rest["attention"].n == whole["attention"].n


def test_latent_attention_makes_keys_and_values_in_a_prefill():
    table = Models.DeepSeek_V3.lower(precision="bf16", phase="prefill", seq_len=100)
    assert (table["kv up"].n, table["kv up"].k) == (128 * (128 + 128), 512)
    assert table["attention"].k == 192
    assert table["attention"].flops == 2 * 128 * (192 + 128) * 100 * 101 / 2
    assert table["attention"].outputs == 100 * 128 * 128 * 2
    assert "key absorption" not in table.column("name")


def test_latent_attention_absorbs_them_in_a_decode_step():
    """Each head has its own product: into the compressed space before the attention, out of it after."""
    table = Models.DeepSeek_V3.lower(batch_size=2, precision="bf16", phase="decode", seq_len=100)
    key, value = table["key absorption"], table["value absorption"]
    assert (key.m, key.n, key.k) == (2 * 128, 512, 128)
    assert (value.m, value.n, value.k) == (2 * 128, 128, 512)
    assert key.weights == value.weights == 128 * 128 * 512 * 2
    assert (key.inputs, key.outputs) == (2 * 128 * 128 * 2, 2 * 128 * 512 * 2)
    assert table["attention"].k == 512 + 64
    assert table["attention"].flops == 2 * 128 * (576 + 512) * 200
    assert table["attention"].kv == (512 + 64) * (200 + 2) * 2
    assert "kv up" not in table.column("name")


def test_a_mixture_reads_the_experts_that_its_tokens_touch():
    row = Models.Mixtral_8x7B.lower(batch_size=2, precision="bf16", phase="decode")["expert down"]
    assert (row.kind, row.m, row.n, row.k) == ("grouped_gemm", 2 * 2, 4096, 14336)
    assert row.weights == exactly(8 * (1 - (6 / 8) ** 2) * 4096 * 14336 * 2)
    assert row.flops == 2 * 4 * 4096 * 14336


def test_in_training_rows_are_sorted_by_their_experts_and_back():
    """Two sequences of 64 tokens, each row of 4096 copied for its two experts; the gradient reads what was written."""
    table = Models.Mixtral_8x7B.lower(2, "bf16", "training", 64)
    copied = 2 * 64 * 2 * 4096 * 2
    there, back = table["expert permutation"], table["expert permutation gradient"]
    assert (there.count, there.inputs, there.outputs, there.flops) == (32, copied, copied, 0)
    assert (back.count, back.outputs) == (32, copied)
    assert "expert permutation" not in Models.Mixtral_8x7B.lower(2, "bf16", "prefill", 64).column("name")
    assert "expert permutation" not in Models.Llama3_8B.lower(2, "bf16", "training", 64).column("name")


def test_dense_layers_before_experts_have_rows_of_their_own():
    table = Models.DeepSeek_V3.lower(phase="prefill", seq_len=10)
    assert (table["down"].count, table["expert down"].count, table["shared expert down"].count) == (3, 58, 58)
    assert (table["down"].k, table["expert down"].k) == (18432, 2048)
    assert table["expert down"].m == 10 * 8


def test_the_windows_of_gpt_oss():
    """Every other layer sees 128 tokens; each head has a sink, which is a weight."""
    table = Models.GPT_OSS_20B.lower(precision="bf16", phase="decode", seq_len=4096)
    everywhere, window = table["attention"], table["window attention"]
    assert (everywhere.count, window.count) == (12, 12)
    assert (everywhere.n, window.n) == (4096, 128)
    assert everywhere.kv == 2 * 8 * 64 * (4096 + 1) * 2
    assert window.kv == 2 * 8 * 64 * (128 + 1) * 2
    assert window.weights == 64 * 2
    pairs = Models.GPT_OSS_20B.lower(phase="prefill", seq_len=1000)["window attention"].flops / (4 * 64 * 64)
    assert pairs == 128 * 129 / 2 + (1000 - 128) * 128


def test_narrow_weights_take_a_pass_before_each_product():
    table = Models.Llama3_8B.lower(precision="fp8", phase="prefill", seq_len=10)
    narrowed, product = table["qkv quantize"], table["qkv"]
    assert (narrowed.inputs, narrowed.outputs) == (10 * 4096 * 2, 10 * 4096)
    assert (product.inputs, product.outputs) == (10 * 4096, 10 * 6144 * 2)
    assert "qkv quantize" not in Models.Llama3_8B.lower(precision="bf16").column("name")


def test_a_convolution_is_the_product_of_its_output_positions():
    table = Models.ResNet50.lower(batch_size=8, precision="fp16")
    first = table[0]
    assert (first.name, first.kind, first.count) == ("conv 7x7 64", "conv", 1)
    assert (first.m, first.n, first.k) == (8 * 112 * 112, 64, 7 * 7 * 3)
    assert first.weights == (64 * 147 + 2 * 64) * 2
    assert (first.inputs, first.outputs) == (8 * 224 * 224 * 3 * 2, 8 * 112 * 112 * 64 * 2)
    last = table["linear 1000"]
    assert (last.kind, last.m, last.n, last.k) == ("gemm", 8, 1000, 2048)


def test_equal_layers_are_one_that_runs_several_times():
    """The third group of ResNet-50 has six blocks; the first reads a larger map with a stride."""
    rows = [row for row in Models.ResNet50.lower() if (row.n, row.k) == (256, 9 * 256)]
    assert [(row.m, row.count) for row in rows] == [(14 * 14, 1), (14 * 14, 5)]
    assert rows[0].inputs == 4 * rows[1].inputs
    assert sum(row.count for row in Models.ResNet50.lower()) == len(Models.ResNet50.layers)


def test_groups_and_depthwise_convolutions_sum_over_their_own_channels():
    grouped = Models.ResNeXt50.lower()["conv 3x3 128"]
    assert (grouped.kind, grouped.n, grouped.k) == ("conv", 128, 9 * 128 // 32)
    depthwise = Models.MobileNetV1.lower()["depthwise 3x3 32"]
    assert (depthwise.kind, depthwise.n, depthwise.k) == ("depthwise", 32, 9)


def test_the_attention_of_a_u_net_reads_itself_or_the_text():
    own, text = [row for row in Models.SD15_UNet.lower(batch_size=2) if row.kind == "attention"][:2]
    assert (own.m, own.n, own.k) == (2 * 64 * 64, 64 * 64, 40)
    assert (text.m, text.n, text.k) == (2 * 64 * 64, 77, 40)
    assert text.flops == 4 * 320 * 2 * 64 * 64 * 77
    assert text.inputs == 2 * (64 * 64 + 2 * 77) * 320 * 2


def test_what_is_no_product_of_a_network_moves_only():
    kinds = {row.name: row.kind for row in Models.EfficientNetB0.lower()}
    assert kinds["scale"] == kinds["global pool"] == "elementwise"
    assert Models.EfficientNetB0.lower()["scale"].flops == 0


def test_a_vision_transformer_embeds_its_patches():
    table = Models.ViT_B16.lower(batch_size=2, precision="bf16")
    patches, head = table["patch embedding"], table["output head"]
    assert (patches.kind, patches.m, patches.n, patches.k) == ("conv", 2 * 196, 768, 16 * 16 * 3)
    assert patches.inputs == 2 * 224 * 224 * 3 * 2
    assert (head.m, head.n, head.k, head.weights) == (2, 1000, 768, (768_000 + 1000) * 2)
    assert (table["attention"].m, table["attention"].n) == (2 * 197, 197)


def test_a_speech_model_hears_then_writes():
    encode = Models.Whisper_Small.lower(batch_size=2, precision="bf16", phase="encode")
    assert (encode["convolution 1"].m, encode["convolution 1"].k) == (2 * 3000, 3 * 80)
    keys = encode["cross keys and values"]
    assert (keys.count, keys.m, keys.n, keys.outputs, keys.kv) == (12, 3000, 2 * 768, 0, 3000 * 2 * 768 * 2)
    decode = Models.Whisper_Small.lower(batch_size=2, precision="bf16", phase="decode", seq_len=10)
    seen = decode["cross attention"]
    assert (seen.m, seen.n, seen.kv) == (2, 1500, 2 * 768 * 2 * 1500 * 2)
    assert decode["cross query"].weights == (768 * 768 + 768) * 2
    assert decode["feed-forward norm"].count == 2 * 12
    assert "cross keys and values" not in decode.column("name")


def test_the_layers_of_mamba():
    table = Models.Mamba_2_8B.lower(batch_size=4, precision="bf16", phase="prefill", seq_len=100)
    products = {row.name: (row.n, row.k) for row in table if row.kind in PRODUCTS}
    assert products == {
        "projection in": (2 * 5120, 2560),
        "convolution": (5120, 4),
        "step and vectors": (160 + 2 * 16, 5120),
        "step of each channel": (5120, 160),
        "projection out": (2560, 5120),
        "output head": (50280, 2560),
    }
    scan = table["scan"]
    assert (scan.kind, scan.count, scan.m, scan.n, scan.k) == ("scan", 64, 400, 5120, 16)
    assert scan.flops == 9 * 400 * 5120 * 16
    assert scan.kv == 4 * 5120 * 16 * 2
    decode = Models.Mamba_2_8B.lower(batch_size=4, precision="bf16", phase="decode")
    assert (decode["scan"].kv, decode["convolution"].kv) == (2 * 4 * 5120 * 16 * 2, 2 * 4 * 5120 * 4 * 2)


def test_a_recommendation_looks_up_and_crosses():
    table = Models.DLRM_DCNv2.lower(batch_size=8, precision="fp32")
    assert table["lookup"].weights == 8 * 214 * 128 * 4
    assert table["lookup"].outputs == 8 * 26 * 128 * 4
    down, up = table["cross down"], table["cross up"]
    assert (down.count, down.m, down.n, down.k) == (3, 8, 512, 27 * 128)
    assert (up.n, up.k, up.inputs) == (27 * 128, 512, 8 * (512 + 2 * 27 * 128) * 4)
    assert [(row.n, row.k) for row in table if row.name.startswith("bottom")] == [(512, 13), (256, 512), (128, 256)]


# Tensor parallelism


@pytest.mark.parametrize("phase", ["decode", "prefill"])
@pytest.mark.parametrize("degree", [2, 4, 8])
def test_the_products_of_a_group_are_those_of_one_device(phase, degree):
    whole = Models.Llama3_8B.lower(2, "bf16", phase, 512)
    part = Models.Llama3_8B.lower(2, "bf16", phase, 512, tensor_parallel=degree)
    for row in whole:
        own = part[row.name]
        if row.kind in {"gemm", "attention"}:
            assert degree * own.flops == row.flops
            assert (degree * own.weights, degree * own.kv) == (row.weights, row.kv)
        elif "norm" in row.name:
            assert own == row


def test_what_a_group_sums():
    table = Models.Llama3_8B.lower(2, "bf16", "prefill", 512, tensor_parallel=4)
    collectives = {row.name: (row.kind, row.count, row.message, row.group) for row in table if row.group > 1}
    assert collectives == {
        "attention all-reduce": ("all_reduce", 32, 1024 * 4096 * 2, 4),
        "feed-forward all-reduce": ("all_reduce", 32, 1024 * 4096 * 2, 4),
        "logits all-gather": ("all_gather", 1, 2 * 128256 * 2, 4),
    }
    assert Models.Llama3_8B.lower(2, "bf16", "prefill", 512).total("message") == 0


def test_more_devices_than_key_value_heads_repeat_them():
    table = Models.Llama3_8B.lower(1, "bf16", "decode", 512, tensor_parallel=16)
    assert table["qkv"].n == (2 + 2 * 1) * 128
    assert table["attention"].kv == 2 * 1 * 128 * 513 * 2


def test_parallel_blocks_are_summed_once():
    table = Models.GPTJ_6B.lower(tensor_parallel=2)
    assert [row.name for row in table if row.kind == "all_reduce"] == ["feed-forward all-reduce"]


@pytest.mark.parametrize("name", ["ViT_B16", "Whisper_Small", "T5_Base"])
@pytest.mark.parametrize("phase", [None, "training"])
def test_other_stacks_are_split_alike(name, phase):
    whole, part = (Models[name].lower(2, "bf16", phase, tensor_parallel=degree) for degree in (1, 2))
    for row in whole:
        if row.kind == "attention" or row.name in {"qkv", "encoder qkv", "down", "cross query input gradient"}:
            assert 2 * part[row.name].flops == row.flops


@pytest.mark.parametrize(
    ("name", "degree", "allowed"),
    [
        ("Llama3_8B", 3, "1, 2, 4, 8, 16, 32"),
        ("Llama3_8B", 64, "1, 2, 4, 8, 16, 32"),
        ("ViT_B16", 5, "1, 2, 3, 4, 6, 12"),
    ],
)
def test_a_degree_that_does_not_divide_is_refused_with_those_that_do(name, degree, allowed):
    with pytest.raises(
        InputError, match=rf"tensor_parallel must divide the \d+ heads .*; got {degree}. Allowed: {allowed}$"
    ):
        Models[name].lower(tensor_parallel=degree)


@pytest.mark.parametrize("name", ["ResNet50", "SD15_UNet", "Mamba_2_8B", "DLRM_DCNv2"])
def test_what_is_no_transformer_is_not_split(name):
    assert Models[name].lower(tensor_parallel=1).total("message") == 0
    with pytest.raises(InputError, match=r"^tensor_parallel must be 1 for .*, which is no transformer; got 2$"):
        Models[name].lower(tensor_parallel=2)
    with pytest.raises(InputTypeError, match=r"^tensor_parallel must be a whole number"):
        Models[name].lower(tensor_parallel="2")


# Training


def split(table):
    return {phase: [row for row in table if row.phase == phase] for phase in ("forward", "backward")}


def flops(rows, kinds):
    return sum(row.count * row.flops for row in rows if row.kind in kinds)


@every_model
def test_training_takes_two_more_products_for_each_and_five_for_the_two_of_attention(name):
    rows = split(Models[name].lower(batch_size=2, phase="training"))
    assert sum(map(len, rows.values())) == len(Models[name].lower(batch_size=2, phase="training"))
    for kinds, factor in ((PRODUCTS, 2), ({"attention"}, 2.5), ({"scan"}, 3)):
        assert flops(rows["backward"], kinds) == exactly(factor * flops(rows["forward"], kinds))


@every_model
def test_the_forward_pass_of_training_does_at_least_the_work_of_inference(name):
    model = Models[name]
    phase = model.phases[-1] if model.default_context and "prefill" in model.phases else model.phases[0]
    forward = split(model.lower(batch_size=2, phase="training"))["forward"]
    assert sum(row.count * row.flops for row in forward) >= model.demand(batch_size=2, phase=phase).flops


@pytest.mark.parametrize("name", [n for n, p in PASSES if p == "prefill"])
def test_training_is_a_prefill_with_logits_for_all_tokens(name):
    model, batch, tokens = Models[name], 2, 100
    prefill = model.lower(batch, "bf16", "prefill", tokens)
    forward = split(model.lower(batch, "bf16", "training", tokens))["forward"]
    head = 2 * model.head_parameters
    assert sum(row.count * row.flops for row in forward) - prefill.total("flops") == exactly(
        head * batch * (tokens - 1)
    )


@every_model
def test_each_weight_has_a_gradient(name):
    """As wide as the weights; norms have theirs, and rows that were looked up are added to."""
    rows = split(Models[name].lower(batch_size=2, precision="fp32", phase="training"))
    read = sum(row.count * row.weights for row in rows["forward"] if row.kind in PRODUCTS)
    named = [row for row in rows["backward"] if row.name.endswith("weight gradient")]
    assert sum(row.count * row.outputs for row in named) == exactly(read)
    assert all(row.weights == 0 for row in named)


def test_the_gradients_of_a_product_by_hand():
    table = Models.Llama3_8B.lower(batch_size=2, precision="bf16", phase="training", seq_len=100)
    inputs, weights = table["down input gradient"], table["down weight gradient"]
    assert (inputs.count, inputs.m, inputs.n, inputs.k) == (32, 200, 14336, 4096)
    assert (inputs.weights, inputs.inputs, inputs.outputs) == (2 * 4096 * 14336, 2 * 200 * 4096, 2 * 200 * 14336)
    assert (weights.count, weights.m, weights.n, weights.k) == (32, 14336, 4096, 200)
    assert (weights.inputs, weights.outputs) == (2 * 200 * (14336 + 4096), 2 * 4096 * 14336)
    assert inputs.flops == weights.flops == 2 * 200 * 4096 * 14336
    assert {inputs.phase, weights.phase} == {"backward"}


def test_gradients_of_narrow_weights_have_16_bits_and_are_narrowed_before_products():
    table = Models.Llama3_8B.lower(precision="fp8", phase="training", seq_len=100)
    narrowed = table["down gradient quantize"]
    assert (narrowed.inputs, narrowed.outputs) == (2 * 100 * 4096, 100 * 4096)
    assert table["down input gradient"].inputs == 100 * 4096
    assert table["down input gradient"].outputs == 2 * 100 * 14336
    assert table["down weight gradient"].inputs == 100 * (14336 + 4096)
    assert table["down weight gradient"].outputs == 2 * 4096 * 14336
    assert "down quantize gradient" not in table.column("name")


def test_the_gradient_of_attention_reads_queries_keys_values_outputs_and_their_gradient():
    table = Models.Llama3_8B.lower(batch_size=2, precision="bf16", phase="training", seq_len=100)
    forward, backward = table["attention"], table["attention gradient"]
    assert forward.kv == backward.kv == 2 * 8 * 128 * (200 + 200) * 2
    assert (backward.inputs, backward.outputs) == (3 * 200 * 4096 * 2, 200 * 4096 * 2)
    assert forward.phase == "forward"


def test_keys_and_values_are_activations_in_training():
    wide, narrow = (Models.Llama3_8B.lower(precision=one, phase="training", seq_len=10) for one in ("bf16", "fp8"))
    assert narrow["attention"].kv == wide["attention"].kv
    assert Models.Mamba_2_8B.lower(phase="training", seq_len=10).total("kv") == 0
    with pytest.raises(InputError, match=r"^kv_precision does not apply to training, which keeps no cache; got 'fp8'"):
        Models.Llama3_8B.lower(phase="training", kv_precision="fp8")


def test_lookups_scatter():
    row = Models.Llama3_8B.lower(precision="bf16", phase="training", seq_len=100)["embedding gradient"]
    assert (row.kind, row.weights, row.flops) == ("lookup", 0, 0)
    assert (row.inputs, row.outputs) == (2 * 2 * 100 * 4096, 2 * 100 * 4096)


def test_a_group_sums_twice_a_layer_on_each_way_and_the_gradient_of_what_the_head_reads():
    table = Models.Llama3_8B.lower(2, "bf16", "training", 512, tensor_parallel=4)
    collectives = [(row.count, row.message, row.phase) for row in table if row.group > 1]
    message = 1024 * 4096 * 2
    assert collectives == [(32, message, "forward")] * 2 + [(1, message, "backward")] + [(32, message, "backward")] * 2


def test_the_decoder_of_an_encoder_decoder_is_trained_on_its_whole_output():
    table = Models.T5_Base.lower(2, "bf16", "training", 100)
    assert table["encoder qkv"].m == 2 * Models.T5_Base.max_source
    assert table["qkv"].m == 200
    assert table["attention"].flops == 4 * 12 * 64 * 2 * 100 * 101 / 2
    assert table["cross attention"].flops == 4 * 12 * 64 * 200 * Models.T5_Base.max_source
    assert table["output head"].m == 200


def test_a_batch_norm_is_a_kernel_of_its_own_in_training():
    table = Models.ResNet50.lower(batch_size=8, precision="bf16", phase="training")
    conv, norm = table["conv 7x7 64"], table["batch norm"]
    assert (norm.kind, norm.count, norm.flops) == ("elementwise", 1, 0)
    assert (norm.inputs, norm.outputs) == (2 * conv.outputs, conv.outputs)
    convolutions = sum(row.count for row in Models.ResNet50.lower() if row.kind == "conv")
    assert sum(row.count for row in table if row.name == "batch norm") == convolutions == 53
    assert "batch norm" not in Models.VGG16.lower(phase="training").column("name")
    assert "batch norm" not in Models.ResNet50.lower().column("name")


def test_an_encoder_sees_all_in_training():
    table = Models.BERT_Base.lower(2, "bf16", "training", 100)
    assert table["attention"].flops == 4 * 12 * 64 * 2 * 100 * 100
    assert "loss" not in table.column("name")


@pytest.mark.parametrize("name", ["ResNet50", "DLRM_DCNv2"])
def test_networks_are_trained_in_16_bits_or_more(name):
    with pytest.raises(InputError, match=r"^precision must have 16 bits or more to train .*; got 'int8'$"):
        Models[name].lower(precision="int8", phase="training")


def test_the_backward_pass_begins_where_the_forward_pass_ends():
    rows = [Operator("first", "elementwise", inputs=4, outputs=8), Operator("last", "elementwise", inputs=8, outputs=2)]
    assert backward_of(rows, 2).column("name") == ["last gradient", "first gradient"]
    assert backward_of(rows, 2).column("inputs") == [10, 12]
    assert backward_of(rows, 2).column("outputs") == [8, 4]


# Bad input


@every_model
def test_training_is_a_phase_of_the_table_only(name):
    phases = ", ".join(Models[name].phases)
    with pytest.raises(UnknownName, match=rf"unknown phase of .* 'training'.*Allowed: {phases}$"):
        Models[name].demand(phase="training")
    with pytest.raises(
        UnknownName, match=rf"unknown phase of .* 'traning'; did you mean 'training'\? Allowed: {phases}, training$"
    ):
        Models[name].lower(phase="traning")


@every_model
@pytest.mark.parametrize("batch", [0, -1, 1.5, True, "8", None, float("nan")])
def test_a_batch_is_a_whole_number(name, batch):
    with pytest.raises((InputError, InputTypeError), match=r"^batch_size must be a whole number of at least 1; got"):
        Models[name].lower(batch_size=batch)


@pytest.mark.parametrize("argument", [{"seq_len": 128}, {"kv_precision": "fp8"}])
@pytest.mark.parametrize("name", ["ResNet50", "SD15_UNet", "DLRM_DCNv2", "ViT_B16"])
def test_what_concerns_sequences_is_refused(name, argument):
    with pytest.raises(InputError, match=f"^{next(iter(argument))} does not apply to .*, which reads"):
        Models[name].lower(**argument)


def test_cached_tokens_are_of_a_prefill():
    for phase in ("decode", "training"):
        with pytest.raises(InputError, match=r"^cached_tokens must be fewer than the 10 tokens of a prefill; got 4"):
            Models.Llama3_8B.lower(phase=phase, seq_len=10, cached_tokens=4)


# Properties


def plain(model, batch, phase, context):
    """The table for plain numbers or arrays."""
    if model.default_context is None:
        return model._lower(batch, phase, 2.0)
    return model._lower(batch, phase, context, 2.0, 2.0)


@pytest.mark.parametrize(("name", "phase"), [*PASSES, *((name, "training") for name in NAMES)])
def test_arrays_give_what_their_elements_give(name, phase):
    model, batches, contexts = Models[name], [1, 2, 9], [1, 60, 300]
    together = plain(model, np.array(batches), phase, np.array(contexts))
    for at, (batch, context) in enumerate(zip(batches, contexts, strict=True)):
        alone = plain(model, batch, phase, context)
        assert together.column("name") == alone.column("name")
        for figure in ("count", "m", "n", "k", "flops", "weights", "inputs", "outputs", "kv", "message"):
            for many, one in zip(together.column(figure), alone.column(figure), strict=True):
                assert (many if np.ndim(many) == 0 else many[at]) == one


@st.composite
def decoders(draw):
    fields = {"window": draw(st.integers(1, 40)), "global_every": 2} if draw(st.booleans()) else {}
    if draw(st.booleans()):
        fields["experts"] = {"experts": 8, "active": 2, "shared": draw(st.integers(0, 1)), "intermediate": 16}
    shape = SHAPE | {"kv_heads": draw(st.sampled_from([1, 2, 4])), "gated": draw(st.booleans())}
    return TransformerWorkload(
        **shape, biases=draw(st.booleans()), qk_norm=draw(st.sampled_from([None, "head"])), **fields
    )


PHASES = st.sampled_from(["decode", "prefill", "training"])


@given(model=decoders(), phase=PHASES, batch=st.integers(1, 40), more=st.integers(1, 40), tokens=st.integers(1, 64))
def test_a_larger_batch_never_takes_less(model, phase, batch, more, tokens):
    small, large = (model.lower(size, "bf16", phase, tokens) for size in (batch, batch + more))
    for figure in ("flops", "weights", "inputs", "outputs", "kv"):
        assert large.total(figure) >= small.total(figure) * (1 - 1e-12)
    assert large.total("flops") > small.total("flops")


@given(model=decoders(), phase=PHASES, batch=st.integers(1, 9), tokens=st.integers(1, 63))
def test_a_longer_sequence_never_takes_less(model, phase, batch, tokens):
    short, long = (model.lower(batch, "bf16", phase, length) for length in (tokens, tokens + 1))
    for figure in ("flops", "weights", "inputs", "outputs", "kv"):
        assert long.total(figure) >= short.total(figure) * (1 - 1e-12)
    assert long.total("flops") > short.total("flops")


@given(
    model=decoders(), phase=st.sampled_from(["decode", "prefill"]), batch=st.integers(1, 40), tokens=st.integers(1, 64)
)
def test_the_sums_are_the_closed_forms_for_any_shape(model, phase, batch, tokens):
    demand, table = (ask(batch, "bf16", phase, tokens) for ask in (model.demand, model.lower))
    assert table.total("flops") == exactly(demand.flops)
    assert table.total("kv") == exactly(demand.kv_traffic)
    assert table.total("weights") - lookups(table) == exactly(demand.weight_traffic - 2 * model.lookup_count)


@given(
    model=decoders(), phase=PHASES, batch=st.integers(1, 9), tokens=st.integers(1, 64), degree=st.sampled_from([2, 4])
)
def test_a_group_does_the_work_of_one(model, phase, batch, tokens, degree):
    """The router is on each device."""
    whole, part = (model.lower(batch, "bf16", phase, tokens, tensor_parallel=by) for by in (1, degree))
    for row in whole:
        if not row.name.startswith("router") and not row.name.startswith("qkv"):
            assert degree * part[row.name].flops == exactly(row.flops) if row.flops else part[row.name].flops == 0


def test_columns_broadcast_over_batch_length_format_and_degree():
    """Every combination in one table, each as the table of that combination alone has it."""
    model, batches, lengths, formats, degrees = Models.Llama3_70B, [1, 8], [128, 1024], ["bf16", "fp8"], [1, 2, 8]
    table = model.lower(
        np.array(batches)[:, None, None],
        formats,
        "prefill",
        np.array(lengths)[:, None],
        tensor_parallel=np.array(degrees)[:, None, None, None],
    )
    shape = (len(degrees), len(batches), len(lengths), len(formats))
    for column in ("flops", "weights", "inputs", "outputs", "kv", "message"):
        whole = np.broadcast_to(table.total(column), shape)
        for at in np.ndindex(shape):
            degree, batch, length, precision = degrees[at[0]], batches[at[1]], lengths[at[2]], formats[at[3]]
            alone = model.lower(batch, precision, "prefill", length, tensor_parallel=degree)
            assert whole[at] == alone.total(column)


def test_a_wrong_element_of_an_array_is_refused():
    with pytest.raises(InputError, match="batch_size must be a whole number of at least 1; got 0"):
        Models.Llama3_8B.lower(np.array([4, 0]))
    with pytest.raises(UnknownName, match="unknown precision 'fp15'"):
        Models.Llama3_8B.lower(precision=["fp16", "fp15"])
    with pytest.raises(InputError, match=r"tensor_parallel must divide .* got 3\."):
        Models.Llama3_8B.lower(tensor_parallel=np.array([1, 3]))
