"""From records to questions: each is answered or says why; one prediction of each domain is worked by hand."""

from __future__ import annotations

import math
import re

import pytest

from mlsysim import Hardware, Models
from mlsysim.references import reference
from mlsysim.validation.adapters import LEVELS, headline, predict
from mlsysim.validation.adapters.fleets import fleet_of, network
from mlsysim.validation.adapters.names import NotStated, device, model, precision
from mlsysim.validation.adapters.passes import bounded, one_pass
from mlsysim.validation.adapters.recipes import RECIPES, completed
from mlsysim.validation.adapters.runs import options, transformer
from mlsysim.validation.adapters.serving import kv_precision
from mlsysim.validation.records import Measurement, load, published
from mlsysim.validation.runner import compare, validate

MINE = ("training", "serving", "vision-inference", "tinyml")


def record(domain, measured=("latency", "ms"), **inputs):
    metric, unit = measured
    figures = {metric: {"value": 1, "unit": unit}}
    return Measurement(id="mine", domain=domain, inputs=inputs, measured=figures, source={"title": "mine"})


def by_id(name):
    return next(one for one in published() if one.id == name)


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("domain", MINE)
def test_each_figure_is_answered_or_says_why(domain, level):
    for one in published(domain):
        for row in compare(one, level):
            if row.answered:
                assert math.isfinite(row.predicted)
                assert row.predicted > 0
                assert row.skipped_because is None
            else:
                assert len(row.skipped_because.split()) > 3


@pytest.mark.parametrize("domain", MINE)
def test_a_record_counts_once(domain):
    report = validate(published(domain))
    judged = [row for row in report.comparisons if row.headline]
    answered = {row.record.id for row in report.comparisons if row.answered}
    assert len(judged) == len({row.record.id for row in judged})
    assert {row.record.id for row in judged} == answered
    assert {row.metric for row in judged} <= set(headline(domain))


@pytest.mark.parametrize("domain", MINE)
def test_no_missing_input_is_an_error(domain):
    for one in {(each.source.name, frozenset(each.inputs)): each for each in published(domain)}.values():
        for missing in one.inputs:
            inputs = {name: value for name, value in one.inputs.items() if name != missing}
            rows = compare(one.model_copy(update={"inputs": inputs}), "fitted")
            assert all(row.answered or row.skipped_because for row in rows), missing


# A shape that a record states is that of our model of the same name


@pytest.mark.parametrize("one", published("serving"), ids=lambda one: one.id)
def test_a_model_has_the_shape_that_the_record_states(one):
    if one.inputs.get("engine") == "llama.cpp":
        return
    ours = model(one.model)
    for ours_name, stated_name in {"layers": "layers", "hidden": "hidden", "heads": "heads", "vocab": "vocab"}.items():
        if stated_name in one.inputs and hasattr(ours, ours_name):
            assert getattr(ours, ours_name) == one.inputs[stated_name]


@pytest.mark.parametrize(
    ("name", "ours"),
    [
        ("h100_sxm", Hardware.H100),
        ("b200_sxm", Hardware.B200),
        ("H200", Hardware.H200),
        ("a100-sxm-40gb", Hardware.A100_40GB),
        ("rtx-6000-ada", Hardware.RTX6000Ada),
        ("tpu-v6e", Hardware.TPUv6e),
    ],
)
def test_names_of_devices(name, ours):
    assert device(name) is ours


@pytest.mark.parametrize(
    ("name", "ours"),
    [
        ("8B", Models.Llama3_1_8B),
        ("meta-llama/Llama-3.1-70B-Instruct", Models.Llama3_1_70B),
        ("llama3.1-405b", Models.Llama3_1_405B),
        ("Mixtral_8x7B", Models.Mixtral_8x7B),
    ],
)
def test_names_of_models(name, ours):
    assert model(name) is ours


