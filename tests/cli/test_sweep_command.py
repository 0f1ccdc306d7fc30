"""`mlsysim sweep`: values, filters, orders, files."""

import csv
import io

import pandas
import pytest

from mlsysim import Engine, Hardware, Models, ServingModel, sweep
from mlsysim.cli.options import numbers_of
from tests.cli.calls import asked, call

ASKED = ("sweep", "Llama3_8B", "A100,H100", "--batch-size", "1:64:4x", "--precision", "fp16,int8")
SWEEP = Engine.sweep(Models.Llama3_8B, [Hardware.A100, Hardware.H100], [1, 4, 16, 64], ["fp16", "int8"])


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("8", [8]),
        ("1,8,64", [1, 8, 64]),
        ("2:5", [2, 3, 4, 5]),
        ("0:100:50", [0, 50, 100]),
        ("1:1024:2x", [2**power for power in range(11)]),
        ("3:100:5x", [3, 15, 75]),
        ("1:3, 8", [1, 2, 3, 8]),
    ],
)
def test_values_are_lists_ranges_and_series(text, values):
    assert numbers_of("--batch-size", text) == values


@pytest.mark.parametrize("text", ["", "a", "1.5", "5:1", "1:8:0", "1:8:1x", "0:8:2x", "1:2:3:4", "1:8x", "x", ":"])
def test_values_that_cannot_be_read_end_with_2(text):
    done = call("sweep", "ResNet50", "H100", "--batch-size", text)
    assert done.returncode == 2
    assert "--batch-size must" in done.stderr


def test_rows_are_those_of_the_sweep():
    answer = asked(*ASKED)
    assert (answer["asked"], answer["left"]) == (16, 16)
    assert [row["latency"] for row in answer["rows"]] == SWEEP.column("latency").tolist()
    assert answer["units"]["latency"] == "s"


def test_filters_keep_what_meets_them_and_the_best_comes_first():
    answer = asked(*ASKED, "--where", "latency < 6 ms and feasible", "--best", "throughput", "--top", "3")
    kept = SWEEP.where("latency < 6 ms and feasible")
    assert answer["left"] == len(kept)
    rates = [row["throughput"] for row in answer["rows"]]
    assert rates == sorted(kept.column("throughput").tolist(), reverse=True)[:3]


def test_a_front_is_that_of_the_sweep():
    answer = asked(*ASKED, "--pareto", "latency,throughput")
    assert answer["left"] == len(SWEEP.pareto("latency", "throughput"))


def test_text_shows_what_varies_and_how_many_are_left(monkeypatch):
    monkeypatch.setenv("COLUMNS", "120")
    out = call(*ASKED, "--best", "latency", "--top", "2").stdout
    assert out.splitlines()[0].split()[:3] == ["Device", "Precision", "Batch"]
    assert "16 of 16 rows are left, of which 2 are shown" in out


def test_rows_can_be_written_to_a_file(tmp_path):
    path = tmp_path / "rows.csv"
    done = call(*ASKED, "--where", "feasible", "--to", str(path))
    assert done.stdout == f"16 of 16 rows in {path}\n"
    assert pandas.read_csv(path)["latency"].tolist() == pytest.approx(SWEEP.column("latency").tolist(), rel=1e-12)
    printed = list(csv.DictReader(io.StringIO(call(*ASKED, "-o", "csv").stdout)))
    assert [float(row["latency"]) for row in printed] == SWEEP.column("latency").tolist()


def test_a_group_stands_for_its_devices_and_who_cannot_compute_is_named():
    done = call("sweep", "ResNet50", "Cloud", "--top", "1")
    assert done.returncode == 0
    assert "left out of Cloud, for want of fp16: Google TPU v1" in done.stderr
    assert f"{len(Hardware.Cloud) - 1} of {len(Hardware.Cloud) - 1} rows" in done.stdout


