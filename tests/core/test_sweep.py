"""Sweeps: each row is what the solver says of it, and nothing that is asked of them is answered by luck."""

from __future__ import annotations

import numpy as np
import pytest

from mlsysim import (
    Q_,
    DistributedModel,
    EconomicsModel,
    Engine,
    Hardware,
    Infra,
    Models,
    ServingModel,
    SingleNodeModel,
    SustainabilityModel,
    Systems,
    TrainingModel,
    sweep,
)
from mlsysim.core.columns import columns_of
from mlsysim.core.solver.base import Solver
from mlsysim.core.space import Space
from mlsysim.core.sweep import Sweep, front
from mlsysim.errors import InputError, InputTypeError, UnknownName

FIGURES = SingleNodeModel.varying
DEVICES = [Hardware.H100, Hardware.A100, Hardware.nRF52840, Hardware.Coral]
GRID = Engine.sweep(
    [Models.Llama3_8B, Models.Mixtral_8x7B],
    DEVICES[:2],
    batch_sizes=[1, 7, 300, 4096],
    precisions=["fp16", "fp8"],
    seq_lens=[128, 3000],
    phase="decode",
)


def same(found):
    for at, row in enumerate(found):
        for name in FIGURES:
            value, alone = found.column(name)[at], row["profile"].plain[name]
            assert np.isnan(value) if alone is None else value == alone, (row, name)


def test_every_row_is_exactly_what_the_solver_says():
    assert len(GRID) == 2 * 2 * 2 * 2 * 4
    same(GRID)


@pytest.mark.parametrize("model", ["ResNet50", "DS_CNN", "ViT_B16", "DLRM_DCNv2", "Mamba_2_8B", "BERT_Base"])
def test_so_it_is_for_every_kind_of_model_and_device(model):
    same(Engine.sweep(Models[model], DEVICES, batch_sizes=[1, 64], precisions=["int8"]))


@pytest.mark.parametrize("calibration", ["none", "datasheet", "fitted"])
def test_kernel_by_kernel_the_array_is_the_scalar(calibration):
    found = Engine.sweep(
        Models.Llama3_8B,
        DEVICES[:2],
        [1, 9, 700],
        ["bf16", "fp8"],
        seq_lens=[64, 2000],
        fidelity="operator",
        calibration=calibration,
        tensor_parallel=4,
    )
    for at, row in enumerate(found):
        for name in ("latency", "mfu", "energy", "memory_footprint"):
            assert found.columns[name][at] == pytest.approx(row["profile"].plain[name], rel=1e-13)
        assert found.column("bottleneck")[at] == row["profile"].bottleneck


def test_a_profile_is_made_when_touched_and_kept():
    row = GRID[3]
    assert "result" not in vars(row)
    assert row["profile"] is row.result is vars(row)["result"]


def test_rows_that_meet_claims():
    quick = GRID.where("latency < 30 ms and feasible")
    assert 0 < len(quick) < len(GRID)
    assert (quick.column("latency") < 0.030).all()
    assert quick.column("feasible").all()
    rest = GRID.where("latency >= 30 ms")
    assert len(GRID.where("latency < 0.03 s")) + len(rest) == len(GRID)
    assert set(GRID.where("hardware == 'NVIDIA H100 SXM5 80GB'").column("hardware")) == {"NVIDIA H100 SXM5 80GB"}
    assert len(GRID.where("batch_size > 4096")) == 0


def test_the_best_row_of_a_figure():
    assert GRID.best("latency")["profile"].plain["latency"] == GRID.column("latency").min()
    assert GRID.best("throughput")["profile"].plain["throughput"] == GRID.column("throughput").max()
    with pytest.raises(InputError, match="no row is left"):
        GRID.where("batch_size > 4096").best("latency")


def test_the_pareto_front_is_what_brute_force_finds():
    front = GRID.pareto("latency", "throughput")
    values = np.column_stack([GRID.column("latency"), -GRID.column("throughput")])
    beaten = [any((other <= one).all() and (other < one).any() for other in values) for one in values]
    kept = {tuple(value) for value, lost in zip(values, beaten, strict=True) if not lost}
    assert {tuple(v) for v in np.column_stack([front.column("latency"), -front.column("throughput")])} == kept


