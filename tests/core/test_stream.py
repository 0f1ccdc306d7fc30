"""Sweeps on disk: every configuration once, whatever runs them and whatever stops them."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from multiprocessing import get_context

import numpy as np
import pandas
import pytest

from mlsysim import Hardware, Infra, Models, ServingModel, SingleNodeModel, SustainabilityModel, Systems, stream, sweep
from mlsysim.core import stream as module
from mlsysim.errors import InputError, InputTypeError, UnknownName

pytest.importorskip("pyarrow")

INPUTS = {
    "model": [Models.Llama3_8B, Models.ResNet50],
    "hardware": [Hardware.A100, Hardware.H100],
    "precision": ["fp16", "int8"],
    "batch_size": range(1, 251),
}
SIZE = 2000


def same(found, inputs=INPUTS, figures=("latency", "throughput", "bottleneck", "feasible"), where=None):
    """Whether the files have, once and in order, the rows of a sweep in memory."""
    whole = sweep(SingleNodeModel(), **inputs)
    frame, kept = found.to_frame(), whole.where(where) if where else whole
    assert [*frame.columns] == [*inputs, *figures]
    assert len(frame) == len(kept) == found.rows
    for name in frame.columns:
        assert frame[name].tolist() == kept.column(name).tolist(), name


@pytest.mark.parametrize("block_size", [1, 7, 250, 600, 10**6])
def test_the_files_have_the_rows_of_a_sweep(tmp_path, block_size):
    inputs = INPUTS | {"batch_size": range(1, 12)}
    figures = ("latency", "throughput", "bottleneck", "feasible")
    found = stream(SingleNodeModel(), tmp_path / "new", inputs, figures=figures, block_size=block_size)
    same(found, inputs)
    assert f"88 rows of 88 configurations in {len(found.files)} files" in repr(found)


@pytest.mark.parametrize("kind", ["threads", "processes"])
def test_any_executor_writes_the_same(tmp_path, kind):
    workers = ThreadPoolExecutor(2) if kind == "threads" else ProcessPoolExecutor(2, mp_context=get_context("spawn"))
    with workers:
        found = stream(
            SingleNodeModel(), tmp_path, INPUTS, figures=["latency", "feasible"], block_size=300, executor=workers
        )
    same(found, figures=("latency", "feasible"))


def test_rows_that_meet_no_claim_are_not_written_and_all_figures_are_there_by_default(tmp_path):
    claim = "latency < 5 ms and feasible"
    found = stream(SingleNodeModel(), tmp_path / "few", INPUTS, figures=["throughput"], where=claim, block_size=100)
    same(found, figures=("throughput",), where=claim)
    assert 0 < found.rows < SIZE
    everything = stream(SingleNodeModel(), tmp_path / "all", INPUTS).to_frame(["energy", "mfu"])
    assert everything.shape == (SIZE, 2)


def test_a_solver_without_arrays_streams_too(tmp_path):
    inputs = {"fleet": Systems.Clusters.Research_256, "grid": [Infra.Quebec, Infra.Poland], "duration_days": [1.0, 2.5]}
    frame = stream(SustainabilityModel(), tmp_path, inputs, figures=["carbon_footprint_kg"], block_size=3).to_frame()
    alone = [SustainabilityModel().solve(**row.inputs).plain for row in sweep(SustainabilityModel(), **inputs)]
    assert frame["carbon_footprint_kg"].tolist() == [one["carbon_footprint_kg"] for one in alone]
    assert frame["duration_days"].tolist() == [1.0, 2.5, 1.0, 2.5]


class Stopped(Exception):
    pass


def test_a_stopped_run_goes_on_and_does_nothing_twice(tmp_path, monkeypatch):
    written, write = [], module.Block.write

    def once(block):
        if len(written) == 5:
            raise Stopped
        written.append(block.path)
        return write(block)

    monkeypatch.setattr(module.Block, "write", once)
    ask = {"figures": ["latency"], "block_size": 200}
    with pytest.raises(Stopped):
        stream(SingleNodeModel(), tmp_path, INPUTS, **ask)
    assert len([*tmp_path.glob("part-*.parquet")]) == 5
    before = {file: file.stat().st_mtime_ns for file in tmp_path.glob("part-*.parquet")}
    monkeypatch.setattr(module.Block, "write", lambda block: written.append(block.path) or write(block))
    found = stream(SingleNodeModel(), tmp_path, INPUTS, **ask)
    same(found, figures=("latency",))
    assert len(written) == len(set(written)) == len(found.files) == 16
    assert all(file.stat().st_mtime_ns == at for file, at in before.items())


def test_a_block_that_was_cut_short_leaves_no_file_that_is_read(tmp_path, monkeypatch):
    def cut(*args, **kwargs):
        with open(args[1], "wb") as file:
            file.write(b"PAR1 half")
        raise OSError("no space left on device")

    monkeypatch.setattr("pyarrow.parquet.write_table", cut)
    with pytest.raises(OSError, match="no space"):
        stream(SingleNodeModel(), tmp_path, INPUTS, figures=["latency"])
    monkeypatch.undo()
    assert [file.name[:6] for file in tmp_path.iterdir() if file.suffix != ".json"] == [".part-"]
    same(stream(SingleNodeModel(), tmp_path, INPUTS, figures=["latency"]), figures=("latency",))
    assert not [*tmp_path.glob(".part-*")]
    assert len(pandas.read_parquet(tmp_path)) == SIZE


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"inputs": INPUTS | {"precision": ["fp16", "fp8"]}}, "its inputs is"),
        ({"inputs": INPUTS | {"batch_size": range(2, 252)}}, "its inputs is"),
        ({"figures": ["mfu"]}, r"its figures is \['latency'\], and \['mfu'\] is asked"),
        ({"where": "feasible"}, "its where is"),
        ({"block_size": 100}, "its block_size is"),
    ],
)
def test_a_folder_holds_one_sweep(tmp_path, changes, message):
    asked = {"inputs": INPUTS, "figures": ["latency"], "block_size": 1000}
    stream(SingleNodeModel(), tmp_path, **asked)
    with pytest.raises(InputError, match=message):
        stream(SingleNodeModel(), tmp_path, **asked | changes)


def test_a_folder_with_other_files_is_left_alone(tmp_path):
    (tmp_path / "thesis.tex").write_text("chapter")
    with pytest.raises(InputError, match="folder must be empty"):
        stream(SingleNodeModel(), tmp_path, INPUTS)
    assert [file.name for file in tmp_path.iterdir()] == ["thesis.tex"]


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"figures": ["latancy"]}, UnknownName, "did you mean 'latency'"),
        ({"figures": "latency"}, InputTypeError, "figures must be a list of names"),
        ({"where": "latancy < 3 s"}, UnknownName, "did you mean 'latency'"),
        ({"where": "latency <"}, InputError, "must read 'name sign value'"),
        ({"block_size": 0}, InputError, "block_size must be a whole number"),
        ({"executor": 2}, InputTypeError, "executor must be a concurrent.futures.Executor"),
        ({"inputs": INPUTS | {"bach_size": 3}}, UnknownName, "did you mean 'batch_size'"),
        ({"inputs": INPUTS | {"batch_size": [0, 1]}}, InputError, "batch_size must be a whole number"),
        ({"executor": ThreadPoolExecutor(1), "scheduler": "tcp://host:1"}, InputError, "not both"),
    ],
)
def test_bad_input_is_refused(tmp_path, changes, error, message):
    asked = {"inputs": INPUTS, "figures": ["latency"], "where": None} | changes
    with pytest.raises(error, match=message):
        stream(SingleNodeModel(), tmp_path, **asked)


def test_without_the_optional_parts_it_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(ImportError, match=r"pip install 'mlsysim\[frames\]'"):
        stream(SingleNodeModel(), tmp_path, INPUTS)


@pytest.mark.skipif(sys.platform == "win32", reason="kills a process by a signal")
@pytest.mark.filterwarnings("default")
def test_on_a_cluster_whose_worker_dies_nothing_is_lost_and_nothing_comes_twice(tmp_path):
    distributed = pytest.importorskip("distributed")
    inputs = {
        "model": Models.Llama3_70B,
        "hardware": [Hardware.H100, Hardware.H200],
        "seq_len": [512, 1024],
        "batch_size": range(1, 41),
        "tensor_parallel": [4, 8],
    }
    fixed = {"fidelity": "operator", "precision": "fp8"}
    killed = []

    def kill_one(cluster):
        while not killed:
            if len([*tmp_path.glob("part-*.parquet")]) >= 3:
                worker = next(iter(cluster.workers.values()))
                os.kill(worker.pid, signal.SIGKILL)
                killed.append(worker.pid)
            time.sleep(0.005)

    with distributed.LocalCluster(n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None) as cluster:
        killer = threading.Thread(target=kill_one, args=(cluster,), daemon=True)
        killer.start()
        found = stream(
            ServingModel(),
            tmp_path,
            inputs | fixed,
            figures=["itl", "feasible"],
            block_size=8,
            scheduler=cluster.scheduler_address,
        )
        killer.join(timeout=30)
    assert killed
    assert len(found.files) == 40
    frame, whole = found.to_frame(), sweep(ServingModel(), **inputs, **fixed)
    assert np.array_equal(frame["itl"], whole.column("itl"))
    for name in ("hardware", "seq_len", "batch_size", "tensor_parallel"):
        assert frame[name].tolist() == whole.column(name).tolist()