def test_where_nothing_is_left_it_ends_with_3():
    for form in ("text", "json", "csv", "markdown"):
        assert call(*ASKED, "--where", "latency < 1 ns", "--best", "latency", "-o", form).returncode == 3


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--where", "latencie < 1 s"), "did you mean 'latency'"),
        (("--where", "latency < 1"), "needs a unit"),
        (("--best", "bottleneck"), "has no order"),
        (("--pareto", "latency"), "two figures or more"),
        (("--to", "rows.xls"), ".parquet"),
        (("--to", "/nowhere/rows.csv"), "cannot be written"),
        (("--precision", "fp17"), "unknown precision"),
    ],
)
def test_bad_options_end_with_2_and_one_line(options, words):
    done = call("sweep", "ResNet50", "H100", *options)
    assert done.returncode == 2
    assert words in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_serving_and_training_sweep_too_over_any_further_input():
    answer = asked(
        *("sweep", "Llama3_70B", "H100,H200", "--ask", "serve", "-b", "1:16:4x", "-p", "fp8", "-f", "operator"),
        *("--set", "tensor_parallel=4,8", "--set", "output_tokens=512", "--where", "feasible and tpot < 30 ms"),
        *("--best", "maximize: batch_size"),
    )
    assert answer["solver"] == "ServingModel"
    assert answer["asked"] == 2 * 2 * 3
    found = sweep(
        ServingModel(),
        model=Models.Llama3_70B,
        hardware=[Hardware.H100, Hardware.H200],
        tensor_parallel=[4, 8],
        precision="fp8",
        batch_size=[1, 4, 16],
        output_tokens=512,
        fidelity="operator",
    ).where("feasible and tpot < 30 ms")
    assert answer["left"] == len(found)
    assert sorted(row["itl"] for row in answer["rows"]) == sorted(found.column("itl").tolist())
    assert answer["rows"][0]["batch_size"] == 16
    trained = asked("sweep", "GPT2", "A100", "--ask", "train", "-p", "bf16", "--set", "recompute=none,full")
    assert [row["recompute"] for row in trained["rows"]] == ["none", "full"]


def test_more_rows_than_memory_holds_go_to_a_folder_and_a_stopped_run_goes_on(tmp_path):
    folder = tmp_path / "rows"
    ask = ("sweep", "Llama3_8B", "A100,H100", "-b", "1:1000", "--where", "feasible", "--to", str(folder))
    done = call(*ask, "--figures", "latency,throughput")
    kept = Engine.sweep(Models.Llama3_8B, [Hardware.A100, Hardware.H100], range(1, 1001)).where("feasible")
    assert done.stdout == f"Stream({len(kept):,} rows of 2,000 configurations in 1 files of {folder})\n"
    frame = pandas.read_parquet(folder)
    assert frame["latency"].tolist() == kept.column("latency").tolist()
    assert call(*ask, "--figures", "latency,throughput").stdout == done.stdout
    refused = call(*ask, "--figures", "latency")
    assert refused.returncode == 2
    assert "has another sweep" in refused.stderr
    assert call(*ask[:-1], str(tmp_path / "none"), "--where", "latency < 1 ns").returncode == 3


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--ask", "serv"), "did you mean 'serve'"),
        (("--set", "tensor_paralel=2"), "did you mean 'tensor_parallel'"),
        (("--set", "tensor_parallel"), "--set must read NAME=VALUES"),
        (("--set", "offload=maybe"), "offload must be True or False"),
        (("--figures", "latency"), "--figures needs --to FOLDER"),
        (("--workers", "2", "--to", "rows.csv"), "--workers needs --to FOLDER; got --to rows.csv"),
        (("--to", "/proc/nowhere", "--figures", "latency"), "cannot be written"),
    ],
)
def test_bad_further_options_end_with_2_and_one_line(options, words):
    done = call("sweep", "ResNet50", "H100", *options)
    assert done.returncode == 2
    assert words in done.stderr
    assert len(done.stderr.splitlines()) == 1