@pytest.mark.parametrize(
    ("ask", "name", "said"),
    [
        (device, "h1000", "the package has no device 'h1000'"),
        (device, None, "the record names no device"),
        (model, "llama-9", "the package has no model 'llama-9'"),
        (precision, "fp7", "the package has no format 'fp7'"),
        (precision, None, "the package has no format None"),
    ],
)
def test_a_name_that_is_not_ours(ask, name, said):
    with pytest.raises(NotStated, match=said):
        ask(name)


# Serving


def test_one_request_alone_by_hand():
    """At the speed of light Llama-2 7B in bf16 reads its layers, its head and one row of its table for each token."""
    one = by_id("gptfast-llama2-7b-bf16-a100-sxm-80gb-tp1")
    weights = 2 * (6_738_415_616 - 32_000 * 4096)
    cache = 2 * 32 * 4096 * 2 * (5 + 100)
    speed = predict(one, "speed of light")["decode_speed"].m_as("token/s")
    assert speed == pytest.approx(2.039e12 / (weights + cache), rel=0.01)


def test_a_queue_is_served_filling_by_filling():
    """Twice as many fillings take twice as long, at the same rate; one more request takes a filling of its own."""
    one = by_id("trtllm-llama3-1-70b-h200-sxm-tp1-20000-2000")

    def rate(requests):
        asked = one.model_copy(update={"inputs": {**one.inputs, "num_requests": requests}})
        return predict(asked, "fitted")["output_throughput"].m_as("token/s")

    assert rate(19 * 2) == pytest.approx(rate(19 * 4))
    assert rate(19 * 2) > rate(19 * 2 + 1)


def test_replicas_serve_in_proportion():
    one = by_id("trtllm-llama3-1-8b-h200-sxm-tp1-1000-1000")
    twice = one.model_copy(update={"inputs": {**one.inputs, "count": 2}})
    rates = [predict(asked, "fitted")["output_throughput"].m_as("token/s") for asked in (one, twice)]
    assert rates[1] == pytest.approx(2 * rates[0])


@pytest.mark.parametrize(
    ("inputs", "kept"),
    [
        ({"engine": "trtllm", "precision": "fp8"}, "fp8"),
        ({"engine": "trtllm", "precision": "bf16"}, "bf16"),
        ({"engine": "vllm", "precision": "fp8"}, "bf16"),
        ({"engine": "vllm", "precision": "fp8", "kv_cache_precision": "fp8"}, "fp8"),
    ],
)
def test_the_format_of_the_cache(inputs, kept):
    assert kv_precision(record("serving", **inputs)) == kept


def test_a_file_that_the_package_has_never_seen(tmp_path):
    path = tmp_path / "bench.csv"
    path.write_text(
        "model,system,engine,precision,tensor_parallel,input_tokens,output_tokens,concurrency,ttft_ms,tpot_ms\n"
        "8B,h200_sxm,vllm,fp8,1,512,256,8,60,6.5\n"
        "70B,b200_sxm,trtllm,fp8,2,2048,256,32,900,17\n"
        "70B,h100_sxm,trtllm,bf16,1,2048,256,32,900,17\n"
        "9B,h100_sxm,vllm,fp8,1,512,256,8,60,6.5\n",
        "utf-8",
    )
    report = validate(load(path))
    assert report.groups["serving"][:2] == (4, 2)
    said = {row.record.id: row.skipped_because for row in report.comparisons if row.metric == "tpot"}
    assert said["bench:2"] is said["bench:3"] is None
    assert "do not fit in the memory" in said["bench:4"]
    assert said["bench:5"] == "the package has no model '9B'"
    assert all(abs(row.error_pct) < 50 for row in report.comparisons if row.headline)


def test_prompts_of_unknown_length_are_a_reason():
    (row, _) = compare(by_id("mlperf-inf-v5-1-b200-sxm-180gbx8-trt-llama2-70b-99-offline"), "fitted")
    assert row.skipped_because == "the record does not state how many tokens the prompts have"


# Vision


