"""`mlsysim sweep`: values, filters, orders, files."""

import csv
import io

import pandas
import pytest

from mlsysim import DistributedModel, Engine, Hardware, Models, ServingModel, Systems, sweep
from mlsysim.cli.axes import numbers_of
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
    assert "batch_size must" in done.stderr


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


def test_serving_and_training_sweep_alike():
    served = ("--ask", "serve", "-f", "operator", "-t", "4,8", "-b", "1:64:8x", "--set", "output_tokens=512")
    answer = asked("sweep", "Llama3_70B", "H200", *served, "--best", "tpot")
    expected = sweep(
        ServingModel(),
        model=[Models.Llama3_70B],
        hardware=[Hardware.H200],
        tensor_parallel=[4, 8],
        fidelity=["operator"],
        output_tokens=[512],
        batch_size=[1, 8, 64],
    )
    assert [row["tpot"] for row in answer["rows"]] == sorted(expected.column("tpot").tolist())
    split = ("--set", "tp_size=4,8", "--set", "pp_size=2,4", "--set", "overlap_comm=true")
    trained = asked("sweep", "Llama3_70B", "--ask", "train", "--fleet", "Research_256", "-b", "256", *split)
    assert trained["solver"] == "DistributedModel"
    for row in trained["rows"]:
        split = {"tp_size": row["tp_size"], "pp_size": row["pp_size"]}
        step = DistributedModel().solve(Models.Llama3_70B, Systems.Clusters.Research_256, 256, **split)
        assert row["step_latency_total"] == step.plain["step_latency_total"]


def test_a_folder_is_written_block_by_block_and_resumed(tmp_path):
    to = ("--where", "feasible", "--to", str(tmp_path / "rows"))
    first = call(*ASKED, *to)
    assert first.stdout == f"16 of 16 rows in 1 files of {tmp_path / 'rows'}\n"
    assert call(*ASKED, *to).stdout == first.stdout
    assert pandas.read_parquet(tmp_path / "rows")["latency"].tolist() == SWEEP.column("latency").tolist()
    assert call(*ASKED, "--figures", "mfu,energy", "--to", str(tmp_path / "few")).returncode == 0
    assert [*pandas.read_parquet(tmp_path / "few")][-2:] == ["mfu", "energy"]
    assert call(*ASKED[:3], *to).returncode == 2
    none = call(*ASKED, "--where", "latency < 1 ns", "--to", str(tmp_path / "none"))
    assert (none.returncode, none.stdout.split()[0]) == (3, "0")


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
        (("--to", "folder", "--best", "latency"), "need a file"),
        (("--workers", "2"), "--to FOLDER"),
        (("--figures", "latency"), "--to FOLDER"),
        (("--fleet", "Research_256"), "--ask train"),
        (("--ask", "trian"), "did you mean 'train'"),
        (("--set", "tp=3"), "unknown input of SingleNodeModel 'tp'"),
        (("--set", "tp"), "NAME=VALUES"),
        (("--set", "offload=yes"), "Allowed: true, false"),
        (("--set", "hardware=H100"), "cannot be set"),
        (("--to", "/nowhere/rows.csv"), "cannot be written"),
        (("--precision", "fp17"), "unknown precision"),
    ],
)
def test_bad_options_end_with_2_and_one_line(options, words):
    done = call("sweep", "ResNet50", "H100", *options)
    assert done.returncode == 2
    assert words in done.stderr
    assert len(done.stderr.splitlines()) == 1
