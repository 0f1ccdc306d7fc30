"""The networks of the zoo: released checkpoints to the last parameter, small networks by hand, each on a device."""

from __future__ import annotations

import math
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlsysim import CNNWorkload, Engine, Hardware, Models
from mlsysim.errors import InputError
from mlsysim.models.diffusion import UNetWorkload
from mlsysim.models.recommendation import RecommendationWorkload
from mlsysim.models.state_space import StateSpaceWorkload

GROUPS = ["Vision", "Tiny", "Generative", "StateSpace", "Recommendation"]
NAMES = [name for group in GROUPS for name in Models.groups[group].names]
TINY = Models.groups["Tiny"].names
every_network = pytest.mark.parametrize("name", NAMES)


@pytest.mark.parametrize(
    ("name", "parameters"),
    [
        ("AlexNet", 61_100_840),
        ("VGG16", 138_357_544),
        ("VGG19", 143_667_240),
        ("ResNet18", 11_689_512),
        ("ResNet34", 21_797_672),
        ("ResNet101", 44_549_160),
        ("ResNet152", 60_192_808),
        ("ResNeXt50", 25_028_904),
        ("MobileNetV1", 4_231_976),
        ("EfficientNetB0", 5_288_548),
        ("YOLOv8n", 3_157_200),
        ("YOLOv8s", 11_166_560),
        ("YOLOv8m", 25_902_640),
        ("YOLOv8l", 43_691_520),
        ("YOLOv8x", 68_229_648),
        ("RetinaNet_ResNet50", 34_014_999),
        ("AnomalyDetector", 265_864),
        ("SD15_UNet", 859_520_964),
        ("SDXL_UNet", 2_567_463_684),
        ("Mamba_130M", 129_135_360),
        ("Mamba_370M", 371_516_416),
        ("Mamba_790M", 793_204_224),
        ("Mamba_1_4B", 1_372_178_432),
        ("Mamba_2_8B", 2_768_345_600),
    ],
)
def test_released_checkpoints_to_the_last_parameter(name, parameters):
    assert Models[name].parameter_count == parameters


@pytest.mark.parametrize("name", ["DS_CNN", "PersonDetection", "ResNet8", "WakeWord"])
def test_the_int8_models_of_mlperf_tiny_hold_two_constants_that_are_no_weights(name):
    assert Models[name].published["parameters"].value - Models[name].parameter_count == 2


@pytest.mark.parametrize("name", TINY)
def test_multiply_adds_of_mlperf_tiny_to_the_last_one(name):
    assert Models[name].demand().flops == round(Models[name].published["flops"].value * 1e6)


@pytest.mark.parametrize(
    ("name", "elements"),
    [("DS_CNN", 16_000), ("PersonDetection", 55_296), ("AnomalyDetector", 768)],
)
def test_peak_activations_of_the_int8_models(name, elements):
    """The largest sum of one operator's input and output, counted in the reference models [mlcommons2021tiny]."""
    assert Models[name].demand(precision="int8").live == elements


def test_the_shortcut_of_resnet8_lives_beside_input_and_output():
    assert Models.ResNet8.demand(precision="int8").live == 3 * 32 * 32 * 16


def test_the_tasks_of_mlperf_tiny_have_entries_and_keyword_spotting_is_ds_cnn():
    assert Models.Tiny.KeywordSpotting.layers == Models.Tiny.DS_CNN.layers
    assert Models.Tiny.KeywordSpotting.name != Models.Tiny.DS_CNN.name
    assert {"PersonDetection", "AnomalyDetector", "WakeWord", "ResNet8"} <= set(TINY)


@pytest.mark.parametrize(("name", "mmac"), [("VGG16", 15_470), ("ResNet18", 1_814), ("ResNet152", 11_514)])
def test_multiply_adds_of_torchvision(name, mmac):
    assert abs(Models[name].demand().flops / 2e6 - mmac) < 1