def test_an_image_at_the_speed_of_light_by_hand():
    """ResNet-50 in int8 on an L4, one image: each layer takes its operations or its bytes, whichever is longer."""
    one = by_id("mlperf-inf-v3-0-l4x1-trt-resnet50-singlestream")
    layers = Models.ResNet50.layers
    time = sum(
        max(layer.flops / 242.5e12, (layer.traffic + layer.weights + layer.other_parameters) / 300e9)
        for layer in layers
    )
    assert predict(one, "speed of light")["latency_mean"].m_as("s") == pytest.approx(time, rel=0.02)


def test_guidance_doubles_the_passes_of_an_image():
    one = by_id("mlperf-inf-v4-1-tpu-v5e-x4-flax-sdxl-offline")
    plain = one.model_copy(update={"inputs": {**one.inputs, "cfg": 1.0}})
    guided, alone = (predict(asked, "fitted")["throughput"].m_as("1/s") for asked in (one, plain))
    assert alone == pytest.approx(2 * guided)


def test_images_that_arrive_at_random_wait_for_a_pass_and_for_their_own():
    one = by_id("mlperf-inf-v3-0-dgx-a100-a100-sxm-80gbx8-trt-resnet50-server")
    rate = predict(one, "fitted")["scheduled_throughput"].m_as("1/s") / 8
    passes = [one_pass(Models.ResNet50, Hardware.A100, batch, "int8", "fitted").plain for batch in range(200, 400)]
    in_time = [at["throughput"] for at in passes if 2 * at["latency"] <= 15e-3]
    assert 0 < len(in_time) < len(passes)
    assert rate == pytest.approx(in_time[-1], rel=1e-9)
    with pytest.raises(NotStated, match=r"takes .* longer than"):
        bounded(Models.ResNet50, Hardware.A100, "int8", "fitted", 1e-6)


def test_another_network_of_the_same_name_is_no_answer():
    (row, _) = compare(by_id("hailo8-resnet-v1-50"), "fitted")
    assert row.skipped_because == "the record's ResNet-50 v1.5 has 3.49 GMAC, that of the package 4.09"


# TinyML


def test_an_inference_on_a_microcontroller_by_hand():
    """ResNet-8 by X-CUBE-AI 7 on the Cortex-M4F of an STM32L4R5: 0.162 of two multiply-adds a cycle at 120 MHz."""
    one = by_id("mlperf-tiny-v1-0-stmicroelectronics-nucleo-l4r5zi-ic")
    answers = predict(one, "fitted")
    time = Models.ResNet8.flops().m_as("flop") / (0.162 * 2 * 2 * 120e6)
    assert answers["latency"].m_as("s") == pytest.approx(time, rel=0.01)
    assert answers["energy"].m_as("J") == pytest.approx(time * 39.6e-3, rel=0.01)


def test_a_network_that_is_not_ours_is_its_multiply_adds():
    """MCUNet: 6 million of them, at the part of two a cycle of 480 MHz that each library reaches on a Cortex-M7."""
    answers = predict(by_id("tinyengine-mcunet-vww0"), "fitted")
    assert answers["latency_cmsis_nn"].m_as("ms") == pytest.approx(6e6 / (0.181 * 2 * 480e3), rel=1e-3)
    assert answers["latency_xcubeai_7_3"].m_as("ms") == pytest.approx(6e6 / (0.3 * 2 * 480e3), rel=1e-3)
    assert "not timed" in answers["latency_tflm"]


def test_the_version_of_a_library_matters():
    """ResNet-8 by X-CUBE-AI 9, by what version 10.2 reaches; floats, and kernels of nobody, by the device alone."""
    new = by_id("mlperf-tiny-v1-2-stmicroelectronics-nucleo-l4r5zi-ic")
    old = by_id("mlperf-tiny-v1-0-stmicroelectronics-nucleo-l4r5zi-ic")
    ratio = predict(old, "fitted")["latency"] / predict(new, "fitted")["latency"]
    assert ratio.m_as("") == pytest.approx(0.283 / 0.162, rel=1e-3)
    unknown = new.model_copy(update={"inputs": {**new.inputs, "framework": "mine"}})
    own = Models.ResNet8.flops().m_as("flop") / (0.188 * 2 * 2 * 120e6)
    assert predict(unknown, "fitted")["latency"].m_as("s") == pytest.approx(own, rel=0.01)
    assert predict(new, "datasheet")["latency"] == predict(old, "datasheet")["latency"]


