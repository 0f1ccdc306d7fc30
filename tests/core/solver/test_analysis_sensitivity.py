"""Elasticities: what binds, ties and infeasible bases, any figure of any result, devices that lose nothing."""

from __future__ import annotations

import json
import math
import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlsysim import (
    Q_,
    Engine,
    Hardware,
    HardwareNode,
    Models,
    SensitivitySolver,
    ServingModel,
    SingleNodeModel,
    Systems,
    TrainingModel,
    elasticities,
    wall,
)
from mlsysim.core.result import Field, Result
from mlsysim.core.solver.analysis.parameters import DEVICE, device_parameters, parameters_of, scaled
from mlsysim.core.solver.fleet.distributed import DistributedModel
from mlsysim.errors import InputError, InputTypeError, UnknownName
from mlsysim.physics.sensitivity import elasticity

LLAMA, H100 = Models.Llama3_8B, Hardware.H100


def solve(*args, **kwargs):
    return SensitivitySolver().solve(*args, **kwargs)


def device(peak=1e15, bandwidth=1e12, tax=None, capacity="200 GB"):
    return HardwareNode(
        name="round numbers",
        compute={"peak_flops": Q_(peak, "flop/s"), "peak_precision": "fp16"},
        memory={"capacity": capacity, "bandwidth": Q_(bandwidth, "byte/s")},
        dispatch_tax=None if tax is None else Q_(tax, "s"),
    )


def at_the_ridge(model=LLAMA, efficiency=0.5):
    """A device on which the arithmetic of a pass takes exactly as long as its traffic."""
    demand = Engine.solve(model, device()).plain
    return device(peak=demand["flops"] / efficiency / (demand["traffic"] / 1e12))


class TestOneResource:
    def test_the_wall_is_its_own(self):
        assert SensitivitySolver().walls == (wall(21),)

    @pytest.mark.parametrize("step", [0.001, 0.01, 1.0, 10.0, 100.0])
    def test_a_memory_bound_time_falls_as_one_over_the_bandwidth(self, step):
        result = solve(LLAMA, device(), perturbation_pct=step)
        assert result.sensitivities["memory_bandwidth"] == pytest.approx(-1, rel=1e-9)
        assert result.sensitivities["peak_flops"] == 0
        assert result.binding_constraint == "memory_bandwidth"

    def test_a_compute_bound_time_falls_as_one_over_the_peak(self):
        result = solve(LLAMA, H100, phase="prefill", seq_len=8192)
        assert result.sensitivities["peak_flops"] == pytest.approx(-1, rel=1e-9)
        assert result.sensitivities["memory_bandwidth"] == 0
        assert result.binding_constraints == ("peak_flops",)

    def test_the_step_of_the_lecture_gives_an_elasticity(self):
        """A difference of one side in absolute units would give -0.09 for a step of 10 %, not -1."""
        result = solve(model=LLAMA, hardware=H100, precision="fp16", perturbation_pct=10.0, efficiency=0.5)
        assert f"{result.sensitivities['memory_bandwidth']:+.4f}" == "-1.0000"

    def test_a_rate_rises_with_the_resource_that_binds(self):
        assert solve(LLAMA, H100, metric="throughput").sensitivities["memory_bandwidth"] == pytest.approx(1, rel=1e-9)

    def test_the_overhead_may_bind(self):
        result = solve(Models.ResNet50, device(tax=1.0))
        assert result.binding_constraint == "dispatch_tax"
        assert 0.99 < result.sensitivities["dispatch_tax"] < 1

    def test_an_overhead_of_nothing_changes_nothing(self):
        assert solve(LLAMA, device(tax=0.0)).sensitivities["dispatch_tax"] == 0

    def test_half_of_the_time_is_half_of_the_elasticity(self):
        tax = Engine.solve(LLAMA, device()).plain["latency"]
        result = solve(LLAMA, device(tax=tax), perturbation_pct=0.01)
        assert result.sensitivities["memory_bandwidth"] == pytest.approx(-0.5, rel=1e-7)
        assert result.sensitivities["dispatch_tax"] == pytest.approx(0.5, rel=1e-7)
        assert result.binding_constraints == ("memory_bandwidth", "dispatch_tax")

    def test_the_whole_batch_decides_what_binds(self):
        assert solve(Models.ResNet50, Hardware.A100, batch_size=1).binding_constraint == "memory_bandwidth"
        assert solve(Models.ResNet50, Hardware.A100, batch_size=64).binding_constraint == "peak_flops"


