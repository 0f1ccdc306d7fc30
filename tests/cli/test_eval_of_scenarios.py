"""`mlsysim eval` of a scenario, as a user runs it."""

import csv
import io
import json
import subprocess
import sys
from pathlib import Path

import pytest

COMMAND = str(Path(sys.executable).with_name("mlsysim"))
GOOD = "model: Llama3_8B\nhardware: H100\nassert: ['latency < 50 ms']\n"


@pytest.fixture
def run(tmp_path):
    def run_file(text: str, *options: str) -> subprocess.CompletedProcess[str]:
        path = tmp_path / "chat.yaml"
        path.write_text(text)
        return subprocess.run(
            [COMMAND, "eval", str(path), *options], capture_output=True, text=True, env={"COLUMNS": "100", "PATH": ""}
        )

    return run_file


def test_a_scenario_whose_claims_hold_ends_with_0(run):
    done = run(GOOD)
    assert done.returncode == 0, done.stderr
    assert "1 Feasibility" in done.stdout
    assert "latency < 50 ms   holds" in done.stdout


@pytest.mark.parametrize(
    "text",
    [GOOD.replace("50 ms", "1 ms"), "model: Llama3_70B\nhardware: H100\n"],
    ids=["a claim fails", "it does not fit"],
)
def test_a_scenario_that_fails_ends_with_3(run, text):
    done = run(text)
    assert done.returncode == 3
    assert "Passed" in done.stdout


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (GOOD + "batchsize: 3\n", "did you mean 'batch_size'"),
        (GOOD.replace("H100", "H10"), "did you mean 'H100'"),
        (GOOD.replace("latency", "latencie"), "did you mean 'latency'"),
        (GOOD.replace("50 ms", "50 parsec"), "parsec"),
        (GOOD + "region: Quebec\n", "region"),
        (GOOD + "batch_size: 0\n", "batch_size"),
        ("model: Llama3_8B\nfleet: Research_256\nstorage_bandwidth: 40 GB\n", "storage_bandwidth"),
        ("- 3", "mapping"),
        ("", "mapping"),
        ("model: [", "YAML"),
    ],
)
def test_a_wrong_file_ends_with_2_and_a_readable_line(run, text, words):
    done = run(text)
    assert done.returncode == 2, done.stdout
    assert "Traceback" not in done.stderr
    assert words in done.stderr


def test_a_missing_file_ends_with_2():
    done = subprocess.run([COMMAND, "eval", "nowhere.yaml"], capture_output=True, text=True)
    assert done.returncode == 2
    assert "nowhere.yaml" in done.stderr


def test_json_has_the_claims_the_results_and_the_walls(run):
    answer = json.loads(run(GOOD, "--walls", "--output", "json").stdout)
    assert answer["scenario"] == "chat"
    assert answer["verdicts"][0]["holds"] is True
    assert answer["results"]["SingleNodeModel"]["bottleneck"] == "Memory"
    assert answer["walls"]["binding"] == 2


def test_the_walls_follow_the_scorecard(run):
    out = run(GOOD, "--walls", "--output", "markdown").stdout
    assert "| binding" in out
    assert sum(line.startswith("|") for line in out.splitlines()) > 40


def test_the_schema_of_a_scenario_can_be_printed():
    done = subprocess.run([COMMAND, "schema", "scenario"], capture_output=True, text=True, check=True)
    assert "compute_budget" in json.loads(done.stdout)["properties"]
    done = subprocess.run([COMMAND, "schema", "scenari"], capture_output=True, text=True)
    assert done.returncode == 2
    assert "did you mean 'scenario'" in done.stderr


def test_csv_has_the_figures_or_the_walls(run):
    figures = {row["figure"]: row for row in csv.DictReader(io.StringIO(run(GOOD, "--output", "csv").stdout))}
    assert (figures["bottleneck"]["value"], figures["latency"]["unit"]) == ("Memory", "s")
    walls = list(csv.DictReader(io.StringIO(run(GOOD, "--walls", "--output", "csv").stdout)))
    assert [int(row["wall"]) for row in walls] == list(range(1, 23))


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("H100",), "leave H100 out"),
        (("--batch-size", "3"), "write batch_size into"),
        (("--explain",), "several results"),
    ],
)
def test_what_is_said_of_one_pass_does_not_go_with_a_scenario(run, options, words):
    done = run(GOOD, *options)
    assert done.returncode == 2
    assert words in done.stderr


def test_one_word_that_is_no_file_asks_for_the_hardware():
    done = subprocess.run([COMMAND, "eval", "Llama3_8B"], capture_output=True, text=True)
    assert done.returncode == 2
    assert "HARDWARE is missing" in done.stderr
    done = subprocess.run([COMMAND, "eval", "Llama3_8B", "H100", "--walls"], capture_output=True, text=True)
    assert "--walls is for a scenario" in done.stderr