def test_another_clock_or_an_accelerator_is_no_answer():
    row, *_ = compare(by_id("mlperf-tiny-v1-0-greenwaves-technologies-gap9-800-370-kws"), "fitted")
    assert row.skipped_because == "the NE16 accelerator that was used is not counted in the peak of GreenWaves GAP9"
    slow = by_id("mlperf-tiny-v1-0-stmicroelectronics-nucleo-l4r5zi-ic")
    row, *_ = compare(slow.model_copy(update={"inputs": {**slow.inputs, "clock_mhz": 80}}), "fitted")
    assert row.skipped_because == "ST STM32L4R5ZI of the package runs at 120 MHz, that of the record at 80 MHz"


# Training


def test_the_figures_of_a_run_are_one_result():
    """By hand: 768 sequences of 2048 tokens in a step on 256 devices; MFU is what the model needs over the peak."""
    one = by_id("megascale-t2-megascale-256")
    answers = predict(one, "fitted")
    step = answers["iteration_time"].m_as("s")
    assert answers["throughput"].m_as("token/s") == pytest.approx(768 * 2048 / step)
    assert answers["training_days_300b_tokens"].m_as("day") == pytest.approx(300e9 / (768 * 2048) * step / 86400)
    assert answers["aggregate_pflops"].m_as("flop/s") == pytest.approx(answers["mfu"].magnitude * 256 * 312e12)


def test_one_layer_takes_what_a_second_adds():
    answers = predict(by_id("korthikanti-t4-22b-baseline-no-recompute"), "fitted")
    assert answers["combined"].m_as("ms") == pytest.approx(19.6, rel=0.1)
    assert "not told apart" in answers["forward"]


def test_images_are_trained_kernel_by_kernel():
    """At the speed of light: three products for each of the forward pass, but that no image needs a gradient."""
    one = by_id("resnet50-train-v100-sxm-1")
    operations = 3 * Models.ResNet50.flops().m_as("flop") - 2 * 118_013_952
    light = predict(one, "speed of light")["throughput_fp32"].m_as("1/s")
    assert light < 15.7e12 / operations
    assert light > 0.6 * 15.7e12 / operations
    assert predict(one, "fitted")["throughput_amp"].m_as("1/s") == pytest.approx(1200, rel=0.1)


def test_a_gate_is_what_the_parameters_say():
    plain = transformer(by_id("megatron-sc21-1-7b"))
    assert not plain.gated
    assert plain.parameter_count == pytest.approx(1.7e9, rel=0.03)
    assert transformer(by_id("megatron-bridge-25-11-llama3-1-8b-h100-sxm-fp8-cs")).gated


def test_options_are_those_that_the_record_states():
    chosen = options(by_id("korthikanti-530b-dp8"))
    assert (chosen["tp_size"], chosen["pp_size"], chosen["virtual_stages"]) == (8, 35, 3)
    assert (chosen["recompute"], chosen["flash_attention"], chosen["overlap_comm"]) == ("selective", False, False)
    assert options(by_id("mosaic-mpt-70b-s2048-512xh100-80gb"))["zero_stage"] == 3


@pytest.mark.parametrize(
    ("text", "rate"),
    [
        ("8x HDR InfiniBand 200 Gb/s", 25),
        ("RDMA 400 Gb/s per GPU", 50),
        ("RoCE 400 Gb/s per GPU, 3072-GPU pods full bisection", 50),
        ("4x Omni-Path 100 Gb/s", 6.25),
        ("1600 Gb/s RoCE per node", 25),
        ("something fast", None),
        (None, None),
    ],
)
def test_the_network_of_one_device(text, rate):
    found = network(text, 8)
    assert (found if found is None else found.m_as("GB/s")) == rate