@pytest.mark.parametrize(
    ("name", "what", "wrong", "right", "source"),
    [
        ("ResNet50", "flops", 4.1e9, 8.2e9, "4.1 GMAC, wightman2019timm"),
        ("MobileNetV2", "flops", 0.3e9, 0.6e9, "300M multiply-adds, sandler2018mobilenetv2"),
        ("EfficientNetB0", "flops", 0.39e9, 0.772e9, "0.386 GMAC, torchvision2016"),
        ("SD15_UNet", "flops", 20e9, 803e9, "338.7 GMAC without scores, kim2024bksdm, and 63.0 GMAC of scores"),
        ("DS_CNN", "flops", 20e6, 5.3e6, "2,656,768 multiply-adds, mlcommons2021tiny"),
        ("DS_CNN", "parameters", 200e3, 22.6e3, "22,604 weights and biases, mlcommons2021tiny"),
        ("DLRM_DCNv2", "parameters", 25e9 * 128, 26.15e9, "97.31 GB of fp32 numbers, mlcommons2023dlrmv2"),
        ("Mamba_2_8B", "state", 64 * 2560 * 16, 64 * 5120 * 20, "channels are twice the width, gu2024mamba"),
    ],
)
def test_figures_that_others_got_wrong(name, what, wrong, right, source):
    """Multiply-adds taken for operations, and others: what an earlier simulator had, and what the source says."""
    model = Models[name]
    ours = {"flops": lambda: model.demand().flops, "parameters": lambda: model.parameter_count}
    ours["state"] = lambda: model.demand(precision="int8").kv_cache
    assert abs(ours[what]() / right - 1) < 0.01, source
    assert abs(ours[what]() / wrong - 1) > 0.2, source


# Convolutional networks by hand


def network(*blocks, size=(8, 8, 3), **fields):
    return CNNWorkload(name="toy", input=size, blocks=blocks, **fields)


PLAIN = {"norm": False}


def test_a_network_of_three_layers_by_hand():
    model = network(
        {"kind": "conv", "channels": 4, "kernel": 5, "padding": 0, **PLAIN, "bias": True},
        {"kind": "pool", "kernel": 2, "stride": 2},
        {"kind": "linear", "channels": 10},
    )
    first, pooled = (8 - 5 + 1) ** 2 * 4, 2 * 2 * 4
    assert model.parameter_count == (75 * 4 + 4) + (pooled * 10 + 10)
    demand = model.demand(precision="int8")
    assert demand.flops == 2 * (75 * 4 * 16 + pooled * 10)
    assert demand.activations == (192 + first) + (first + pooled) + (pooled + 10)
    assert demand.live == 192 + first


@pytest.mark.parametrize(
    ("size", "kernel", "stride", "padding", "outputs"),
    [(224, 11, 4, 2, 55), (224, 11, 4, "same", 56), (55, 3, 2, 0, 27), (7, 7, 1, 0, 1), (9, 3, 2, 1, 5)],
)
def test_padding(size, kernel, stride, padding, outputs):
    block = {"kind": "conv", "kernel": kernel, "stride": stride, "padding": padding}
    assert network(block, size=(size, size, 1)).layers[0].outputs == (outputs, outputs, 1)


def test_a_basic_block_by_hand():
    same = network({"kind": "basic", "channels": 3, **PLAIN})
    assert same.parameter_count == 2 * 81
    assert same.demand(precision="int8").activations == (192 + 192) + (192 + 2 * 192)
    assert same.demand(precision="int8").live == 3 * 192
    wider = network({"kind": "basic", "channels": 6, "stride": 2, **PLAIN})
    assert wider.parameter_count == 3 * 6 + 27 * 6 + 54 * 6
    assert wider.demand().flops == 2 * 16 * wider.parameter_count


def test_squeeze_and_excitation_by_hand():
    block = {"kind": "inverted_residual", "channels": 8, "expansion": 2, **PLAIN}
    plain, squeezed = (network({**block, **more}, size=(4, 4, 8)) for more in ({}, {"squeeze": 4}))
    narrow, inner, area = 2, 16, 16
    assert squeezed.parameter_count - plain.parameter_count == 2 * narrow * inner + narrow + inner
    assert squeezed.demand().flops - plain.demand().flops == 2 * 2 * narrow * inner
    pool, dense, scale = inner * area + inner, 2 * (narrow + inner), 2 * inner * area + inner
    assert squeezed.demand(precision="int8").activations - plain.demand(precision="int8").activations == (
        pool + dense + scale
    )


