"""Training on a fleet: published tables, steps worked by hand, and what no fleet can do."""

from __future__ import annotations

import math
from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlsysim import (
    DistributedModel,
    Fleet,
    Hardware,
    Models,
    NetworkFabric,
    Node,
    Systems,
    TrainingModel,
    TransformerWorkload,
)
from mlsysim.core.solver.fleet.distributed import job_of
from mlsysim.core.solver.fleet.eager import apart as apart_of
from mlsysim.core.solver.fleet.layout import Layout
from mlsysim.core.solver.fleet.step import Step
from mlsysim.errors import InputError, InputTypeError, UnknownName
from mlsysim.models.operators import Operator
from mlsysim.units import Q_, UnitError

H100 = Hardware.H100
solve = DistributedModel().solve
PARTS = (
    "step_compute",
    "step_recompute",
    "tp_communication_latency",
    "cp_communication_latency",
    "ep_communication_latency",
    "pp_communication_latency",
    "pipeline_bubble_latency",
    "dp_exposed_latency",
    "step_optimizer",
    "straggler_latency",
)


def fleet(nodes=8, each=8, node_bw="450 GB/s", latency=None):
    node = Node(name="node", accelerator=H100, accelerators_per_node=each, intra_node_bw=node_bw)
    wire = NetworkFabric(name="wire", bandwidth="50 GB/s", latency=latency)
    return Fleet(name="fleet", node=node, count=nodes, fabric=wire)


def gpt(**changes):
    """A GPT of 8 layers whose feed-forward block is four times as wide as its residual stream."""
    shape = {"name": "gpt", "layers": 8, "hidden": 1024, "heads": 16, "intermediate": 4096, "vocab": 512}
    return TransformerWorkload(**(shape | {"max_context": 8192, "norm": "layer"} | changes))


def mixture(**changes):
    experts = {"experts": 8, "active": 2, "intermediate": 2048}
    return gpt(**({"experts": experts, "gated": True, "intermediate": 2048, "name": "mixture"} | changes))


def ideal(model=None, machines=None, batch=64, **asked):
    """An answer at the speed of light, in plain numbers."""
    return solve(model or gpt(), machines or fleet(), batch, calibration="none", **({"seq_len": 2048} | asked)).plain


class TestPipeline:
    @pytest.mark.parametrize(
        ("stages", "chunks", "number", "share"),
        [(4, 1, 16, 15.8), (4, 2, 16, 8.6), (8, 1, 32, 17.9), (16, 1, 16, 48.4)],
    )
    def test_textbook_bubbles(self, stages, chunks, number, share):
        model = gpt(layers=32)
        machines = fleet(nodes=2)
        data = 16 // stages
        plain = ideal(model, machines, data * number, pp_size=stages, virtual_stages=chunks, microbatch_count=number)
        assert round(100 * plain["bubble_fraction"], 1) == share

    def test_interleaving_divides_the_bubble(self):
        whole, four = (ideal(pp_size=2, virtual_stages=chunks) for chunks in (1, 4))
        assert four["pipeline_bubble_latency"] == pytest.approx(whole["pipeline_bubble_latency"] / 4)
        assert four["pp_communication_latency"] == pytest.approx(4 * whole["pp_communication_latency"])

    def test_zero_bubble_takes_what_is_left_of_the_gradients_of_weights(self):
        """(P - 1)·(t_f + t_i - t_w) of one stage."""
        step = step_of(gpt(), pp_size=4, schedule="zero-bubble", tp_size=1)
        layers = step.passes[0]
        assert step.times(True, 1.0).idle == pytest.approx(3 * (layers.forward + layers.inputs - layers.weights))

    def test_sends_are_charged(self):
        """One of 4 sequences a replica, two sends of 2048·1024·2 bytes over the network, both ways."""
        plain = ideal(pp_size=8, batch=32)
        assert plain["pp_communication_latency"] == pytest.approx(4 * 2 * 2048 * 1024 * 2 / 50e9)

    def test_equal_activations_are_sent_in_parts_and_gathered(self):
        """Section 4.1 of the source: an eighth over the network, seven eighths in the node."""
        whole, parts = (ideal(tp_size=8, pp_size=2, batch=4, sequence_parallel=on) for on in (False, True))
        size = 2048 * 1024 * 2
        assert parts["pp_communication_latency"] == pytest.approx(2 * size / 8 / 50e9)
        assert whole["pp_communication_latency"] == pytest.approx(2 * (size / 8 / 50e9 + 7 / 8 * size / 450e9))

    def test_a_pipeline_without_neighbours_in_a_node_crosses_the_network(self):
        inside = ideal(machines=fleet(nodes=1), pp_size=8, batch=32)
        across = ideal(machines=fleet(nodes=8), pp_size=8, batch=32 * 8)
        assert across["pp_communication_latency"] > 8 * inside["pp_communication_latency"]

    def test_cut_sequences_compute_as_much(self):
        whole, cut = (ideal(batch=16, pp_size=4, microbatch_count=number) for number in (1, 8))
        assert cut["step_compute"] >= whole["step_compute"] * (1 - 1e-9)
        assert cut["flops"] == whole["flops"]
        assert cut["bubble_fraction"] < whole["bubble_fraction"]