def test_a_fleet_has_the_devices_and_the_network_of_the_record():
    fleet = fleet_of(by_id("mt-nlg-530b-2240"))
    assert fleet.total_accelerators == 2240
    assert fleet.node.accelerator is Hardware.A100
    assert fleet.fabric.bandwidth.m_as("GB/s") == pytest.approx(25)
    with pytest.raises(NotStated, match="no machine with Intel Gaudi 2"):
        fleet_of(by_id("mlperf-train-v3-1-intel-habanalabs-hls-gaudi2-n48-pt-gpt3"))


def test_a_device_of_unknown_peak_has_its_memory_only():
    speed, memory = compare(by_id("torchtitan-8b-128-bf16"), "fitted")
    assert speed.skipped_because == "the peak of the device, whose power is capped, is not published"
    assert memory.answered
    assert memory.headline


def test_each_level_answers_the_same_records():
    answered = [
        {row.record.id for row in validate(published("training"), level).comparisons if row.answered}
        for level in LEVELS
    ]
    assert answered[0] == answered[1] == answered[2]


def test_a_run_without_a_split_says_so():
    row, *_ = compare(by_id("mlperf-train-v4-1-google-cloud-tpu-trillium-3072-maxtext-gpt3"), "fitted")
    assert row.skipped_because == "the record does not state how its devices share the work"


def test_a_run_without_a_batch_says_so():
    one = by_id("maxtext-a3-llama2-7b-1n").model_copy(update={"id": "without a recipe"})
    (row,) = compare(one, "fitted")
    assert row.skipped_because == "the record does not state the batch"


# Recipes


def test_what_a_recipe_adds_is_stated_nowhere_in_the_record():
    records = {one.id: one for one in published()}
    for name in RECIPES.names:
        recipe = RECIPES[name]
        assert reference(recipe.source)
        for one in recipe.records:
            assert recipe.inputs.keys().isdisjoint(records[one].inputs)
            assert completed(records[one]).inputs == {**records[one].inputs, **recipe.inputs}


def test_a_record_without_a_recipe_is_as_it_was():
    one = by_id("megascale-t2-megascale-256")
    assert completed(one) is one


def test_the_shapes_of_the_prequel_have_the_parameters_that_it_prints():
    """In billions, of the layers alone: 12·L·h²."""
    for name in ("bloom-prequel-200b-pp4-mbs1", "bloom-prequel-194b-pp6-mbs1", "bloom-prequel-183b-pp12-mbs1"):
        inputs = completed(by_id(name)).inputs
        layers = 12 * inputs["layers"] * inputs["hidden"] ** 2
        table = inputs["vocab"] * inputs["hidden"]
        assert inputs["layers"] % inputs["pp"] == 0
        assert min(abs(layers - inputs["params"]), abs(layers + table - inputs["params"])) < 0.01 * inputs["params"]


def test_a_copy_of_the_weights_on_each_node_is_hybrid_sharding():
    chosen = options(completed(by_id("maxtext-a3-llama2-7b-4n")))
    assert (chosen["zero_stage"], chosen["shard_size"], chosen["batch_size"]) == (3, 8, 4 * 32)


def test_as_many_microbatches_as_stages_where_torchtitan_is_told_nothing():
    chosen = options(completed(by_id("torchtitan-405b-1f1b")))
    assert chosen["batch_size"] / (8 * chosen["microbatch_size"]) == chosen["pp_size"]


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("torchtitan-405b-interleaved", "how many parts of the model each device has in turn"),
        ("mlperf-inf-v4-1-orin-trt-stable-diffusion-xl-offline", "which products are in which of fp8/int8"),
        ("hailo8-vit-base", "the bandwidth of the memory of Hailo-8 .* is not published: its peak alone is a bound"),
    ],
)
def test_what_is_not_said_is_named(name, reason):
    for row in compare(by_id(name), "fitted"):
        assert re.search(reason, row.skipped_because)
