"""An audit: measurements that are plausible, a record that can be read again, predictions that follow from it."""

import json

import jsonschema
import pytest
import yaml

from mlsysim import Engine, Hardware, Models
from mlsysim.audit import Audit, audit
from mlsysim.audit.machine import LEAST_ARRAY, Team, array_size, disk, machine, product_rate, stream_bandwidth
from mlsysim.audit.perceptron import CASES, Case, Perceptron, measured
from mlsysim.audit.report import reported
from mlsysim.errors import InputError, InputTypeError
from tests.cli.calls import call

VALUES = {
    "machine": "Box",
    "measured_on": "2026-01-02",
    "cores": 4,
    "blas": "openblas 0.3",
    "threads": 4,
    "peak_fp32": 200e9,
    "peak_fp64": 100e9,
    "bandwidth": 20e9,
    "bandwidth_one_thread": 12e9,
    "bandwidth_threads": 4,
    "array": 2**27,
    "cache": 2**25,
    "memory": 2**34,
    "disk_write": 300e6,
    "disk_read": 1e9,
    "disk_capacity": 10**12,
    "notes": (),
}
TIMES = dict.fromkeys(CASES, 0.1)
BOX = reported(VALUES, TIMES)


@pytest.fixture(scope="module")
def real(tmp_path_factory):
    return audit(tmp_path_factory.mktemp("disk"), quick=True)


def test_what_is_measured_is_plausible(real):
    plain = real.plain
    for name in ("peak_fp32", "peak_fp64", "bandwidth", "bandwidth_one_thread", "memory", "disk_write", "disk_read"):
        assert plain[name] > 0
    assert plain["bandwidth"] >= plain["bandwidth_one_thread"]
    assert plain["memory"] == machine().memory
    assert [row["measured"] > 0 for row in plain["predictions"]] == [True] * len(CASES)
    assert max(abs(row["error"]) for row in plain["predictions"]) == abs(plain["largest_error"])


def test_the_node_of_this_machine_answers_questions(real):
    profile = Engine.solve(Models.ResNet50, real.node, precision="fp32")
    assert profile.feasible
    assert profile.plain["latency_compute"] == pytest.approx(profile.plain["flops"] / real.plain["peak_fp32"])


def test_a_product_is_predicted_at_the_measured_peak_and_a_stream_at_the_measured_bandwidth():
    options = {"fidelity": "operator", "calibration": "none"}
    profile = Engine.solve(Perceptron(name="one", width=4096, layers=1), BOX.node, 4096, "fp32", **options)
    rows = {row["name"]: row["time"] for row in profile.plain["operators"]}
    assert rows["product"] == pytest.approx(2 * 4096**3 / VALUES["peak_fp32"], rel=1e-12)
    assert rows["rectifier"] == pytest.approx(2 * 4096**2 * 4 / VALUES["bandwidth"], rel=1e-12)


def test_errors_are_prediction_over_measurement():
    row = BOX.plain["predictions"][0]
    weights = 4 * (4096**2 + 4096) * 4 + 4 * 6 * 4096 * 4
    assert row["operators"] == pytest.approx(weights / 20e9, rel=1e-12)
    assert row["error"] == pytest.approx(weights / 20e9 / 0.1 - 1, rel=1e-12)
    assert row["bottleneck"] == "Memory"
    assert BOX.plain["predictions"][2]["bottleneck"] == "Compute"


def test_the_record_is_read_again(tmp_path):
    path = tmp_path / "box.yaml"
    path.write_text(BOX.to_yaml("Box"))
    mine = Hardware.load(path)["Box"]
    assert mine == BOX.node
    assert mine.source("memory.bandwidth").figure.date == "2026-01-02"
    assert "4 threads" in mine.source("compute.precision_flops.fp32").figure.condition
    schema = json.loads(call("schema", "hardware").stdout)
    jsonschema.validate(yaml.safe_load(BOX.to_yaml()), schema)


def test_an_audit_shows_itself_in_every_form():
    for text in (str(BOX), BOX.to_markdown(), BOX._repr_html_()):
        assert "small products" in text
        assert "openblas 0.3" in text
    assert "P·T" in str(BOX.explain())
    jsonschema.validate(json.loads(BOX.to_json()), Audit.json_schema())


def test_the_command_writes_a_record_that_other_commands_read(tmp_path):
    path = tmp_path / "mine.yaml"
    done = call("audit", "--quick", "--folder", str(tmp_path), "--to", str(path), "-o", "json")
    assert done.returncode == 0, done.stderr
    jsonschema.validate(json.loads(done.stdout), json.loads(call("schema", "audit").stdout))
    assert call("eval", "ResNet50", str(path), "-p", "fp32").returncode == 0
    assert [one.name for one in tmp_path.iterdir()] == ["mine.yaml"]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--to", "x.txt"), ".yaml"),
        (("--folder", "/nowhere"), "/nowhere"),
    ],
)
def test_bad_options_end_with_2(options, words):
    done = call("audit", *options)
    assert done.returncode == 2
    assert words in done.stderr


def test_bad_arguments_are_refused(tmp_path):
    with pytest.raises(InputTypeError, match="quick"):
        audit(tmp_path, quick="yes")
    with pytest.raises(InputError, match="MB free"):
        disk(tmp_path, 2**60)


def test_arrays_are_four_caches_and_a_small_part_of_the_memory():
    assert array_size(2**30, 2**40) == 4 * 2**30
    assert array_size(2**20, 2**40) == LEAST_ARRAY
    assert array_size(None, 2**30) == 2**26


def test_a_team_shares_a_pass():
    with Team(3) as team:
        assert team.parts(2) == [slice(0, 1), slice(1, 2)]
        seen = []
        team.run(seen.append, team.parts(10))
    assert sorted((part.start, part.stop) for part in seen) == [(0, 3), (3, 6), (6, 10)]


def test_the_parts_measure_something():
    assert stream_bandwidth(2**20, 2, 1) > 0
    rate, side = product_rate("fp64", 1, patience=0)
    assert rate > 0
    assert side == 1024
    assert measured(Case(3, 16, 2, "tiny"), 2, 1) > 0


def test_the_work_counts_what_numpy_moves():
    work = Perceptron(name="w", width=8, layers=3)
    demand, rows = work.demand(5, "fp32"), work.lower(5, "fp32")
    assert demand.flops == 3 * 2 * 5 * 8 * 8
    assert demand.weights == rows.total("weights") == 3 * (64 + 8) * 4
    assert demand.activations == rows.total("inputs") + rows.total("outputs") == 3 * 3 * 2 * 5 * 8 * 4