class TestTiesAndNone:
    def test_at_the_ridge_both_bind(self):
        result = solve(LLAMA, at_the_ridge(), efficiency=0.5)
        assert result.binding_constraint == "peak_flops and memory_bandwidth"
        assert result.sensitivities["peak_flops"] == pytest.approx(-0.5, rel=1e-9)
        assert result.sensitivities["memory_bandwidth"] == pytest.approx(-0.5, rel=1e-9)
        assert "tie" in result.notes[0]

    def test_beside_the_ridge_one_binds(self):
        base = at_the_ridge()
        for figure, factor, binding in (
            ("peak_flops", 1.0001, "memory_bandwidth"),
            ("memory_bandwidth", 1.0001, "peak_flops"),
        ):
            near = scaled({"hardware": base}, f"hardware.{figure}", factor)["hardware"]
            assert solve(LLAMA, near, efficiency=0.5).binding_constraint == binding

    def test_a_step_over_the_ridge_is_said(self):
        """Two percent from the ridge, a step of one stays on its side, a step of ten does not."""
        near = scaled({"hardware": at_the_ridge()}, "hardware.peak_flops", 1.02)["hardware"]
        small, large = (solve(LLAMA, near, efficiency=0.5, perturbation_pct=step) for step in (1.0, 10.0))
        assert small.sensitivities["memory_bandwidth"] == pytest.approx(-1, rel=1e-9)
        assert small.notes == ()
        assert -1 < large.sensitivities["memory_bandwidth"] < -0.5 < large.sensitivities["peak_flops"] < 0
        assert large.binding_constraint == "memory_bandwidth"
        assert "within a step of 10 % another resource takes over" in large.notes[0]

    @pytest.mark.parametrize("step", [0.1, 1.0, 10.0, 50.0])
    def test_a_smooth_result_has_no_kink(self, step):
        tax = Engine.solve(LLAMA, device()).plain["latency"] / 2
        assert solve(LLAMA, device(tax=tax), perturbation_pct=step).notes == ()

    def test_nothing_binds_a_footprint(self):
        result = solve(LLAMA, H100, metric="memory_footprint")
        assert result.binding_constraint == "none"
        assert result.binding_constraints == ()
        assert set(result.sensitivities.values()) == {0.0}


class TestInfeasible:
    def test_memory_binds_a_model_that_does_not_fit(self):
        result = solve(model=Models.Llama3_70B, hardware=H100, precision="fp16")
        assert result.feasible is False
        assert result.binding_constraint == "memory_capacity"
        assert result.sensitivities["memory_bandwidth"] == pytest.approx(-1, rel=1e-9)
        assert "does not fit" in result.notes[0]

    def test_with_offloading_the_link_to_the_host_binds(self):
        result = solve(Models.Llama3_70B, H100, offload=True, perturbation_pct=0.01)
        assert result.feasible
        assert result.sensitivities["host_bandwidth"] == pytest.approx(-1, rel=1e-9)
        spilled, held = (
            Engine.solve(Models.Llama3_70B, H100, offload=True).plain[k] for k in ("offloaded", "memory_capacity")
        )
        assert result.sensitivities["memory_capacity"] == pytest.approx(-held / spilled, rel=1e-6)


