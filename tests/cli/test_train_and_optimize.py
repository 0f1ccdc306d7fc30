"""`train` and `optimize`: one device, a cluster, a number of devices; the tables of candidates."""

import csv
import io
import json
from typing import Any

import pytest
import yaml

from mlsysim import BatchingOptimizer, DistributedModel, Hardware, Models, Systems, TrainingModel
from tests.cli.calls import asked, call

FLEET = ("--fleet", "Research_256")
PLACES = ("optimize", "placement", *FLEET, "--regions", "Quebec,Poland", "--days", "30")


def test_train_on_one_device_gives_what_the_solver_gives():
    answer = asked("train", "GPT2", "H100", "-b", "16", "--optimizer", "adam_8bit", "--recompute", "full")
    result = TrainingModel().solve(Models.GPT2, Hardware.H100, 16, optimizer="adam_8bit", recompute="full")
    assert answer["step_time"] == result.plain["step_time"]
    assert answer["optimizer_size"] == result.plain["optimizer_size"]


def test_train_with_adapters_takes_their_targets():
    few = asked("train", "Llama3_8B", "H200", "--lora-rank", "16")
    more = asked("train", "Llama3_8B", "H200", "--lora-rank", "16", "--lora-targets", "query,value,up")
    assert more["trained_parameters"] > few["trained_parameters"]


def test_train_on_a_cluster_gives_what_the_solver_gives():
    split = ("--tp-size", "8", "--pp-size", "4", "--virtual-stages", "5", "--no-overlap-comm")
    answer = asked("train", "Llama3_70B", *FLEET, "-b", "256", *split)
    result = DistributedModel().solve(
        Models.Llama3_70B,
        Systems.Clusters.Research_256,
        256,
        tp_size=8,
        pp_size=4,
        virtual_stages=5,
        overlap_comm=False,
    )
    assert answer["step_latency_total"] == result.plain["step_latency_total"]


@pytest.mark.parametrize(("devices", "more"), [("4", ()), ("8", ()), ("64", ("--fabric", "InfiniBand_NDR"))])
def test_a_number_of_devices_is_a_fleet(devices, more):
    answer = asked("train", "Llama3_8B", "H100", "--devices", devices, *more, "--zero-stage", "3")
    assert (answer["devices"], answer["dp_size"]) == (int(devices), int(devices))


def test_what_does_not_fit_ends_with_3_and_says_what_would():
    done = call("train", "Llama3_8B", "H100")
    assert done.returncode == 3
    assert "What would fit" in done.stdout
    assert call("train", "Llama3_70B", "H100", "--devices", "8").returncode == 3
    assert call("optimize", "parallelism", "Llama3_70B", "H100", "--devices", "1", "-b", "8").returncode == 3


def test_parallelism_lists_candidates_frontier_and_rejections():
    search = ("optimize", "parallelism", "Llama3_8B", "H100", "--devices", "8", "-b", "64", "--zero-stages", "1,2")
    answer = asked(*search)
    assert answer["best_config"] == answer["top_candidates"][0]["config"]
    assert {row["config"]["zero_stage"] for row in answer["frontier"]} <= {1, 2}
    rows = list(csv.DictReader(io.StringIO(call(*search, "--table", "candidates", "-o", "csv").stdout)))
    assert [float(row["step_time"]) for row in rows] == [row["step_time"] for row in answer["top_candidates"]]
    assert rows[0]["config.tp"] == str(answer["best_config"]["tp"])
    out = call(*search, "--top", "1").stdout
    assert "\nCandidates\n" in out
    assert "\nRejected\n" in out
    assert f"… {len(rows) - 1} more" in out


def test_batching_takes_amounts_with_units():
    answer = asked(
        "optimize", "batching", "Llama3_8B", "H100", "--arrival-rate", "600 1/min", "--sla", "20 s", "--seq-len", "128"
    )
    result = BatchingOptimizer().solve(Models.Llama3_8B, Hardware.H100, 128, 10, 20_000)
    assert answer["best_batch_size"] == result.best_batch_size
    assert answer["p99_latency"] == pytest.approx(result.plain["p99_latency"], rel=1e-12)
    assert len(answer["points"]) == 256


def test_a_target_that_no_batch_meets_ends_with_3():
    target = ("--arrival-rate", "10", "--sla", "20")
    assert call("optimize", "batching", "Llama3_8B", "H100", *target, "-s", "128").returncode == 3