class TestTensorParallel:
    def test_four_sums_in_each_layer(self):
        """Four sequences of 2048 by 8192 in 16 bits: 80·4 sums of 134 MB, of eight ranks at 450 GB/s."""
        model = Models.Llama3_70B
        plain = ideal(model, batch=32, tp_size=8, microbatch_size=4)
        once = 2 * 7 / 8 * 4 * 2048 * 8192 * 2 / 450e9
        assert plain["tp_communication_latency"] == pytest.approx((4 * 80 + 2) * once)

    def test_halves_beside_each_other_need_half(self):
        after, beside = (ideal(gpt(parallel=on), tp_size=8, batch=8) for on in (False, True))
        once = after["tp_communication_latency"] / (4 * 8 + 2)
        assert beside["tp_communication_latency"] == pytest.approx((2 * 8 + 2) * once)

    def test_sums_in_the_switch_are_whole_ones(self):
        """With sequence parallelism both halves go round the ring, 14/8 of a tensor; else the switch has 9/8."""
        machines = Fleet(name="one", node=Systems.Nodes.HGX_H100, count=1)
        asked = {"machines": machines, "batch": 8, "tp_size": 8, "microbatch_size": 8}
        halves, sums = (ideal(**asked, sequence_parallel=on)["tp_communication_latency"] for on in (True, False))
        stream = 8 * 2048 * 1024 * 2 / 450e9
        assert halves == pytest.approx((4 * 8 * 14 / 8 + 2 * 9 / 8) * stream)
        assert sums == pytest.approx((4 * 8 + 2) * 9 / 8 * stream)

    def test_full_recomputation_sums_again(self):
        none, full = (ideal(tp_size=8, batch=8, recompute=kind) for kind in ("none", "full"))
        assert full["tp_communication_latency"] > none["tp_communication_latency"]

    def test_a_group_larger_than_a_node_pays_for_the_network(self):
        inside, across = (ideal(gpt(), tp_size=degree, batch=64) for degree in (8, 16))
        assert across["tp_communication_latency"] > 2 * inside["tp_communication_latency"]
        result = solve(gpt(), fleet(), 64, tp_size=16)
        assert "tensor-parallel sums cross the network between nodes" in result.notes