class TestProperties:
    @given(
        batch=st.integers(1, 512),
        peak=st.floats(1e12, 1e16),
        bandwidth=st.floats(1e10, 1e13),
        step=st.floats(0.01, 50),
        phase=st.sampled_from(["prefill", "decode"]),
    )
    def test_time_answers_to_peak_and_bandwidth_by_minus_one_together(self, batch, peak, bandwidth, step, phase):
        result = solve(
            LLAMA, device(peak, bandwidth), batch_size=batch, phase=phase, seq_len=512, perturbation_pct=step
        )
        peak, bandwidth = result.sensitivities["peak_flops"], result.sensitivities["memory_bandwidth"]
        assert -1 - 1e-9 <= peak <= 0
        assert -1 - 1e-9 <= bandwidth <= 0
        assert peak + bandwidth == pytest.approx(-1, rel=1e-9)

    @given(tax=st.floats(1e-6, 10), batch=st.integers(1, 64))
    def test_with_an_overhead_the_parts_still_make_up_the_whole(self, tax, batch):
        """T is of degree one in its parts: their elasticities, those of rates with the sign turned, add up to 1."""
        found = solve(LLAMA, device(tax=tax), batch_size=batch, perturbation_pct=0.01).sensitivities
        assert found["dispatch_tax"] - found["peak_flops"] - found["memory_bandwidth"] == pytest.approx(1, rel=1e-7)

    def test_the_same_holds_kernel_by_kernel(self):
        found = solve(LLAMA, H100, fidelity="operator", batch_size=8, perturbation_pct=0.01).sensitivities
        assert found["kernel_floor"] - found["peak_flops"] - found["memory_bandwidth"] == pytest.approx(1, rel=1e-6)
        assert found["kernel_floor"] > 0.01

    def test_devices_that_share_a_layer_answer_to_their_link(self):
        found = solve(LLAMA, H100, fidelity="operator", tensor_parallel=4, phase="prefill", seq_len=8192).sensitivities
        assert -1 < found["interconnect_bandwidth"] < -0.01

    @given(above=st.floats(0.1, 10), exponent=st.floats(-3, 3), step=st.floats(1e-3, 1))
    def test_a_power_has_its_exponent_as_elasticity(self, above, exponent, step):
        def power(x):
            return above * x**exponent

        found = elasticity.plain(power(1 + step) / power(1), power(1 / (1 + step)) / power(1), 2 * math.log1p(step))
        assert found == pytest.approx(exponent, rel=1e-9, abs=1e-11)


class TestDevices:
    @pytest.mark.parametrize("name", DEVICE)
    def test_a_figure_of_a_device_changes_alone(self, name):
        """And the derived plain figures follow it."""
        for base in (H100, Hardware.STM32H743, Hardware.Coral):
            if name not in device_parameters(base):
                continue
            base.plain  # noqa: B018  converted before, so that a stale copy would show
            changed = scaled({"hardware": base}, f"hardware.{name}", 2.0)["hardware"]
            touched = {path.partition(".")[0] for path in DEVICE[name]}
            for field in type(base).model_fields:
                assert (getattr(changed, field) == getattr(base, field)) or field in touched, field
            assert changed != base or name == "kernel_floor"
            assert scaled({"hardware": changed}, f"hardware.{name}", 0.5)["hardware"].plain == base.plain

    def test_flash_and_sram_stay_apart(self):
        base = Hardware.STM32H743
        changed = scaled({"hardware": base}, "hardware.sram_bandwidth", 2.0)["hardware"]
        assert changed.plain.sram_bandwidth == 2 * base.plain.sram_bandwidth
        assert changed.plain.flash_bandwidth == base.plain.flash_bandwidth
        assert changed.plain.sram_capacity == base.plain.sram_capacity
        found = solve(Models.MobileNetV2, base, "int8", perturbation_pct=0.01).sensitivities
        assert {"sram_bandwidth", "sram_capacity", "memory_bandwidth"} <= set(found)

    def test_flash_and_sram_share_the_time_of_memory(self):
        slow = Hardware.STM32H743.model_copy(
            update={"memory": Hardware.STM32H743.memory.model_copy(update={"sram_bandwidth": Q_(1, "MB/s")})}
        )
        slow = HardwareNode(**{name: getattr(slow, name) for name in type(slow).model_fields})
        found = solve(Models.MobileNetV2, slow, "int8", perturbation_pct=0.01).sensitivities
        tax = found.get("dispatch_tax", 0.0)
        assert found["sram_bandwidth"] + found["memory_bandwidth"] - tax == pytest.approx(-1, rel=1e-6)
        assert found["sram_bandwidth"] < -0.5

    def test_kernels_keep_all_but_their_floors(self):
        changed = scaled({"hardware": H100}, "hardware.kernel_floor", 2.0)["hardware"]
        for fmt, fit in H100.kernels.gemm.items():
            assert changed.kernels.gemm[fmt].floor == 2 * fit.floor
            assert changed.kernels.gemm[fmt].efficiency == fit.efficiency
        assert changed.plain == H100.plain
        assert H100.kernels.gemm["bf16"].floor < 1e-5

    def test_an_unpublished_bandwidth_is_no_parameter(self):
        assert "memory_bandwidth" not in solve(Models.MobileNetV2, Hardware.Coral, "int8").sensitivities


