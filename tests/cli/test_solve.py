"""`mlsysim solve`: every solver, by the names of its inputs."""

import json

import pytest

from mlsysim import (
    EconomicsModel,
    Hardware,
    Infra,
    Models,
    ReliabilityModel,
    ServingModel,
    Systems,
    TailLatencyModel,
)
from mlsysim.core.signatures import solvers
from tests.cli.calls import asked, call

CLUSTERS = Systems.Clusters


@pytest.mark.parametrize(
    ("words", "solver", "inputs"),
    [
        (
            "EconomicsModel fleet=Research_256 duration_days=30 grid=Quebec mfu=0.4",
            EconomicsModel(),
            {"fleet": CLUSTERS.Research_256, "duration_days": 30, "grid": Infra.Quebec, "mfu": 0.4},
        ),
        (
            "ReliabilityModel fleet=Llama3_16K job_duration_hours=1296 checkpoint_time_s=120",
            ReliabilityModel(),
            {"fleet": CLUSTERS.Llama3_16K, "job_duration_hours": 1296, "checkpoint_time_s": 120},
        ),
        (
            "ServingModel model=Llama3_8B hardware=H100 batch_size=16 precision=fp8 fidelity=operator",
            ServingModel(),
            {
                "model": Models.Llama3_8B,
                "hardware": Hardware.H100,
                "batch_size": 16,
                "precision": "fp8",
                "fidelity": "operator",
            },
        ),
        (
            "TailLatencyModel arrival_rate_qps=3 service_latency_ms=100",
            TailLatencyModel(),
            {"arrival_rate_qps": 3, "service_latency_ms": 100},
        ),
    ],
)
def test_the_answer_is_that_of_the_solver(words, solver, inputs):
    assert asked("solve", *words.split()) == json.loads(solver.solve(**inputs).to_json())


def test_quantities_lists_and_flags_are_read():
    words = ("model=GPT2", "hardware=A100", "lora_rank=8", "lora_targets=[query, key]", "offload=true")
    assert asked("solve", "TrainingModel", *words)["lora_rank"] == 8
    day = asked("solve", "EconomicsModel", "fleet=Research_256", "duration_days=24 hour", "grid=Quebec")
    assert (
        day["tco_usd"]
        == asked("solve", "EconomicsModel", "fleet=Research_256", "duration_days=1", "grid=Quebec")["tco_usd"]
    )


def test_without_a_solver_all_are_listed():
    rows = json.loads(call("solve", "--output", "json").stdout)
    assert [row["Solver"] for row in rows] == sorted(solvers())
    assert all(row["Says"] for row in rows)
    assert next(row for row in rows if row["Solver"] == "EconomicsModel")["Needs"] == "fleet, duration_days"


def test_what_does_not_fit_ends_with_3():
    assert call("solve", "SingleNodeModel", "model=Llama3_70B", "hardware=H100").returncode == 3


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ("EconomicModel", "did you mean 'EconomicsModel'"),
        ("EconomicsModel", "needs fleet, duration_days: give fleet=…"),
        ("EconomicsModel fleet", "must read NAME=VALUE"),
        ("EconomicsModel flet=Research_256", "did you mean 'fleet'"),
        ("EconomicsModel fleet=Research_255 duration_days=1", "did you mean 'Research_256'"),
        ("EconomicsModel fleet=Research_256 duration_days=GB", "duration_days"),
        ("EconomicsModel fleet=Research_256 duration_days=-1", "duration_days"),
        ("SingleNodeModel model=Llama3_8B hardware=H100 batch_size=1.5", "batch_size"),
        ("SingleNodeModel model=Llama3_8B hardware=H100 batch_size={}", "batch_size"),
    ],
)
def test_bad_input_ends_with_2_and_one_line(words, told):
    done = call("solve", *words.split())
    assert done.returncode == 2
    assert told in done.stderr
    assert len(done.stderr.splitlines()) == 1