def test_groups_divide_the_weights():
    whole, grouped = (network({"kind": "bottleneck", "channels": 4, "groups": g, **PLAIN}) for g in (1, 4))
    assert whole.parameter_count - grouped.parameter_count == 9 * 16 - 9 * 4


def test_channels_are_read_together_and_nothing_moves_for_it():
    model = network(
        {"kind": "conv", "channels": 4, **PLAIN, "name": "first"},
        {"kind": "conv", "channels": 5, **PLAIN, "name": "second"},
        {"kind": "conv", "channels": 2, "kernel": 1, **PLAIN, "of": ["first", "second"]},
    )
    assert model.layers[-1].inputs == (8, 8, 9)
    assert model.demand(precision="int8").activations == 64 * ((3 + 4) + (4 + 5) + (9 + 2))
    assert [layer.live for layer in model.layers] == [64 * 7, 64 * 9, 64 * 11]


def test_what_a_later_row_reads_stays_alive():
    model = network(
        {"kind": "conv", "channels": 4, **PLAIN, "name": "early"},
        {"kind": "conv", "channels": 1, **PLAIN},
        {"kind": "conv", "channels": 1, **PLAIN, "name": "late"},
        {"kind": "conv", "channels": 1, **PLAIN, "of": ["early", "late"]},
    )
    assert [layer.live for layer in model.layers] == [64 * 7, 64 * 5, 64 * 6, 64 * 6]


def test_shared_weights_count_once_and_work_on_every_map():
    model = network(
        {"kind": "conv", "channels": 4, **PLAIN, "name": "fine"},
        {"kind": "conv", "channels": 4, "stride": 2, **PLAIN, "name": "coarse"},
        {"kind": "conv", "channels": 6, **PLAIN, "of": ["fine", "coarse"], "shared": True},
    )
    head = model.layers[-1]
    assert head.weights == 9 * 4 * 6
    assert head.flops == 2 * head.weights * (64 + 16)


def test_a_map_is_upsampled_and_added():
    model = network(
        {"kind": "conv", "channels": 4, **PLAIN, "name": "fine"},
        {"kind": "conv", "channels": 4, "stride": 2, **PLAIN, "name": "coarse"},
        {"kind": "upsample", "stride": 2, "of": ["coarse", "fine"]},
    )
    assert model.layers[-1].traffic == 64 + 2 * 256
    assert model.layers[-1].flops == 0


def test_the_blocks_of_yolov8_by_hand():
    c2f = network({"kind": "c2f", "channels": 8, "repeat": 2, **PLAIN}, size=(4, 4, 6))
    assert c2f.parameter_count == 6 * 8 + 2 * (2 * 9 * 16) + (8 + 2 * 4) * 8
    sppf = network({"kind": "sppf", "channels": 8, "kernel": 5, **PLAIN}, size=(4, 4, 6))
    assert sppf.parameter_count == 6 * 3 + 12 * 8
    head = network({"kind": "detect", "channels": 80, **PLAIN}, size=(4, 4, 64))
    boxes, classes = 2 * 9 * 64 * 64 + 64 * 64 + 64, 9 * 64 * 80 + 9 * 80 * 80 + 80 * 80 + 80
    assert head.parameter_count == boxes + classes + 16


def test_compound_scaling():
    rows = {"kind": "conv", "channels": 64, "repeat": 3}, {"kind": "linear", "channels": 10}
    model = network(*rows, width=0.3, depth=0.33, max_channels=48)
    assert [layer.outputs.channels for layer in model.layers] == [16, 10]