class Toy(Result):
    """A step of a fleet, made up for the test."""

    step_time = Field("Step", "s", "ms")
    cost = Field("Cost", "dollar")


def step(fleet, message, price=2.0):
    """A made-up fleet: arithmetic, then an exchange over the fabric."""
    peak = fleet.node.accelerator.plain.peaks["fp16"] * fleet.total_accelerators
    time = 1e18 / peak + message.m_as("byte") / fleet.fabric.bandwidth.m_as("byte/s")
    return Toy(lambda: None, step_time=time, cost=price * time)


class TestAnyResult:
    FLEET = Systems.Clusters.Research_256

    def ask(self, **more):
        inputs = {"fleet": self.FLEET, "message": Q_(10, "GB"), "price": 2.0}
        return elasticities(step, inputs, "step_time", perturbation_pct=0.01, **more)

    def test_a_fleet(self):
        result = self.ask(parameters=["fleet.fabric.bandwidth", "fleet.node.accelerator.peak_flops", "message"])
        exchange = 10e9 / self.FLEET.fabric.bandwidth.m_as("byte/s")
        share = exchange / result.baseline.m_as("s")
        assert 0 < share < 1
        assert list(result.sensitivities.values()) == pytest.approx([-share, share - 1, share], rel=1e-6)
        assert result.baseline.units == Q_(1, "s").units

    def test_every_figure_by_default(self):
        result = self.ask()
        assert result.sensitivities["price"] == 0
        assert result.sensitivities["fleet.node.accelerator.memory_bandwidth"] == 0
        assert result.feasible is None
        assert set(result.sensitivities) == set(
            parameters_of({"fleet": self.FLEET, "message": Q_(1, "GB"), "price": 1.0})
        )

    def test_names_of_ones_own(self):
        assert list(self.ask(parameters={"the link": "fleet.fabric.bandwidth"}).sensitivities) == ["the link"]

    def test_plain_numbers_are_parameters_too(self):
        inputs = {"fleet": self.FLEET, "message": Q_(10, "GB"), "price": 2.0}
        assert elasticities(step, inputs, "cost").sensitivities["price"] == pytest.approx(1, rel=1e-9)

    def test_a_step_of_training(self):
        """Its time is of degree one in overheads and in one over rates, and here no rate ties with another."""
        fast = self.FLEET.fabric.model_copy(update={"bandwidth": 100 * self.FLEET.fabric.bandwidth})
        fleet = self.FLEET.model_copy(update={"fabric": fast})
        inputs = {"model": LLAMA, "fleet": fleet, "batch_size": 1024, "tp_size": 8}
        result = elasticities(DistributedModel().solve, inputs, "step_latency_total", perturbation_pct=0.01)
        found = result.sensitivities
        assert result.binding_constraint == "fleet.node.accelerator.peak_flops"
        assert found["fleet.fabric.bandwidth"] == 0
        for link in ("intra_node_bw", "nic_bandwidth", "accelerator.memory_bandwidth"):
            assert -1 < found[f"fleet.node.{link}"] < 0, link
        assert found["fleet.node.accelerator.kernel_floor"] > 0

    def test_another_solver(self):
        inputs = {"model": LLAMA, "hardware": H100, "seq_len": 2048}
        first = elasticities(ServingModel().solve, inputs, "ttft", ["hardware.peak_flops"])
        each = elasticities(ServingModel().solve, inputs, "itl", ["hardware.peak_flops"])
        assert first.sensitivities["hardware.peak_flops"] == pytest.approx(-1, rel=1e-9)
        assert each.sensitivities["hardware.peak_flops"] == 0


class TestResult:
    def test_rows_json_pickle_and_derivation(self):
        result = solve(LLAMA, H100)
        rows = dict(result.rows())
        assert rows["Elasticity to memory_bandwidth"] == "-1.0000"
        assert rows["  at the base"] == "4.876 ms"
        assert json.loads(result.to_json())["sensitivities"]["memory_capacity"] == 0
        assert pickle.loads(pickle.dumps(result)) == result
        said = str(result.explain())
        assert "memory_bandwidth: Elasticity" in said
        assert said.count("S_x = ") == len(result.sensitivities)

    def test_a_result_is_frozen(self):
        with pytest.raises(TypeError):
            solve(LLAMA, H100).sensitivities["peak_flops"] = 1

    def test_energy_answers_to_the_design_power(self):
        result = solve(LLAMA, H100, metric="energy")
        assert result.sensitivities["tdp"] == pytest.approx(1, rel=1e-9)
        assert result.baseline == Engine.solve(LLAMA, H100).energy

    def test_a_fraction_has_no_unit(self):
        assert solve(LLAMA, H100, metric="mfu").baseline == Engine.solve(LLAMA, H100).mfu