class TestDataParallel:
    def test_gradients_of_70b_cross_the_network(self):
        """Eight tensor-parallel ranks fill a node: 17.6 GB go around a ring of 64 at 50 GB/s, twice."""
        plain = ideal(Models.Llama3_70B, fleet(64), 64, tp_size=8, zero_stage=0)
        gradients = 2 * Models.Llama3_70B.parameter_count / 8
        assert plain["dp_communication_latency"] == pytest.approx(2 * 63 / 64 * gradients / 50e9)

    @pytest.mark.parametrize(("precision", "size"), [("bf16", 2), ("fp32", 4), ("fp8", 2)])
    def test_gradients_have_the_format_of_the_weights(self, precision, size):
        plain = ideal(tp_size=8, zero_stage=0, precision=precision)
        expected = 2 * 7 / 8 * size * gpt().parameter_count / 8 / 50e9
        assert plain["dp_communication_latency"] == pytest.approx(expected)
        assert plain["gradients_size"] == pytest.approx(size * gpt().parameter_count / 8)

    def test_gradients_in_fp32_beside_weights_in_bf16(self):
        """Megatron: 6 + 12/d bytes a parameter; twice the bytes to sum, as many to gather."""
        narrow, wide = (ideal(tp_size=8, gradient_precision=kind) for kind in (None, "fp32"))
        held = wide["weights_size"] + wide["gradients_size"] + wide["optimizer_size"]
        assert held == pytest.approx((6 + 12 / 8) * gpt().parameter_count / 8)
        assert wide["dp_communication_latency"] == pytest.approx(1.5 * narrow["dp_communication_latency"])

    def test_a_reduce_scatter_and_a_gather_cost_an_all_reduce(self):
        plain, one = (ideal(tp_size=8, zero_stage=stage)["dp_communication_latency"] for stage in (0, 1))
        assert one == pytest.approx(plain)

    def test_divided_weights_are_gathered_twice_for_each_microbatch(self):
        one, three = (ideal(tp_size=8, zero_stage=stage)["dp_communication_latency"] for stage in (1, 3))
        assert three == pytest.approx(8 * 1.5 * one)

    def test_divided_gradients_are_summed_for_each_microbatch(self):
        one, two = (ideal(tp_size=8, zero_stage=stage)["dp_communication_latency"] for stage in (1, 2))
        assert two == pytest.approx((8 + 1) / 2 * one)

    def test_hybrid_sharding_keeps_gathers_in_the_node(self):
        """Eight of 64 share: gathers inside at 450 GB/s, an eighth of the gradients over eight nodes."""
        plain = ideal(batch=64, zero_stage=3, shard_size=8)
        size = 2 * gpt().parameter_count
        inside, between = 7 / 8 * size / 450e9, 2 * 7 / 8 * size / 8 / 50e9
        assert plain["dp_communication_latency"] == pytest.approx(3 * inside + between)
        assert plain["weights_size"] == pytest.approx(size / 8)

    def test_hybrid_sharding_among_all_is_none(self):
        assert ideal(zero_stage=3, shard_size=64) == ideal(zero_stage=3)

    def test_weights_gathered_late_hide_behind_nothing(self):
        """One of the three exchanges of ZeRO 3: the gather of the backward pass."""
        asked = {"batch": 256, "microbatch_size": 4, "zero_stage": 3}
        early, late = (ideal(Models.Llama3_8B, **asked, prefetch=on) for on in (True, False))
        gather = 2 * Models.Llama3_8B.parameter_count * 63 / 64 / 400e9
        assert early["dp_communication_latency"] == late["dp_communication_latency"] == pytest.approx(3 * gather)
        assert early["dp_exposed_latency"] == pytest.approx(3 * gather / 32)
        assert late["dp_exposed_latency"] == pytest.approx(gather + 2 * gather / 32)

    def test_pipeline_and_tensor_parallelism_divide_gradients(self):
        whole, split = (ideal(batch=64, zero_stage=0, pp_size=stages)["gradients_size"] for stages in (1, 4))
        words = 512 * 1024
        assert whole == 2 * gpt().parameter_count
        assert split == pytest.approx(2 * (gpt().stack_parameters / 4 + words + 2 * 1024))