@pytest.mark.parametrize(
    ("blocks", "message"),
    [
        ([{"kind": "conv", "name": "one"}, {"kind": "conv", "of": ["two"]}], "unknown map of toy 'two'"),
        ([{"kind": "conv", "name": "one"}, {"kind": "conv", "name": "one"}], "toy has two maps of the name 'one'"),
        ([{"kind": "conv", "kernel": 9, "padding": 0}], "kernel 9 must fit into a map of 8 with padding 0"),
        (
            [
                {"kind": "conv", "name": "one"},
                {"kind": "conv", "stride": 2, "name": "two"},
                {"kind": "conv", "of": ["one", "two"]},
            ],
            "maps that are read together must have one height and width; got",
        ),
        (
            [{"kind": "conv", "name": "one"}, {"kind": "upsample", "stride": 2, "of": ["one", "one"]}],
            "a map that is added must be",
        ),
        (
            [
                {"kind": "conv", "name": "one"},
                {"kind": "conv", "channels": 2, "name": "two"},
                {"kind": "conv", "of": ["one", "two"], "shared": True},
            ],
            "maps that share weights must have the same channels; got",
        ),
    ],
)
def test_what_a_table_may_not_say(blocks, message):
    with pytest.raises(InputError, match=f"^{message}"):
        network(*blocks).demand()


# Diffusion


def test_operations_of_the_unets_layer_by_layer():
    assert Models.SD15_UNet.demand().flops == 2 * 401_636_720_640
    assert Models.SDXL_UNet.demand().flops == 2 * 3_380_618_199_040


def test_attention_scores_are_what_bk_sdm_leaves_out():
    model = Models.SD15_UNet
    linear, published = (sum(layer.flops for layer in model.layers if layer.weights), 2 * 338.7e9)
    assert abs(linear / published - 1) < 0.001
    assert model.demand().flops / published > 1.18


def unet(**fields):
    shape = {"name": "toy", "latent": (4, 4, 2), "channels": (8,), "transformer_depth": (0,), "middle_depth": 0}
    return UNetWorkload(
        **(shape | {"heads": (2,), "residual_blocks": 1, "context_tokens": 3, "context_width": 5} | fields)
    )


def test_a_small_unet_by_hand():
    """One level: a residual block down, two in the middle, two up on concatenated maps."""

    def residual(before, after):
        norms, convolutions, step = (
            2 * before + 2 * after,
            9 * before * after + 9 * after**2 + 2 * after,
            32 * after + after,
        )
        projection = before * after + after if before != after else 0
        return norms + convolutions + step + projection

    embedding = (8 * 32 + 32) + (32 * 32 + 32)
    first, last = 9 * 2 * 8 + 8, 2 * 8 + 9 * 8 * 2 + 2
    model = unet()
    assert model.parameter_count == embedding + first + 3 * residual(8, 8) + 2 * residual(16, 8) + last
    spatial = 9 * 2 * 8 + 3 * (2 * 9 * 64) + 2 * (9 * 16 * 8 + 9 * 64 + 16 * 8) + 9 * 8 * 2
    assert model.demand().flops == 2 * (16 * spatial + 8 * 32 + 32 * 32 + 5 * 32 * 8)


def test_a_transformer_block_by_hand():
    with_one, without = unet(middle_depth=1), unet()
    around = 2 * 8 + 2 * (8 * 8 + 8)
    own, cross = 2 * 8 + 4 * 64 + 8, 2 * 8 + 2 * 64 + 2 * 5 * 8 + 8
    feed = 2 * 8 + (8 * 64 + 64) + (32 * 8 + 8)
    assert with_one.parameter_count - without.parameter_count == around + own + cross + feed
    scores = 4 * 8 * 16 * 16 + 4 * 8 * 16 * 3
    products = 2 * (16 * (2 * 64 + 4 * 64 + 2 * 64 + 8 * 64 + 32 * 8) + 3 * 2 * 5 * 8)
    assert with_one.demand().flops - without.demand().flops == products + scores


def test_skips_stay_alive_on_the_way_down():
    deep = unet(channels=(8, 8), transformer_depth=(0, 0), heads=(2, 2))
    lowest = [layer for layer in deep.layers if layer.kind == "conv" and layer.inputs == layer.outputs == (2, 2, 8)]
    skips = 2 * 16 * 8 + 4 * 8
    assert len(lowest) == 2 + 4 + 2
    assert min(layer.live for layer in lowest[:6]) >= skips + 2 * 4 * 8