def test_placement_ranks_regions_and_refuses_those_too_far():
    answer = asked(*PLACES)
    assert answer["best_region"] == "Quebec"
    near = ("--latency", "Quebec=90ms", "--latency", "Poland=20ms")
    assert asked(*PLACES, *near, "--max-latency", "50 ms")["best_region"] == "Poland"
    far = call(*PLACES, *near, "--max-latency", "10 ms")
    assert far.returncode == 3
    assert "over 10 ms" in far.stdout


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("train", "Llama3_8B"), ("HARDWARE or --fleet is missing",)),
        (("train", "Llama3_8B", "H100", *FLEET), ("leave HARDWARE H100 out",)),
        (("train", "Llama3_8B", "H100", "--tp-size", "2"), ("--tp-size does not apply to one device",)),
        (("train", "Llama3_8B", *FLEET, "--lora-rank", "3"), ("--lora-rank does not apply to a fleet",)),
        (("train", "Llama3_8B", "H100", "--devices", "64"), ("--fabric",)),
        (("train", "Llama3_8B", "H100", "--devices", "12"), ("multiple of 8", "12")),
        (("train", "Llama3_8B", "H100", "--fabric", "InfiniBand_NDR"), ("--devices",)),
        (("train", "Llama3_8B", "T4", "--devices", "2"), ("no links",)),
        (("train", "Llama3_8B", "--fleet", "Research_25"), ("did you mean 'Research_256'",)),
        (("train", "Llama3_8B", "H100", "--optimizer", "adamm"), ("did you mean 'adam'",)),
        (("optimize", "parallelism", "Llama3_8B", *FLEET), ("Missing option", "--batch-size")),
        (("optimize", "parallelism", "Llama3_8B", "-b", "8"), ("a fleet is missing",)),
        (("optimize", "parallelism", "Llama3_8B", "H100", "--devices", "1", "-b", "8", "--table", "x"), ("table 'x'",)),
        (("optimize", "batching", "Llama3_8B", "H100", "--arrival-rate", "1", "--sla", "2 parsec"), ("--seq-len",)),
        (
            ("optimize", "batching", "ResNet50", "H100", "--arrival-rate", "1", "--sla", "2 parsec"),
            ("--sla", "parsec", "no unit"),
        ),
        ((*PLACES, "--latency", "Quebec"), ("REGION=TIME",)),
        ((*PLACES, "--latency", "Quebek=2ms"), ("did you mean 'Quebec'",)),
        (("optimize", "placment"), ("placement",)),
    ],
)
def test_bad_input_ends_with_2_and_one_line(arguments, words):
    done = call(*arguments)
    assert done.returncode == 2, done.stdout
    assert len(done.stderr.splitlines()) == 1
    for word in words:
        assert word in done.stderr


def record(name: str) -> dict[str, Any]:
    def figure(value: float, unit: str) -> dict[str, Any]:
        return {"value": value, "unit": unit, "source": "https://example.org"}

    memory = {"capacity": figure(64, "GB"), "bandwidth": figure(100, "GB/s")}
    return {"name": name, "compute": {"precision_flops": {"fp32": figure(1, "TFLOP/s")}}, "memory": memory}


def test_own_devices_are_read_from_a_file(tmp_path):
    mine = tmp_path / "mine.yaml"
    mine.write_text(yaml.safe_dump({"Box": record("Box")}))
    assert asked("eval", "ResNet50", str(mine), "-p", "fp32")["hardware"] == "Box"
    mine.write_text(yaml.safe_dump({"Box": record("Box"), "Crate": record("Crate")}))
    assert asked("eval", "ResNet50", f"{mine}:Crate", "-p", "fp32")["hardware"] == "Crate"
    assert f"{mine}:Box, {mine}:Crate" in call("eval", "ResNet50", str(mine), "-p", "fp32").stderr
    assert "did you mean 'Crate'" in call("eval", "ResNet50", f"{mine}:Crat", "-p", "fp32").stderr


def test_own_models_are_read_from_a_config(tmp_path):
    config = {"model_type": "llama", "hidden_size": 64, "num_attention_heads": 4, "num_hidden_layers": 2}
    config |= {"intermediate_size": 128, "vocab_size": 100, "max_position_embeddings": 512, "hidden_act": "silu"}
    path = tmp_path / "config.json"
    path.write_text(json.dumps(config))
    assert asked("eval", str(path), "H100")["weights_size"] == 2 * Models.from_hf(config).parameter_count
