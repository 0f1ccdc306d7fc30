"""What a convolutional network demands, counted layer by layer."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlsysim import CNNWorkload, Models
from mlsysim.errors import InputError

NETWORKS = ["ResNet50", "MobileNetV2", "DS_CNN"]
every_network = pytest.mark.parametrize("name", NETWORKS)


def network(*blocks, size=(8, 8, 3)):
    return CNNWorkload(name="toy", input=size, blocks=blocks)


def test_ds_cnn_by_hand():
    """Ten by four over one channel, then four pairs of depthwise and pointwise, then a dense layer."""
    positions = 25 * 5
    first, pair, dense = 10 * 4 * 64, 64 * (9 + 64), 64 * 12
    assert Models.DS_CNN.demand().flops == 2 * (positions * (first + 4 * pair) + dense) == 5_313_536
    assert Models.DS_CNN.parameter_count == first + 64 + 4 * (pair + 128) + dense + 12


def test_ds_cnn_holds_at_most_two_maps_of_64_channels():
    demand = Models.DS_CNN.demand(precision="int8")
    assert demand.live == 2 * 25 * 5 * 64 == 16_000


def test_ds_cnn_moves_each_map_once_in_and_once_out():
    full = 25 * 5 * 64
    first, between, pool, dense = 490 + full, 8 * 2 * full, full + 64, 64 + 12
    assert Models.DS_CNN.demand(precision="int8").activations == first + between + pool + dense


def test_resnet_by_hand():
    demand = Models.ResNet50.demand(precision="fp16")
    assert demand.flops == 8_178_368_512
    assert demand.weights == 2 * 25_557_032
    assert f"{demand.activations / 1e6:.1f}" == "56.8"


def test_resnet_moves_what_its_table_says():
    """Table 1 of the paper, stage by stage: inputs and outputs of each convolution, and the shortcut that is added."""

    def stage(blocks, before, channels, size, stride):
        wide, inside, coming = 4 * channels * size**2, channels * size**2, before * (size * stride) ** 2
        first = (coming + wide) + (coming + channels * (size * stride) ** 2)
        first += (channels * (size * stride) ** 2 + inside) + (inside + 2 * wide)
        return first + (blocks - 1) * ((wide + inside) + 2 * inside + (inside + 2 * wide))

    stem = (224**2 * 3 + 112**2 * 64) + (112**2 * 64 + 56**2 * 64)
    stages = stage(3, 64, 64, 56, 1) + stage(4, 256, 128, 28, 2) + stage(6, 512, 256, 14, 2) + stage(3, 1024, 512, 7, 2)
    end = (49 * 2048 + 2048) + (2048 + 1000)
    assert Models.ResNet50.demand(precision="int8").activations == stem + stages + end


def test_resnet_has_53_convolutions_and_one_dense_layer():
    kinds = [layer.kind for layer in Models.ResNet50.layers if layer.weights]
    assert (kinds.count("conv"), kinds.count("linear")) == (53, 1)
    assert Models.ResNet50.layers[-1].outputs.channels == 1000


@every_network
def test_layers_follow_on_from_one_another(name):
    layers = Models[name].layers
    maps = [layers[0].inputs, *(layer.outputs for layer in layers)]
    for number, layer in enumerate(layers):
        assert layer.inputs in maps[: number + 1] or layer.inputs.elements == maps[number].elements


@every_network
@given(batch=st.integers(1, 10**6))
def test_all_but_the_weights_grows_with_the_batch(name, batch):
    one, many = Models[name].demand(1), Models[name].demand(batch)
    for field in ("samples", "flops", "activations", "live"):
        assert getattr(many, field) == batch * getattr(one, field), field
    assert many.weights == one.weights
    assert many.kv_cache == many.kv_traffic == 0


@every_network
def test_half_the_bits_are_half_the_bytes_and_the_same_work(name):
    wide, narrow = Models[name].demand(4, "fp16"), Models[name].demand(4, "int8")
    assert narrow.flops == wide.flops
    for field in ("weights", "activations", "live"):
        assert getattr(wide, field) == 2 * getattr(narrow, field)


@every_network
def test_what_is_alive_at_once_is_less_than_what_moves(name):
    demand = Models[name].demand()
    assert 0 < demand.live < demand.activations


@pytest.mark.parametrize(
    ("blocks", "parameters", "flops", "traffic"),
    [
        ([{"kind": "conv", "channels": 4, "norm": False}], 108, 2 * 108 * 64, 192 + 256),
        ([{"kind": "conv", "channels": 4, "norm": False, "bias": True}], 112, 2 * 108 * 64, 192 + 256),
        ([{"kind": "conv", "channels": 4}], 116, 2 * 108 * 64, 192 + 256),
        ([{"kind": "conv", "channels": 4, "norm": False, "stride": 2}], 108, 2 * 108 * 16, 192 + 64),
        ([{"kind": "depthwise", "norm": False}], 27, 2 * 27 * 64, 192 + 192),
        ([{"kind": "separable", "channels": 4, "norm": False}], 39, 2 * 39 * 64, 192 + 192 + 192 + 256),
        ([{"kind": "pool", "stride": 2}], 0, 0, 192 + 48),
        ([{"kind": "global_pool"}], 0, 0, 192 + 3),
        ([{"kind": "linear", "channels": 10}], 1930, 2 * 1920, 192 + 10),
        (
            [{"kind": "bottleneck", "channels": 2, "expansion": 4, "norm": False}],
            24 + 6 + 36 + 16,
            2 * 64 * (24 + 6 + 36 + 16),
            (192 + 512) + (192 + 128) + (128 + 128) + (128 + 512 + 512),
        ),
        (
            [{"kind": "inverted_residual", "channels": 3, "expansion": 2, "norm": False}],
            18 + 54 + 18,
            2 * 64 * (18 + 54 + 18),
            (192 + 384) + (384 + 384) + (384 + 192 + 192),
        ),
    ],
)
def test_one_block_by_hand(blocks, parameters, flops, traffic):
    model = network(*blocks)
    demand = model.demand(precision="int8")
    assert (model.parameter_count, demand.flops, demand.activations) == (parameters, flops, traffic)


def test_only_the_first_repeat_has_the_stride():
    model = network({"kind": "conv", "channels": 3, "stride": 2, "repeat": 3})
    assert [layer.outputs.height for layer in model.layers] == [4, 4, 4]


def test_an_odd_size_is_rounded_up():
    model = network({"kind": "conv", "channels": 3, "stride": [2, 3]}, size=(49, 10, 1))
    assert model.layers[0].outputs[:2] == (25, 4)


def test_a_shortcut_is_held_while_the_block_computes():
    model = network({"kind": "inverted_residual", "channels": 3, "expansion": 2})
    assert [layer.live for layer in model.layers] == [192 + 384, 384 + 384 + 192, 384 + 192 + 192]


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"blocks": []}, "CNNWorkload.blocks: .*at least 1 item"),
        ({"blocks": [{"kind": "convv"}]}, "Block.kind: .*'conv'.*; got 'convv'"),
        ({"blocks": [{"kind": "conv", "chanels": 3}]}, "unknown field of Block 'chanels'; did you mean 'channels'"),
        ({"blocks": [{"kind": "conv", "channels": 0}]}, "Block.channels: .*; got 0"),
        ({"blocks": [{"kind": "conv", "stride": 0}]}, "Block.stride"),
        ({"blocks": [{"kind": "conv", "repeat": 1.5}]}, "Block.repeat: .*; got 1.5"),
        ({"input": (8, 8)}, "CNNWorkload.input"),
        ({"input": (8, 8, -3)}, "CNNWorkload.input.2: .*; got -3"),
    ],
)
def test_what_a_network_may_not_be(fields, message):
    with pytest.raises(InputError, match=rf"^{message}"):
        CNNWorkload(**({"name": "toy", "input": (8, 8, 3), "blocks": [{"kind": "conv"}]} | fields))


@pytest.mark.parametrize("argument", [{"seq_len": 128}, {"kv_precision": "fp8"}])
def test_what_concerns_sequences_is_refused(argument):
    with pytest.raises(
        InputError, match=rf"^{next(iter(argument))} does not apply to ResNet-50 v1.5, which reads no sequence; got"
    ):
        Models.ResNet50.demand(**argument)