def test_a_unet_names_its_pass_and_takes_no_sequence():
    assert Models.SD15_UNet.phases == ("denoise",)
    with pytest.raises(InputError, match=r"^seq_len does not apply"):
        Models.SD15_UNet.demand(seq_len=77)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"heads": (2, 2)}, "heads must have 1 levels"),
        ({"heads": (3,)}, "channels 8 must be a multiple of heads 3"),
        ({"transformer_depth": (-1,)}, "UNetWorkload.transformer_depth.0"),
    ],
)
def test_what_a_unet_may_not_be(fields, message):
    with pytest.raises(InputError, match=message):
        unet(**fields)


# State space


def test_mamba_2_8b_by_hand():
    demand = Models.Mamba_2_8B.demand(batch_size=1)
    assert demand.flops == 5_523_906_560 + 47_185_920
    assert demand.kv_cache == 64 * 5120 * (16 + 4) * 2 == 13_107_200
    assert demand.kv_traffic == 2 * demand.kv_cache
    assert Models.Mamba_2_8B.state_size(3, "fp32").m_as("byte") == 6 * demand.kv_cache


def test_the_state_does_not_grow_with_the_sequence_nor_does_a_step():
    model = Models.Mamba_2_8B
    assert model.demand(seq_len=1) == model.demand(seq_len=10**6)
    short, long = (model.demand(phase="prefill", seq_len=length) for length in (1, 1000))
    assert short.kv_cache == long.kv_cache == long.kv_traffic
    assert long.flops > 900 * short.flops


@given(length=st.integers(1, 5000), batch=st.integers(1, 64))
def test_decoding_token_by_token_does_the_work_of_a_prefill(length, batch):
    model = Models.Mamba_130M
    step, prefill = model.demand(batch).flops, model.demand(batch, phase="prefill", seq_len=length).flops
    assert length * step - prefill == (length - 1) * batch * 2 * model.head_parameters


def test_the_state_can_have_a_format_of_its_own():
    plain, wide = Models.Mamba_130M.demand(2, "fp16"), Models.Mamba_130M.demand(2, "fp16", kv_precision="fp32")
    assert (wide.kv_cache, wide.kv_traffic) == (2 * plain.kv_cache, 2 * plain.kv_traffic)
    assert wide._replace(kv_cache=0, kv_traffic=0) == plain._replace(kv_cache=0, kv_traffic=0)


def test_a_head_of_its_own_has_parameters_of_its_own():
    shape = {"name": "toy", "layers": 1, "hidden": 4, "inner": 8, "state": 3, "kernel": 2, "rank": 1, "vocab": 10}
    tied, untied = StateSpaceWorkload(**shape), StateSpaceWorkload(**shape, tied_embeddings=False)
    assert untied.parameter_count - tied.parameter_count == untied.lookup_count == 40
    assert tied.lookup_count == 0
    assert untied.demand().flops == tied.demand().flops


# Recommendation


def recommender(**fields):
    shape = {"table_rows": (1000, 10), "lookups": (3, 1), "width": 4, "dense_features": 5, "bottom": (6, 4)}
    return RecommendationWorkload(
        **({"name": "toy", "cross_layers": 2, "cross_rank": 2, "top": (7, 1)} | shape | fields)
    )


def test_a_model_of_two_tables_by_hand():
    model = recommender()
    crossed = 3 * 4
    bottom, cross, top = 5 * 6 + 6 * 4, 2 * 2 * crossed * 2, crossed * 7 + 7
    biases = 6 + 4 + 2 * crossed + 7 + 1
    assert model.parameter_count == 1010 * 4 + bottom + cross + top + biases
    demand = model.demand(batch_size=10, precision="fp32")
    assert demand.flops == 10 * 2 * (bottom + cross + top)
    assert demand.weights == 4 * model.parameter_count
    assert demand.weights_read == demand.weight_traffic == 4 * (bottom + cross + top + biases + 10 * (3 + 1) * 4)


def test_tables_are_held_and_rows_are_read():
    small, large = recommender(), recommender(table_rows=(10**6, 10))
    assert large.demand().weights > 100 * small.demand().weights
    assert large.demand().weights_read == small.demand().weights_read
    slow, fast = (Engine.solve(model, Hardware.A100) for model in (large, small))
    assert slow.latency == fast.latency
    assert slow.memory_footprint > fast.memory_footprint