class TestMemory:
    @pytest.mark.parametrize(("stage", "gigabytes"), [(0, 120), (1, 31.4), (2, 16.6), (3, 1.9)])
    def test_zero_table(self, stage, gigabytes):
        """Figure 1 of the source: 7.5 billion parameters on 64 devices."""
        plain = ideal(zero_stage=stage)
        held = plain["weights_size"] + plain["gradients_size"] + plain["optimizer_size"]
        scaled = held / gpt().parameter_count * 7.5
        assert scaled == pytest.approx(gigabytes, abs=0.06)

    @pytest.mark.parametrize(
        ("recompute", "sequence", "bytes_an_element"),
        [
            ("none", False, 10 + 24 / 8 + 5 * 16 * 2048 / 1024 / 8),
            ("none", True, 34 / 8 + 5 * 16 * 2048 / 1024 / 8),
            ("selective", False, 10 + 24 / 8),
            ("selective", True, 34 / 8),
            ("full", False, 2),
        ],
    )
    def test_korthikanti_table_two(self, recompute, sequence, bytes_an_element):
        """Four stages keep four microbatches of two of eight layers: all layers of one."""
        asked = {"recompute": recompute, "sequence_parallel": sequence, "flash_attention": False, "dropout": True}
        plain = ideal(batch=16, tp_size=8, pp_size=4, **asked)
        assert plain["activations_size"] == pytest.approx(8 * 2048 * 1024 * bytes_an_element)

    def test_interleaving_keeps_more(self):
        """Section 4.2.3 of the source: 1 + (p - 1)/(p·m) times as much."""
        one, two = (ideal(batch=16, pp_size=4, tp_size=8, virtual_stages=chunks) for chunks in (1, 2))
        assert two["activations_size"] / one["activations_size"] == pytest.approx(1 + 3 / 8)

    def test_one_device_needs_what_training_on_one_needs(self):
        alone = TrainingModel().solve(gpt(), H100, 4, 2048, recompute="full").plain
        split = ideal(machines=fleet(1, 1), batch=4, microbatch_size=4, recompute="full", zero_stage=0)
        for name in ("weights_size", "gradients_size", "optimizer_size", "activations_size", "buffers_size"):
            assert split[name] == alone[name]

    def test_stages_hold_all_parameters(self):
        """Layers of all stages, the first one's words and the last one's head."""
        model = gpt(learned_positions=2048)
        held = [step_of(model, pp_size=stages).parameters.all for stages in (1, 8)]
        first, last = (512 + 2048) * 1024, 512 * 1024 + model.norm_parameters
        assert held[0] == model.parameter_count == model.stack_parameters + first + last
        assert held[1] == model.stack_parameters / 8 + first

    @settings(deadline=None, max_examples=40)
    @given(
        tensor=st.sampled_from([1, 2, 4, 8]),
        expert=st.sampled_from([1, 2, 4, 8]),
        stage=st.sampled_from([0, 1, 2, 3]),
        wide=st.sampled_from([None, "fp32"]),
    )
    def test_states_over_all_ranks_are_those_of_the_model(self, tensor, expert, stage, wide):
        """Each of the copies that a stage of ZeRO leaves has all of the model's parameters."""
        model = mixture()
        plain = ideal(model, tp_size=tensor, ep_size=expert, zero_stage=stage, gradient_precision=wide)
        data = 64 // tensor
        experts = model.moe_layers * model.expert_parameters * 8
        rest = model.parameter_count - experts
        for name, size, first in (("weights", 2, 3), ("gradients", 4 if wide else 2, 2), ("optimizer", 12, 1)):
            copies = (1, 1) if stage >= first else (data, data // expert)
            assert 64 * plain[f"{name}_size"] == pytest.approx(size * (copies[0] * rest + copies[1] * experts))

    def test_what_does_not_fit_says_what_would(self):
        result = solve(Models.Llama3_8B, fleet(1), 8, zero_stage=0, recompute="none", seq_len=2048)
        assert not result.feasible
        assert "zero_stage=1" in result.would_fit
        assert "zero_stage=3" in result.would_fit
        assert solve(Models.Llama3_8B, fleet(1), 8, zero_stage=1, recompute="none", seq_len=2048).feasible

    def test_nothing_that_one_change_mends(self):
        result = solve(Models.GPT3, fleet(1), 8)
        assert result.would_fit == ("more tensor or pipeline parallelism, or more devices",)


class TestExperts:
    def test_dispatch_and_combine_forth_and_back(self):
        """2048 tokens, two experts each, 1024 wide, 16 bits: 4·8 exchanges of 7/8 of it in the node."""
        plain = ideal(mixture(), batch=64, ep_size=8)
        assert plain["ep_communication_latency"] == pytest.approx(4 * 8 * 7 / 8 * 2048 * 2 * 1024 * 2 / 450e9)

    def test_more_experts_for_a_token_cost_more(self):
        two, four = (
            ideal(mixture(experts={"experts": 8, "active": k, "intermediate": 2048}), ep_size=8)[
                "ep_communication_latency"
            ]
            for k in (2, 4)
        )
        assert four == pytest.approx(2 * two)

    def test_imbalance_makes_all_wait_for_the_busiest(self):
        even, skewed = (ideal(mixture(), ep_size=8, expert_imbalance=by) for by in (1.0, 1.5))
        assert skewed["ep_communication_latency"] == pytest.approx(1.5 * even["ep_communication_latency"])
        assert skewed["step_compute"] > even["step_compute"]
        assert skewed["flops"] == even["flops"]

    def test_experts_apart_have_fewer_copies_to_sum(self):
        together, apart = (ideal(mixture(), zero_stage=0, ep_size=degree) for degree in (1, 8))
        assert apart["gradients_size"] < together["gradients_size"]
        assert apart["dp_communication_latency"] < together["dp_communication_latency"]


class TestContext:
    def test_tokens_are_divided_and_attention_with_them(self):
        whole, split = (ideal(batch=8, tp_size=8, cp_size=degree, seq_len=8192) for degree in (1, 8))
        assert split["flops"] == whole["flops"]
        assert whole["step_compute"] <= split["step_compute"] <= 1.1 * whole["step_compute"]  # weights are read again
        assert split["activations_size"] == pytest.approx(whole["activations_size"] / 8)

    def test_a_ring_that_attention_hides_is_free(self):
        long = ideal(batch=8, cp_size=8, seq_len=8192, machines=fleet(node_bw="4500 GB/s"))
        slow = ideal(batch=8, cp_size=8, seq_len=8192, machines=fleet(node_bw="1 GB/s"))
        assert long["cp_communication_latency"] == 0
        assert slow["cp_communication_latency"] > 0


def step_of(model, devices=64, batch=64, **asked):
    defaults = {
        "tp_size": 1,
        "pp_size": 1,
        "cp_size": 1,
        "ep_size": 1,
        "microbatch_size": None,
        "microbatch_count": None,
        "virtual_stages": 1,
        "schedule": "1f1b",
        "zero_stage": 1,
        "shard_size": None,
        "sequence_parallel": True,
        "ends_as_layers": False,
    }
    job = job_of(
        model,
        fleet(devices // 8),
        "bf16",
        None,
        2048,
        "none",
        flash_attention=True,
        attention_kernel=None,
        optimizer="adam",
        gradient_precision=None,
        dropout=False,
        fused=True,
        fused_gradients=True,
        prefetch=True,
        congestion_factor=1.0,
        expert_imbalance=1.0,
    )
    return Step.of(job, Layout.of(model, devices, batch, **(defaults | asked)), "none")


splits = st.fixed_dictionaries(
    {
        "tp_size": st.sampled_from([1, 2, 8]),
        "pp_size": st.sampled_from([1, 2, 4]),
        "cp_size": st.sampled_from([1, 2]),
        "microbatch_size": st.sampled_from([1, 2]),
        "recompute": st.sampled_from(["none", "selective", "full"]),
        "zero_stage": st.sampled_from([0, 1, 2]),
        "schedule": st.sampled_from(["1f1b", "zero-bubble"]),
        "flash_attention": st.booleans(),
        "sequence_parallel": st.booleans(),
        "calibration": st.sampled_from(["none", "datasheet", "fitted"]),
        "straggler_factor": st.sampled_from([1.0, 1.2]),
        "seq_len": st.just(2048),
    }
)


def answer(split, **changes):
    return solve(gpt(), fleet(latency="5 us"), 256, **(split | changes)).plain


class TestKernelsApart:
    def test_by_hand(self):
        """Norms move one more tensor, the last one two; a logit 2 + 12 bytes forth and 22 back, not 2 and 4."""
        fused, apart = (ideal(gpt(), batch=64, fused=on)["step_compute"] for on in (True, False))
        tokens = 2048
        more = (2 * 8 + 2) * tokens * 1024 * 2 + tokens * 512 * (2 + 12 + 22 - 6)
        assert apart - fused == pytest.approx(more / H100.plain.bandwidth, rel=1e-3)

    def test_a_gate_is_three_kernels_forth_and_back(self):
        """Two more tensors are moved forth and four back."""
        fused, apart = (
            [one for row in gated_rows() for one in (apart_of(row) if split else [row])] for split in (False, True)
        )
        traffic = [sum(one.inputs + one.outputs for one in rows) for rows in (fused, apart)]
        assert traffic == [(2 + 1) + (3 + 2), (2 + 1 + 1 + 1) + (4 + 2 + 2 + 1)]

    def test_it_never_helps(self):
        for model in (Models.GPT2, Models.Llama3_8B, Models.Mixtral_8x7B):
            fused, apart = (solve(model, fleet(), 64, seq_len=1024, fused=on).step_compute for on in (True, False))
            assert apart > fused


def gated_rows():
    yield Operator("activation", "elementwise", inputs=2, outputs=1, phase="forward")
    yield Operator("activation gradient", "elementwise", inputs=3, outputs=2, phase="backward")


class TestWhatHoldsForEverySplit:
    @settings(deadline=None, max_examples=60)
    @given(split=splits)
    def test_parts_add_up(self, split):
        plain = answer(split)
        assert sum(plain[name] or 0.0 for name in PARTS) == pytest.approx(plain["step_latency_total"], rel=1e-12)

    @settings(deadline=None, max_examples=60)
    @given(split=splits)
    def test_no_share_leaves_its_range(self, split):
        plain = answer(split)
        assert 0 < plain["scaling_efficiency"] <= 1
        assert 0 <= plain["bubble_fraction"] < 1
        assert 0 < plain["mfu"] <= plain["hfu"] <= 1
        assert plain["dp_exposed_latency"] <= plain["dp_communication_latency"] * (1 + 1e-12)

    @settings(deadline=None, max_examples=40)
    @given(split=splits)
    def test_overlap_never_hurts(self, split):
        hidden, apart = (answer(split, overlap_comm=on)["step_latency_total"] for on in (True, False))
        assert hidden <= apart * (1 + 1e-12)

    @settings(deadline=None, max_examples=40)
    @given(split=splits, factor=st.sampled_from(["congestion_factor", "straggler_factor"]))
    def test_factors_never_help(self, split, factor):
        calm, worse = (answer(split, **{factor: by})["step_latency_total"] for by in (1.0, 1.5))
        assert worse >= calm * (1 - 1e-12)

    @settings(deadline=None, max_examples=40)
    @given(split=splits)
    def test_zero_bubble_is_never_slower(self, split):
        plain, filled = (answer(split, schedule=kind)["step_latency_total"] for kind in ("1f1b", "zero-bubble"))
        assert filled <= plain * (1 + 1e-12)

    @settings(deadline=None, max_examples=40)
    @given(split=splits)
    def test_recomputation_trades_time_for_memory(self, split):
        none, selective, full = (answer(split, recompute=kind) for kind in ("none", "selective", "full"))
        for less, more in ((none, selective), (selective, full)):
            assert more["step_latency_total"] >= less["step_latency_total"] * (1 - 1e-12)
            assert more["activations_size"] <= less["activations_size"] * (1 + 1e-12)
            assert more["hfu"] * more["step_latency_total"] >= less["hfu"] * less["step_latency_total"] * (1 - 1e-12)

    @settings(deadline=None, max_examples=40)
    @given(split=splits)
    def test_each_stage_of_zero_needs_less_memory(self, split):
        totals = [answer(split, zero_stage=stage)["memory_footprint"] for stage in (0, 1, 2)]
        assert totals == sorted(totals, reverse=True)

    def test_no_microbatch_waits_for_a_straggler_that_is_not_there(self):
        assert ideal()["straggler_latency"] is None
        slow, calm = ideal(straggler_factor=1.25, pp_size=4), ideal(pp_size=4)
        worked = calm["step_latency_total"] - calm["dp_exposed_latency"] - calm["step_optimizer"]
        assert slow["straggler_latency"] == pytest.approx(0.25 * (worked - calm["pp_communication_latency"]))


class TestPublishedSteps:
    """Table 5 of korthikanti2023reducing: A100 80 GB, 200 Gbps for each, sequence parallel, selective recomputation.

    Collectives are those of an NCCL three years younger: with nothing but one node, the first is 11 % too fast.
    """

    @pytest.mark.parametrize(
        ("layers", "hidden", "heads", "stages", "chunks", "batch", "size", "seconds"),
        [
            (48, 6144, 64, 1, 1, 4, 4, 1.10),
            (96, 12288, 96, 8, 3, 64, 1, 13.75),
            (105, 20480, 128, 35, 3, 280, 1, 37.83),
            (128, 25600, 160, 64, 1, 512, 1, 71.49),
        ],
    )
    def test_step_time_and_memory(self, layers, hidden, heads, stages, chunks, batch, size, seconds):
        model = gpt(
            layers=layers, hidden=hidden, heads=heads, intermediate=4 * hidden, vocab=51200, learned_positions=2048
        )
        node = Systems.Nodes.DGX_A100
        machines = Fleet(name="Selene", node=node, count=stages, fabric=Systems.Fabrics.InfiniBand_HDR)
        asked = {"tp_size": 8, "pp_size": stages, "virtual_stages": chunks, "microbatch_size": size, "dropout": True}
        result = solve(model, machines, batch, "fp16", flash_attention=False, overlap_comm=False, seq_len=2048, **asked)
        assert result.step_latency_total.m_as("s") == pytest.approx(seconds, rel=0.12)
        assert result.feasible


class TestAnswers:
    def test_operations_by_hand(self):
        """6·N·D of the weights of products, and three times the causal attention."""
        model, tokens = Models.Llama3_70B, 64 * 2048
        plain = ideal(model, batch=64, tp_size=8)
        matrices = model.layer_parameters + model.head_parameters
        attention = 4 * 80 * 64 * 128 * 64 * (2048 * 2049 / 2)
        assert plain["flops"] == pytest.approx(6 * matrices * tokens + 3 * attention)
        assert plain["effective_throughput"] == pytest.approx(tokens / plain["step_latency_total"])
        peak = 64 * H100.plain.peaks["bf16"]
        assert plain["mfu"] == pytest.approx(plain["flops"] / peak / plain["step_latency_total"])

    def test_full_recomputation_executes_a_third_more(self):
        """Four passes of the layers for three, all of the attention twice and a half of it for the scores."""
        plain = ideal(recompute="full", flash_attention=False)
        model, tokens = gpt(), 64 * 2048
        attention = model.attention_flops(model.causal_pairs(64, 2048))
        assert plain["hfu"] / plain["mfu"] == pytest.approx(
            1 + (2 * model.layer_parameters * tokens + attention) / plain["flops"]
        )

    def test_it_explains_itself(self):
        text = str(solve(gpt(), fleet(), 64, tp_size=8, pp_size=4, seq_len=2048).explain())
        for source in (
            "narayanan2021megatron",
            "thakur2005collectives",
            "korthikanti2023reducing",
            "rajbhandari2020zero",
        ):
            assert source in text

    def test_quantities_as_the_field_reads_them(self):
        result = solve(gpt(), fleet(), 64, tp_size=8, seq_len=2048)
        assert result.step_latency_total.check("[time]")
        assert result.dp_communication_latency.to("ms").magnitude > 0
        assert f"{result.scaling_efficiency:.1%}".endswith("%")

    @pytest.mark.parametrize("cluster", ["Research_256", "Frontier_8K"])
    def test_clusters_of_the_registry(self, cluster):
        result = solve(Models.Llama3_70B, Systems.Clusters[cluster], 2048, tp_size=8, pp_size=4)
        assert 0.1 < result.mfu < 0.6

    def test_a_latency_that_is_not_recorded_is_owned_up_to(self):
        notes = solve(gpt(), fleet(), 64).notes
        assert "no latency is recorded for the network between nodes: it counts as 0" in notes
        assert not any("latency" in note for note in solve(gpt(), fleet(latency="5 us"), 64).notes)


BAD = [
    ({"model": "Llama3_8B"}, InputTypeError, "write Models.Llama3_8B"),
    ({"model": Models.ResNet50}, InputError, "model must be a transformer"),
    ({"machines": "Frontier_8K"}, InputTypeError, "write Systems.Clusters.Frontier_8K"),
    ({"machines": H100}, InputTypeError, "fleet must be an entry of Systems.Clusters"),
    ({"precision": "banana"}, UnknownName, "unknown precision"),
    ({"precision": "int8"}, UnknownName, "precision of training"),
    ({"efficiency": 1.5}, InputError, "efficiency must lie in"),
    ({"congestion_factor": -1}, InputError, "congestion_factor"),
    ({"congestion_factor": 0.5}, InputError, "congestion_factor must be at least 1"),
    ({"congestion_factor": Q_([1.0, 2.0], "")}, InputTypeError, "^congestion_factor must be one value, no array"),
    ({"straggler_factor": math.nan}, InputError, "straggler_factor"),
    ({"straggler_factor": Q_(1, "s")}, UnitError, "straggler_factor"),
    ({"expert_imbalance": 0.9}, InputError, "expert_imbalance must be at least 1"),
    ({"recompute": "all"}, UnknownName, "unknown recompute"),
    ({"recompute": True}, UnknownName, "unknown recompute"),
    ({"optimizer": "adamw8"}, UnknownName, "unknown optimizer"),
    ({"gradient_precision": "fp16"}, UnknownName, "Allowed: bf16, fp32"),
    ({"prefetch": 1}, InputTypeError, "prefetch must be True or False"),
    ({"fused": None}, InputTypeError, "fused must be True or False"),
    ({"fused_gradients": 1}, InputTypeError, "fused_gradients must be True or False"),
    ({"attention_kernel": "flash2"}, UnknownName, "unknown attention kernel 'flash2'; did you mean 'flash-2'"),
    ({"attention_kernel": "flash-2", "flash_attention": False}, InputError, "needs flash_attention=True"),
    ({"attention_kernel": "flash-2", "calibration": "datasheet"}, InputError, "needs calibration='fitted'"),
    ({"dropout": 0.1}, InputTypeError, "dropout must be True or False"),
    ({"flash_attention": "no"}, InputTypeError, "flash_attention must be True or False"),
    ({"overlap_comm": 1}, InputTypeError, "overlap_comm must be True or False"),
    ({"seq_len": 9000}, InputError, "seq_len must be at most 8192"),
    ({"seq_len": 0}, InputError, "seq_len must be a whole number"),
    ({"cp_size": 2, "seq_len": 2047}, InputError, "cp_size must divide the 2047 tokens"),
    ({"calibration": "measured"}, UnknownName, "unknown calibration"),
    ({"tp_size": 3}, InputError, "tp_size must divide"),
    ({"topology_override": "moebius"}, TypeError, "topology_override"),
]


@pytest.mark.parametrize(("asked", "error", "message"), BAD, ids=[str(one[0]) for one in BAD])
def test_what_is_refused(asked, error, message):
    asked = {"model": gpt(), "machines": fleet()} | asked
    model, machines = asked.pop("model"), asked.pop("machines")
    with pytest.raises(error, match=message):
        solve(model, machines, 64, **asked)


def test_an_encoder_cannot_be_cut_along_its_tokens():
    with pytest.raises(InputError, match="microbatch_count must be at most 1"):
        solve(Models.BERT_Base, fleet(1), 8, microbatch_count=2, seq_len=512)


def test_every_kind_of_model_that_is_split():
    for model, schedule in product(
        [Models.BERT_Base, Models.Mixtral_8x7B, Models.DeepSeek_V3], ["1f1b", "zero-bubble"]
    ):
        assert 0 < solve(model, fleet(), 64, seq_len=512, schedule=schedule).mfu < 1