def test_slices_frames_and_tables():
    part = GRID[2:6]
    assert isinstance(part, Sweep)
    assert part[0]["batch_size"] == GRID[2]["batch_size"]
    frame = GRID.to_frame()
    assert len(frame) == len(GRID)
    assert frame["latency"].tolist() == GRID.column("latency").tolist()
    assert "more rows" in str(GRID)
    assert "batch_size" in GRID[:3]._repr_html_()
    assert GRID[-1]["batch_size"] == 4096
    with pytest.raises(IndexError):
        GRID[len(GRID)]


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"hardware": []}, InputError, "hardware must have at least one value"),
        ({"hardware": "H100"}, InputTypeError, "hardware must be a sequence"),
        ({"hardware": ["H100"]}, InputTypeError, "write Hardware.H100"),
        ({"hardware": [Models.GPT2]}, InputTypeError, "hardware must be an entry of Hardware"),
        ({"batch_sizes": []}, InputError, "batch_sizes must have at least one value"),
        ({"batch_sizes": 8}, InputTypeError, "batch_sizes must be a sequence"),
        ({"batch_sizes": [1, 0]}, InputError, "batch_size must be a whole number of at least 1; got 0"),
        ({"batch_sizes": [1.5]}, InputTypeError, "batch_size must be a whole number"),
        ({"precisions": "fp16"}, InputTypeError, "precisions must be a sequence"),
        ({"precisions": ["fp15"]}, UnknownName, "did you mean 'fp16'"),
        ({"seq_lens": [10**6]}, InputError, "seq_len must be at most 8192"),
        ({"fidelity": "exact"}, UnknownName, "unknown fidelity 'exact'"),
        ({"phase": "encode"}, UnknownName, "unknown phase"),
        ({"efficiency": 2}, InputError, "efficiency must lie in"),
    ],
)
def test_bad_input_is_refused(changes, error, message):
    asked = {"model": Models.Llama3_8B, "hardware": DEVICES[:1]} | changes
    with pytest.raises(error, match=message):
        Engine.sweep(**asked)


@pytest.mark.parametrize(
    ("claim", "error", "message"),
    [
        ("latancy < 5 ms", UnknownName, "did you mean 'latency'"),
        ("latency < 5", InputError, "needs a unit"),
        ("latency < 5 GB", InputError, "limit in GB"),
        ("__import__('os')", InputError, "must read 'name sign value'"),
        (5, InputTypeError, "a claim must be text"),
    ],
)
def test_bad_claims_are_refused(claim, error, message):
    with pytest.raises(error, match=message):
        GRID.where(claim)


def test_figures_without_an_order_are_refused():
    with pytest.raises(InputError, match="bottleneck has no order"):
        GRID.best("bottleneck")
    with pytest.raises(UnknownName, match="did you mean 'latency'"):
        GRID.best("latensy")
    with pytest.raises(InputError, match="needs two figures"):
        GRID.pareto("latency")
    with pytest.raises(UnknownName, match="unknown column of a row 'profil'"):
        GRID[0]["profil"]


def test_every_input_may_be_an_axis():
    found = Engine.sweep(
        Models.Llama3_70B,
        Hardware.H100,
        [1, 8],
        efficiency=[0.3, None],
        tensor_parallel=[4, 8],
        fidelity="operator",
    )
    assert len(found) == 8
    for row in found:
        alone = SingleNodeModel().solve(
            Models.Llama3_70B,
            Hardware.H100,
            row["batch_size"],
            efficiency=row["efficiency"],
            tensor_parallel=row["tensor_parallel"],
            fidelity="operator",
        )
        assert row["profile"] == alone