def test_dlrm_by_hand():
    model = Models.DLRM_DCNv2
    assert model.demand().flops == 32_060_928
    assert (model.table_count, sum(model.lookups)) == (26_135_627_264, 214)
    profile = Engine.solve(model, Hardware.A100, 2048)
    assert profile.plain["traffic"] < 0.01 * profile.plain["weights_size"]
    assert any(note == "of 52.3 GB of weights a pass reads 144.3 MB" for note in profile.notes)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"lookups": (3,)}, "lookups must have one number a table, 2; got 1"),
        ({"bottom": (6, 5)}, "bottom must end in the width of a row, 4; got 5"),
        ({"top": ()}, "RecommendationWorkload.top"),
    ],
)
def test_what_a_recommender_may_not_be(fields, message):
    with pytest.raises(InputError, match=message):
        recommender(**fields)


# All of them


@every_network
@given(batch=st.integers(2, 10**5))
def test_work_grows_with_the_batch_and_weights_do_not(name, batch):
    one, many = Models[name].demand(1), Models[name].demand(batch)
    for field in ("samples", "flops", "activations", "live", "kv_cache", "kv_traffic"):
        assert getattr(many, field) == batch * getattr(one, field), field
    assert many.weights == one.weights


def check(profile):
    for field in ("latency", "throughput", "flops", "traffic", "memory_footprint", "mfu"):
        value = profile.plain[field]
        assert math.isfinite(value), field
        assert value > 0, field
    assert profile.mfu <= profile.efficiency * (1 + 1e-12)


@every_network
@pytest.mark.parametrize("batch", [1, 64])
def test_every_network_has_an_answer_on_an_a100(name, batch):
    for phase in Models[name].phases:
        check(Engine.solve(Models[name], Hardware.A100, batch, phase=phase))


@pytest.mark.parametrize("name", TINY)
@pytest.mark.parametrize("device", ["nRF52840", "ESP32_S3"])
def test_every_tiny_network_fits_on_a_microcontroller(name, device):
    profile = Engine.solve(Models[name], Hardware[device], precision="int8")
    check(profile)
    assert profile.feasible


def test_what_is_not_fused_is_read_and_written_again():
    """By hand, a 3x3 convolution of 8x8x4 with a norm and an activation function: each reads and writes 256 elements.

    A basic block has two of them, a shortcut that is added in a kernel that reads two maps, and a projection without an
    activation function.
    """
    fused = CNNWorkload(name="one", input=(8, 8, 4), blocks=({"kind": "conv", "channels": 4},))
    apart = fused.model_copy(update={"fused": False})
    assert [row.name for row in apart.lower()] == ["conv 3x3 4", "batch norm", "activation"]
    assert apart.demand().activations - fused.demand().activations == 2 * 4 * 256
    block = CNNWorkload(
        name="two", input=(8, 8, 4), blocks=({"kind": "basic", "channels": 8, "stride": 2},), fused=False
    )
    names = Counter({row.name: 0 for row in block.lower()})
    for row in block.lower():
        names[row.name] += row.count
    assert (names["batch norm"], names["activation"], names["shortcut"]) == (3, 2, 1)
    shortcut = block.lower()["shortcut"]
    assert (shortcut.inputs, shortcut.outputs) == (2 * 2 * 4 * 4 * 8, 2 * 4 * 4 * 8)


@pytest.mark.parametrize("name", ["ResNet50", "MobileNetV2", "YOLOv8n", "PersonDetection"])
def test_kernels_apart_move_what_the_demand_says(name):
    network = Models[name].model_copy(update={"fused": False})
    rows = network.lower(4, "fp16")
    assert rows.total("inputs") + rows.total("outputs") == pytest.approx(network.demand(4, "fp16").activations)
    assert rows.total("flops") == pytest.approx(network.demand(4, "fp16").flops)
    assert network.demand().activations > Models[name].demand().activations


def test_a_norm_that_trains_reads_its_input_twice_fused_or_not():
    network = Models.ResNet18
    norms = [
        row
        for fused in (True, False)
        for row in network.model_copy(update={"fused": fused}).lower(phase="training")
        if row.name == "batch norm"
    ]
    assert {row.inputs / row.outputs for row in norms} == {2}
