"""`mlsysim validate`, run as a user runs it."""

from __future__ import annotations

import csv
import io
import json

import pytest

from tests.cli.calls import call

BENCH = (
    "model,system,engine,precision,tensor_parallel,input_tokens,output_tokens,concurrency,ttft_ms,tpot_ms\n"
    "8B,h200_sxm,vllm,fp8,1,512,256,8,60,6.5\n"
    "8B,h100_sxm,vllm,fp8,1,512,256,8,60,7.5\n"
)


@pytest.fixture
def bench(tmp_path):
    path = tmp_path / "bench.csv"
    path.write_text(BENCH, "utf-8")
    return str(path)


def run(*arguments):
    return call("validate", *arguments)


def test_a_file_of_ones_own_as_text(bench):
    done = run(bench, "--by", "hardware")
    assert done.returncode == 0
    assert "h200_sxm" in done.stdout
    assert "Furthest off" in done.stdout


def test_for_programs(bench):
    answer = json.loads(run(bench, "--output", "json").stdout)
    assert answer["domains"]["serving"]["records"] == 2
    assert answer["sources"]["bench.csv"]["answered"] == 2
    assert {row["metric"] for row in answer["records"]} == {"ttft", "tpot"}


def test_two_files_at_another_level(bench, tmp_path):
    other = tmp_path / "other.csv"
    other.write_text(BENCH, "utf-8")
    light = json.loads(run(bench, str(other), "--level", "speed of light", "-o", "json").stdout)
    assert light["level"] == "speed of light"
    assert light["all"]["records"] == 4
    assert all(row["error_pct"] < 0 for row in light["records"] if row["metric"] == "tpot")


def test_for_spreadsheets_and_pages(bench):
    rows = list(csv.DictReader(io.StringIO(run(bench, "-o", "csv").stdout)))
    assert [row["metric"] for row in rows] == ["ttft", "tpot"] * 2
    assert run(bench, "-o", "markdown").stdout.splitlines()[1].startswith("|:---")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--by", "hardwar"), "unknown grouping 'hardwar'; did you mean 'hardware'"),
        (("--level", "fited"), "unknown level 'fited'; did you mean 'fitted'"),
        (("nowhere.csv",), "nowhere.csv cannot be read"),
        (("-o", "xml"), "xml"),
    ],
)
def test_bad_questions(arguments, said):
    done = run(*arguments)
    assert done.returncode == 2
    assert said in done.stderr