@pytest.mark.parametrize(
    ("change", "error", "words"),
    [
        ({"model": "Llama3_8B"}, InputTypeError, "write Models.Llama3_8B"),
        ({"hardware": "H100"}, InputTypeError, "write Hardware.H100"),
        ({"precision": "fp61"}, UnknownName, "did you mean"),
        ({"efficiency": 1.5}, InputError, "efficiency"),
        ({"batch_size": 0}, InputError, "batch_size"),
        ({"metric": "latncy"}, UnknownName, "did you mean 'latency'"),
        ({"metric": "bottleneck"}, InputError, "must be a number"),
        ({"metric": "latency_overhead"}, InputError, "above 0"),
        ({"metric": "latency_network"}, InputError, "has none"),
        ({"perturbation_pct": 0}, InputError, "perturbation_pct"),
        ({"perturbation_pct": -1}, InputError, "perturbation_pct"),
        ({"perturbation_pct": math.nan}, InputError, "perturbation_pct"),
        ({"perturbation_pct": math.inf}, InputError, "perturbation_pct"),
        ({"perturbation_pct": "1"}, InputTypeError, "perturbation_pct"),
        ({"perturbation_pct": True}, InputTypeError, "perturbation_pct"),
    ],
)
def test_bad_input(change, error, words):
    with pytest.raises(error, match=words):
        solve(**({"model": LLAMA, "hardware": H100} | change))


@pytest.mark.parametrize(
    ("args", "error", "words"),
    [
        (("solve", {}), InputTypeError, "solve must be a function"),
        ((SingleNodeModel().solve, [LLAMA]), InputTypeError, "inputs must be a mapping"),
        ((lambda hardware: 3, {"hardware": H100}), InputTypeError, "must return a Result"),
        ((step, {"hardware": H100}, "latency", "hardware.tdp"), InputTypeError, "list of paths"),
        ((step, {"hardware": H100}, "latency", ["hardware.tpd"]), UnknownName, "did you mean 'hardware.tdp'"),
        ((step, {"hardware": H100}, "latency", ["hardware"]), UnknownName, "parameter"),
    ],
)
def test_bad_questions(args, error, words):
    with pytest.raises(error, match=words):
        elasticities(*args)


def test_a_path_that_leads_nowhere_is_refused():
    with pytest.raises(UnknownName, match=r"did you mean 'hardware.memory_bandwidth'"):
        scaled({"hardware": H100}, "hardware.memory_bandwith", 2.0)


@pytest.mark.parametrize(
    ("solver", "inputs", "metrics"),
    [
        (
            SingleNodeModel(),
            {"model": Models.Llama3_8B, "hardware": Hardware.H100, "fidelity": "operator", "tensor_parallel": 2},
            ("latency", "throughput", "energy", "mfu"),
        ),
        (
            ServingModel(),
            {"model": Models.Llama3_8B, "hardware": Hardware.A100, "batch_size": 8, "output_tokens": 64},
            ("ttft", "itl", "tpot", "request_latency"),
        ),
        (TrainingModel(), {"model": Models.GPT2, "hardware": Hardware.H100, "batch_size": 4}, ("step_time", "energy")),
    ],
    ids=["pass", "serving", "training"],
)
def test_one_array_call_finds_what_a_call_for_each_step_finds(solver, inputs, metrics):
    calls = []

    def each(**inputs):
        calls.append(inputs)
        return solver.solve(**inputs)

    for metric in metrics:
        calls.clear()
        together, apart = elasticities(solver.solve, inputs, metric), elasticities(each, inputs, metric)
        assert len(calls) == 1 + 2 * len(apart.sensitivities)
        assert together.sensitivities == pytest.approx(apart.sensitivities, abs=1e-9)
        assert any(apart.sensitivities.values())
        assert together.binding_constraints == apart.binding_constraints
