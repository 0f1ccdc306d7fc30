"""The operator level on the command line: `eval` and `serve` with a fidelity, `lower`, and completion of choices."""

import json
import os
import subprocess
from typing import Any

import pytest

from mlsysim import Engine, Hardware, Models, ServingModel
from tests.cli.test_commands import COMMAND, run


def asked(*arguments: str) -> Any:
    done = run(*arguments, "--output", "json")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.parametrize("calibration", ["none", "datasheet", "fitted"])
def test_eval_answers_at_each_level(calibration):
    answer = asked("eval", "Llama3_8B", "H100", "--fidelity", "operator", "--calibration", calibration)
    profile = Engine.solve(Models.Llama3_8B, Hardware.H100, fidelity="operator", calibration=calibration)
    assert answer["latency"] == profile.plain["latency"]
    assert (answer["fidelity"], answer["calibration"]) == ("operator", calibration)


def test_eval_of_devices_that_share_each_layer_fits_where_one_does_not():
    assert run("eval", "Llama3_70B", "H100", "-f", "operator").returncode == 3
    answer = asked("eval", "Llama3_70B", "H100", "-f", "operator", "-t", "4")
    assert answer["tensor_parallel"] == 4
    assert answer["latency_network"] > 0


def test_offload_keeps_the_rest_on_the_host():
    answer = asked("eval", "Llama3_70B", "H100", "--offload")
    assert answer["bottleneck"] == "Capacity"
    assert answer["offloaded"] == pytest.approx(answer["memory_footprint"] - answer["memory_capacity"], rel=1e-12)


def test_breakdown_follows_the_result_and_implies_the_operator_level():
    out = run("eval", "Llama3_8B", "H100", "--breakdown").stdout
    figures, _, kernels = out.partition("\n\nKernels\n\n")
    assert "Fidelity                        operator" in figures
    names = [line.split("  ")[0] for line in kernels.splitlines()[2:]]
    profile = Engine.solve(Models.Llama3_8B, Hardware.H100, fidelity="operator")
    assert names == [row[0] for row in profile.breakdown().rows()]


def test_breakdown_gives_a_second_table_in_markdown_and_the_same_figures_in_json():
    lines = run("eval", "Llama3_8B", "H100", "--breakdown", "-o", "markdown").stdout.splitlines()
    assert sum(line.startswith("|:--") for line in lines) == 2
    answer = asked("eval", "Llama3_8B", "H100", "--breakdown")
    assert sum(kernel["total"] for kernel in answer["operators"]) == pytest.approx(answer["latency"], rel=1e-12)


def test_the_derivation_is_part_of_the_json():
    steps = asked("eval", "Llama3_8B", "H100", "--explain")["derivation"]
    assert {"quantity", "equation", "substituted", "source"} == set(steps[0])
    assert any(step["source"] == "williams2009roofline" for step in steps)


def test_serve_with_answers_says_what_a_request_sees():
    crowd = ("-b", "64", "-s", "1024", "-n", "512", "-p", "fp8", "--kv-precision", "bf16", "-f", "operator", "-t", "4")
    answer = asked("serve", "Llama3_70B", "H100", *crowd)
    result = ServingModel().solve(
        Models.Llama3_70B,
        Hardware.H100,
        1024,
        64,
        "fp8",
        kv_precision="bf16",
        output_tokens=512,
        fidelity="operator",
        tensor_parallel=4,
    )
    assert answer["tpot"] == result.plain["tpot"]
    assert answer["request_latency"] == result.plain["request_latency"]


def test_serve_passes_on_stages_cached_tokens_and_a_draft():
    whole = asked("serve", "Llama3_8B", "H100", "-s", "4096")
    kept = asked("serve", "Llama3_8B", "H100", "-s", "4096", "--cached-tokens", "2048")
    assert kept["ttft"] < whole["ttft"]
    assert asked("serve", "Llama3_70B", "H100", "--pipeline-parallel", "2")["pipeline_parallel"] == 2
    draft = ("--draft", "Llama3_8B", "--acceptance", "0.8", "--draft-tokens", "3")
    answer = asked("serve", "Llama3_70B", "H200", "-p", "fp8", *draft)
    assert answer["accepted_tokens"] == pytest.approx((1 - 0.8**4) / (1 - 0.8), rel=1e-12)


def test_lower_gives_every_figure_of_every_operator_as_json():
    rows = asked("lower", "Llama3_8B", "--phase", "prefill", "--seq-len", "1024", "--tensor-parallel", "4")
    table = Models.Llama3_8B.lower(phase="prefill", seq_len=1024, tensor_parallel=4)
    assert [row["name"] for row in rows] == [row.name for row in table]
    assert sum(row["count"] * row["flops"] for row in rows) == table.total("flops")
    assert sum(row["count"] * row["traffic"] for row in rows) == table.total("traffic")
    assert any(row["message"] for row in rows)


def test_lower_prints_a_table_that_a_terminal_can_hold():
    lines = run("lower", "Llama3_8B", "--tensor-parallel", "2").stdout.splitlines()
    assert lines[0].split() == ["Operator", "Runs", "m×n×k", "FLOPs", "Traffic", "Message"]
    assert len(lines) == 2 + len(Models.Llama3_8B.lower(tensor_parallel=2))


def test_lower_in_markdown_tells_weights_from_activations():
    lines = run("lower", "ResNet50", "--phase", "training", "-b", "64", "-o", "markdown").stdout.splitlines()
    header = [cell.strip() for cell in lines[0].strip("|").split("|")]
    assert header == ["Operator", "Runs", "m×n×k", "FLOPs", "Weights", "Inputs", "Outputs", "KV"]
    assert any("weight gradient" in line for line in lines)


@pytest.mark.parametrize(
    ("words", "choices"),
    [
        ("eval Llama3_8B H100 --fidelity ", {"roofline", "operator"}),
        ("serve Llama3_8B H100 --calibration ", {"none", "datasheet", "fitted"}),
        ("lower Llama3_8B --phase ", {"decode", "prefill", "training"}),
        ("serve Llama3_70B H100 --draft Llama3_8", {"Llama3_8B"}),
    ],
)
def test_completion_offers_the_choices(words, choices):
    line = f"mlsysim {words}"
    setting = {"_MLSYSIM_COMPLETE": "complete_bash", "COMP_WORDS": line, "COMP_CWORD": str(len(line.split(" ")) - 1)}
    done = subprocess.run([COMMAND], capture_output=True, text=True, env=setting | {"PATH": os.environ["PATH"]})
    assert set(done.stdout.split()) == choices
