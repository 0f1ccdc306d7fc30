"""What measures a device, with NumPy in its place: shapes, clocks, records that validate, errors by hand."""

from __future__ import annotations

import json

import numpy as np
import pytest

from benchmarks import measure_gpu
from benchmarks.measure_gpu import compared, kernels, predicted, records, seconds
from mlsysim import Hardware, Models, validate
from mlsysim.validation.records import load


class NumPy:
    """The processor of this machine, in float32."""

    name, precision = "NumPy", "fp32"

    def __init__(self):
        self.made, self.waits = [], 0

    def wait(self):
        self.waits += 1

    def matmul(self, m, n, k):
        left, right, out = np.ones((m, k), "f"), np.ones((k, n), "f"), np.empty((m, n), "f")
        self.made.append(("matmul", m, n, k))
        return lambda: np.matmul(left, right, out=out), 1

    def copy(self, size):
        source, target = np.ones(size, "u1"), np.empty(size, "u1")
        self.made.append(("copy", size))
        return lambda: np.copyto(target, source), 1

    def forward(self, shape, batch, tokens, context):
        up, down = np.ones((shape.hidden, shape.intermediate), "f"), np.ones((shape.intermediate, shape.hidden), "f")
        x = np.ones((batch * tokens, shape.hidden), "f")
        self.made.append(("forward", batch, tokens, context))
        return lambda: x @ up @ down, 1


class Clock:
    """A clock that a run of so many seconds moves on."""

    def __init__(self, each):
        self.now, self.each = 0.0, each

    def __call__(self):
        return self.now

    def run(self):
        self.now += self.each


@pytest.fixture(autouse=True)
def _short(monkeypatch):
    monkeypatch.setattr(measure_gpu, "LEAST_SECONDS", 1e-4)


@pytest.mark.parametrize("each", [3e-7, 2e-3, 0.5])
def test_the_time_of_a_run_is_that_of_one(each):
    clock, backend = Clock(each), NumPy()
    assert seconds(backend, (clock.run, 1), clock) == pytest.approx(each, rel=1e-6)
    assert seconds(backend, (clock.run, 32), clock) == pytest.approx(each / 32, rel=1e-6)
    assert backend.waits > measure_gpu.REPEATS


def test_each_kernel_is_made_once_and_timed():
    backend = NumPy()
    rows = kernels(backend, [(4, 8, 16)], [4096])
    assert backend.made == [("matmul", 4, 8, 16), ("copy", 4096)]
    assert [(row["kind"], row["seconds"] > 0) for row in rows] == [("gemm", True), ("copy", True)]
    assert (rows[0]["precision"], rows[0]["m"], rows[0]["n"], rows[0]["k"]) == ("fp32", 4, 8, 16)


def test_the_records_validate(tmp_path):
    backend = NumPy()
    found = records(backend, "H100", batches=(1, 2), prompt=8, answer=4)
    assert backend.made == [
        ("forward", batch, tokens, context) for batch in (1, 2) for tokens, context in ((8, 8), (1, 10))
    ]
    file = tmp_path / "mine.json"
    file.write_text(json.dumps({"records": found, "kernels": []}))
    report = validate(load(file))
    assert report.total.answered == report.total.records == 2
    assert all(one.metric == "decode_speed" and one.low < one.high for one in report.comparisons)


def test_the_rate_counts_the_prompt_and_the_steps(monkeypatch):
    """By hand: 2 sequences of 4 tokens in 0.7 s for the prompts and 3 steps of 0.1 s."""
    times = iter([0.7, 0.1])
    monkeypatch.setattr(measure_gpu, "seconds", lambda *_: next(times))
    (record,) = records(NumPy(), "H100", batches=(2,), prompt=8, answer=4)
    assert record["measured"]["decode_speed"]["value"] == pytest.approx(8.0)


def test_a_prediction_by_hand():
    """A large product runs at the fitted part of the peak; a large copy at that of the bandwidth, both ways."""
    device, fit = Hardware.H100, Hardware.H100.kernels.gemm["bf16"]
    product = {"kind": "gemm", "precision": "bf16", "m": 16384, "n": 16384, "k": 16384}
    peak = device.plain.peaks["bf16"] * fit.efficiency
    assert predicted(product, device) == pytest.approx(2 * 16384**3 / peak + fit.floor, rel=1e-9)
    copied = {"kind": "copy", "bytes": 2**30}
    bandwidth = device.plain.bandwidth * fit.memory_efficiency
    assert predicted(copied, device) == pytest.approx(2 * 2**30 / bandwidth + fit.floor, rel=1e-9)


@pytest.mark.parametrize(("size", "sets"), [(1, 32), (2**26, 8), (2**30, 1)])
def test_operands_outgrow_the_caches(size, sets):
    assert measure_gpu._sets(size) == sets


def test_the_error_is_signed():
    row = {"kind": "copy", "bytes": 2**30}
    ours = predicted(row, Hardware.H100)
    (told,) = compared([row | {"seconds": 2 * ours}], Hardware.H100)
    assert told[-1] == "-50.0"


def test_the_model_is_one_that_the_package_has():
    assert Models[measure_gpu.MODEL].intermediate == 4 * Models[measure_gpu.MODEL].hidden