@pytest.mark.parametrize(
    ("solver", "inputs", "figures"),
    [
        (
            ServingModel(),
            {
                "model": [Models.Llama3_8B, Models.Mixtral_8x7B],
                "hardware": Hardware.H100,
                "seq_len": [100, 9000 // 2],
                "batch_size": [1, 3, 40],
                "output_tokens": [None, 64],
                "prefill_chunk": [512, 8192],
            },
            ("ttft", "ttft_batch", "itl", "tpot", "throughput", "feasible", "decode_bottleneck", "kv_cache_size"),
        ),
        (
            TrainingModel(),
            {
                "model": Models.GPT2,
                "hardware": [Hardware.A100, Hardware.H100],
                "recompute": ["none", "full"],
                "batch_size": range(1, 6),
            },
            ("step_time", "mfu", "token_rate", "bottleneck", "feasible", "memory_footprint"),
        ),
        (
            EconomicsModel(),
            {
                "fleet": Systems.Clusters.Research_256,
                "grid": [Infra.Quebec, Infra.Poland],
                "duration_days": [1, Q_(1, "week"), 30.0],
                "utilization": [0.5, 1.0],
            },
            ("tco_usd", "opex_energy_usd", "carbon_footprint_kg", "cheaper"),
        ),
        (
            EconomicsModel(),
            {
                "fleet": [Systems.Clusters.Research_256, Systems.Clusters.TPUv4_Pod],
                "accelerator_price": Q_(20000, "dollar"),
                "utilization": [0.2, 1.0],
                "throughput": [1e5, 1e6],
                "kwh_price": [0.02, 0.3],
                "duration_days": [1, 365],
            },
            ("tco_usd", "cost_per_million_tokens_usd", "cloud_usd", "break_even_utilization", "cheaper"),
        ),
        (
            SustainabilityModel(),
            {
                "fleet": Systems.Clusters.Research_256,
                "grid": [Infra.Quebec, Infra.Poland],
                "wue": np.array([0.0, 1.5]),
                "duration_days": np.array([1.0, 30.0]),
            },
            ("carbon_footprint_kg", "total_carbon_kg", "water_usage_liters", "water_generation_liters"),
        ),
        (
            DistributedModel(),
            {
                "model": Models.Llama3_8B,
                "fleet": Systems.Clusters.Research_256,
                "batch_size": 256,
                "tp_size": [1, 8],
                "pp_size": [1, 2],
            },
            ("step_latency_total", "mfu", "feasible", "memory_footprint"),
        ),
    ],
    ids=["serving", "training", "cost", "costs by arrays", "carbon", "fleet"],
)
def test_any_solver_is_swept(solver, inputs, figures):
    found = sweep(solver, **inputs)
    for at, row in enumerate(found):
        alone = solver.solve(**row.inputs).plain
        for name in figures:
            value = found.column(name)[at]
            if alone[name] is None:
                assert value == "" or np.isnan(value), (row, name)
            elif isinstance(alone[name], float):
                assert value == pytest.approx(alone[name], rel=1e-12), (row, name)
            else:
                assert value == alone[name], (row, name)
    assert len(found.to_frame()) == len(found)


def test_lists_that_a_solver_takes_are_no_axes():
    found = sweep(
        TrainingModel(),
        model=Models.GPT2,
        hardware=Hardware.A100,
        lora_rank=8,
        lora_targets=[["query"], ["value", "key"]],
    )
    assert [row["lora_targets"] for row in found] == [["query"], ["value", "key"]]
    assert (
        len(sweep(TrainingModel(), model=Models.GPT2, hardware=[Hardware.A100], lora_rank=8, lora_targets=["key"])) == 1
    )


def test_what_a_row_is_refused_for_is_said_with_the_row():
    with pytest.raises(InputError, match="tp_size") as caught:
        sweep(
            DistributedModel(), model=Models.Llama3_8B, fleet=Systems.Clusters.Research_256, tp_size=[1, 3], pp_size=[2]
        )
    assert caught.value.__notes__ == ["asked for tp_size=3, pp_size=2"]


@pytest.mark.parametrize(
    ("solver", "inputs", "error", "message"),
    [
        (ServingModel, {}, InputTypeError, r"must be an object, not a class: write ServingModel\(\)"),
        ("serving", {}, InputTypeError, "solver must be a solver such as"),
        (ServingModel(), {"modle": 1}, UnknownName, "did you mean 'model'"),
        (ServingModel(), {"model": [Models.GPT2]}, InputError, "ServingModel needs hardware: give hardware="),
        (ServingModel(), {"model": [], "hardware": Hardware.A100}, InputError, "at least one value for model"),
    ],
)
def test_a_sweep_that_means_nothing_is_refused(solver, inputs, error, message):
    with pytest.raises(error, match=message):
        sweep(solver, **inputs)


def test_blocks_change_nothing(monkeypatch):
    space = Space({"precision": ["fp16", "int8"], "batch_size": range(1, 50), "hardware": DEVICES[:3]})
    fixed = {"model": Models.ResNet50}
    whole = columns_of(SingleNodeModel(), space, fixed)
    done = []
    monkeypatch.setattr("mlsysim.core.columns.TOGETHER", 7)
    cut = columns_of(SingleNodeModel(), space, fixed, advance=done.append)
    assert sum(done) == space.size
    assert len(done) > 40
    for name in FIGURES:
        one, other = (found[name].text() if name == "bottleneck" else found[name] for found in (whole, cut))
        assert np.array_equal(one, other, equal_nan=one.dtype.kind == "f"), name


def test_better_follows_from_what_a_figure_measures():
    assert GRID.best("energy")["profile"].plain["energy"] == np.nanmin(GRID.column("energy"))
    assert GRID.best("mfu")["profile"].plain["mfu"] == GRID.column("mfu").max()
    assert GRID.best("maximize: batch_size")["batch_size"] == 4096
    with pytest.raises(InputError, match="say 'minimize: batch_size'"):
        GRID.best("batch_size")
    costs = sweep(
        EconomicsModel(), fleet=Systems.Clusters.Research_256, grid=[Infra.Quebec, Infra.Poland], duration_days=9
    )
    assert costs.best("tco_usd")["grid"] == costs.best("carbon_footprint_kg")["grid"] == Infra.Quebec.name


def test_the_front_of_three_figures_is_what_brute_force_finds():
    values = np.random.default_rng(0).integers(0, 5, (60, 3)).astype(float)
    values[7] = np.nan
    for columns in (values, values[:, :2]):
        beaten = [
            at
            for at, one in enumerate(columns)
            if np.isnan(one).any() or any((other <= one).all() and (other < one).any() for other in columns)
        ]
        assert front(columns) == [at for at in range(len(columns)) if at not in beaten]


def test_a_figure_is_drawn_over_an_axis():
    few = GRID.where("precision == 'fp16' and seq_len == 128")
    ax = few.plot("latency", "batch_size")
    held = [line for line in ax.lines if line.get_linestyle() == "-"]
    assert [line.get_label() for line in held] == [
        f"{model}, {device}"
        for model in ("Llama-3 8B", "Mixtral 8x7B")
        for device in ("NVIDIA H100 SXM5 80GB", "NVIDIA A100 SXM4 80GB")
    ]
    assert sum(len(line.get_xdata()) for line in held) == few.column("feasible").sum()
    with pytest.raises(InputError, match="16 combinations of model, hardware, precision, seq_len are more than the 12"):
        GRID.plot("latency", "batch_size")
    with pytest.raises(UnknownName, match="did you mean 'latency'"):
        GRID.plot("latancy")


def test_a_solver_of_ones_own_sweeps_too():
    class Doubler(Solver):
        def solve(self, number, word="a"):
            answer = SingleNodeModel().solve(Models.ResNet50, Hardware.A100, number)
            return answer if word == "a" else SingleNodeModel().solve(Models.GPT2, Hardware.A100, number)

    found = sweep(Doubler(), number=[1, 2], word=["a", "b"])
    assert found.column("model").tolist() == ["ResNet-50 v1.5", "GPT-2 (124M)"] * 2
    assert found.best("minimize: latency")["word"] == "a"
    assert found[3].result.batch_size == 2


def test_what_has_no_value_meets_no_claim():
    price = Q_(20000, "dollar")
    fleets = [Systems.Clusters.Research_256, Systems.Clusters.TPUv4_Pod]
    costs = sweep(EconomicsModel(), fleet=fleets, duration_days=[30, 365], accelerator_price=price, grid=Infra.Quebec)
    assert [row.result.cheaper for row in costs] == ["owning", "owning", None, None]
    assert len(costs.where("cheaper == 'owning'")) == 2
    assert len(costs.where("cheaper != 'owning'")) == 0
    assert costs.text("cheaper", 3) == costs.text("cloud_usd", 3) == "no value"
