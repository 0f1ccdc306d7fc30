"""What a step takes beside its products: attention of a generation, dropout, sums of gradients, uneven stages."""

from __future__ import annotations

import pytest

from mlsysim import (
    DistributedModel,
    Fleet,
    Hardware,
    Models,
    NetworkFabric,
    Node,
    ParallelismOptimizer,
    TransformerWorkload,
)
from mlsysim.errors import InputError

solve = DistributedModel().solve
HBM = {name: Hardware[name].plain.bandwidth for name in ("A100", "H100")}


def fleet(nodes=1, device="H100", wire="50 GB/s"):
    hardware = Hardware[device]
    node = Node(
        name="node", accelerator=hardware, accelerators_per_node=8, intra_node_bw=hardware.interconnect.bandwidth
    )
    return Fleet(name="fleet", node=node, count=nodes, fabric=NetworkFabric(name="wire", bandwidth=wire))


def gpt(layers=8, hidden=1024, heads=16, vocab=512):
    """A GPT whose feed-forward block is four times as wide as its residual stream."""
    shape = {"layers": layers, "hidden": hidden, "heads": heads, "intermediate": 4 * hidden, "vocab": vocab}
    return TransformerWorkload(name="gpt", max_context=65536, norm="layer", learned_positions=2048, **shape)


def step(model=None, machines=None, batch=32, **asked):
    return solve(model or gpt(), machines or fleet(), batch, **({"seq_len": 2048} | asked)).plain


def light(**asked):
    return step(calibration="none", **asked)


class TestAttentionKernel:
    def test_by_default_it_is_that_of_the_kernels_timed_and_later_than_both_generations(self):
        times = [step(attention_kernel=kernel)["step_compute"] for kernel in (None, "flash-2", "flash-1")]
        assert times == sorted(times)
        assert times[0] < times[2]

    def test_long_sequences_take_what_is_published(self):
        """Of 64k tokens: 3.5 products' worth at 0.153 of the peak, less the share that the default takes."""
        old, new = (step(batch=8, seq_len=65536, attention_kernel=kernel) for kernel in ("flash-1", "flash-2"))
        flops = 3.5 * 4 * 65536 * 65537 / 2 * 1024 * 8
        peak = Hardware.H100.plain.peaks["bf16"]
        shares = [0.153 * 65536 / (65536 + 234), 0.338 * 65536 / (65536 + 540)]
        assert old["step_compute"] - new["step_compute"] == pytest.approx(
            flops / peak * (1 / shares[0] - 1 / shares[1]), rel=1e-3
        )

    @pytest.mark.parametrize("device", ["H200", "B200"])
    def test_what_is_not_published_is_refused(self, device):
        with pytest.raises(InputError, match=r"is not published for NVIDIA .*; allowed: A100, H100"):
            step(machines=fleet(device=device), attention_kernel="flash-1")

    def test_the_speed_of_light_knows_no_slower_backward_pass(self):
        """Products and three and a half times the attention take 95 % of the time; a slower pass would add 8 %."""
        taken, peak = light(batch=8, seq_len=65536)["step_compute"], Hardware.H100.plain.peaks["bf16"]
        attention, products = 3.5 * 4 * 65536 * 65537 / 2 * 1024 * 8, 3 * 24 * 1024**2 * 65536 * 8
        assert 0.95 < (attention + products) / peak / taken < 1


class TestDropout:
    def test_scores_and_residuals_are_moved_for_it(self):
        """4 sequences of 2048, 8 layers of 16 heads: 5 bytes of each score and 1 of each residual, twice."""
        with_, without = (light(flash_attention=False, dropout=on)["step_compute"] for on in (True, False))
        scores, residuals = 8 * 16 * 4 * 2048**2, 2 * 8 * 4 * 2048 * 1024
        assert with_ - without == pytest.approx(2 * (5 * scores + residuals) / HBM["H100"])

    def test_flash_attention_drops_scores_on_the_chip(self):
        with_, without = (light(dropout=on)["step_compute"] for on in (True, False))
        assert with_ - without == pytest.approx(2 * (2 * 8 * 4 * 2048 * 1024) / HBM["H100"])

    def test_kernels_of_its_own_move_the_residuals_too(self):
        apart, fused = (light(dropout=True, fused=on)["step_compute"] for on in (False, True))
        plain, one = (light(dropout=False, fused=on)["step_compute"] for on in (False, True))
        residuals = 2 * 8 * 4 * 2048 * 1024
        assert (apart - plain) - (fused - one) == pytest.approx(2 * 4 * residuals / HBM["H100"])

    def test_selective_recomputation_drops_again(self):
        again = [
            light(flash_attention=False, dropout=on, recompute="selective")["step_recompute"] for on in (True, False)
        ]
        assert again[0] - again[1] == pytest.approx(5 * 8 * 16 * 4 * 2048**2 / HBM["H100"])


class TestSumsOfGradients:
    def difference(self, **asked):
        apart, fused = (light(fused_gradients=on, **asked)["step_compute"] for on in (False, True))
        return (apart - fused) * HBM["H100"]

    def test_each_microbatch_is_added_by_a_kernel(self):
        """4 microbatches: 2 bytes read, 4 read and 4 written, of every parameter."""
        parameters = gpt().parameter_count
        assert self.difference(gradient_precision="fp32", zero_stage=1) == pytest.approx(4 * 10 * parameters)

    def test_sums_that_are_divided_are_added_in_parts(self):
        """ZeRO 2 on 8 devices: all gradients are widened, 2 and 4 bytes; an eighth is added, 12 bytes."""
        parameters = gpt().parameter_count
        moved = 4 * (6 + 12 / 8) * parameters
        assert self.difference(gradient_precision="fp32", zero_stage=2) == pytest.approx(moved)

    def test_one_microbatch_of_the_same_format_has_nothing_to_add(self):
        assert self.difference(microbatch_size=4) == 0
        assert self.difference(microbatch_size=4, gradient_precision="fp32") > 0


class TestUnevenStages:
    def test_stages_are_as_long_as_those_of_a_model_with_two_layers_more(self):
        """6 layers and two ends on 4 stages: two layers in the middle, as 8 layers have on each stage."""
        uneven = light(model=gpt(layers=6), pp_size=4, batch=32, ends_as_layers=True)
        even = light(model=gpt(layers=8), pp_size=4, batch=32)
        twice = light(model=gpt(layers=14), pp_size=4, batch=32, ends_as_layers=True)
        assert twice["step_compute"] == pytest.approx(2 * uneven["step_compute"])  # neither end is in that stage
        assert uneven["step_compute"] < even["step_compute"]
        assert uneven["pipeline_bubble_latency"] == pytest.approx(even["pipeline_bubble_latency"])
        assert uneven["flops"] < even["flops"]

    def test_a_head_that_takes_longer_than_a_layer_sets_the_pace(self):
        wide = gpt(layers=6, vocab=262144)
        uneven, narrow = (light(model=one, pp_size=4, ends_as_layers=True) for one in (wide, gpt(layers=6)))
        assert uneven["step_compute"] > narrow["step_compute"]

    def test_the_stage_with_an_end_lacks_a_layer(self):
        """Of 8 stages of 405B: 15 layers and the embedding, of 128256 by 16384, where 16 layers weigh more."""
        model = Models.Llama3_1_405B
        plain = step(model, fleet(16), 64, tp_size=8, pp_size=8, ends_as_layers=True, zero_stage=0)
        layer = model.stack_parameters / 126
        assert model.vocab * model.hidden < layer
        assert plain["weights_size"] == pytest.approx(16 * layer / 8 * 2)

    def test_the_optimizer_finds_the_split_that_the_model_answers(self):
        model, machines, batch = Models.Llama3_1_405B, fleet(128, wire="50 GB/s"), 512
        search = {
            "max_cp": 1,
            "max_virtual_stages": 4,
            "zero_stages": (1,),
            "recompute": ("none",),
            "schedules": ("1f1b",),
        }
        found = ParallelismOptimizer().solve(model, machines, batch, ends_as_layers=True, seq_len=8192, **search)
        assert {one["config"]["pp"] for one in found.top_candidates} & {8, 16}
        best = found.best_config
        split = {f"{name}_size": best[name] for name in ("tp", "pp", "cp")}
        rest = {
            name: best[name] for name in ("zero_stage", "microbatch_size", "virtual_stages", "schedule", "recompute")
        }
        again = step(model, machines, batch, seq_len=8192, ends_as_layers=True, **split, **rest)
        assert again["step_latency_total"] == found.plain["best_step_time"]


SC21 = [
    # parameters [billion], heads, hidden, layers, tensor, pipeline, devices, batch, microbatch, TFLOP/s of a device
    (1.7, 24, 2304, 24, 1, 1, 32, 512, 16, 137),
    (3.6, 32, 3072, 30, 2, 1, 64, 512, 16, 138),
    (7.5, 32, 4096, 36, 4, 1, 128, 512, 16, 142),
    (18.4, 48, 6144, 40, 8, 1, 256, 1024, 8, 135),
]
"""Table 1 of Narayanan et al., SC 2021, the rows without a pipeline; microbatches from the authors' logs."""


@pytest.mark.parametrize("row", SC21, ids=[f"{row[0]}B" for row in SC21])
def test_megatron_on_a100_takes_as_long_as_published(row):
    """No constant here is fitted to a training step. Operations by the formula of the source, with recomputation.

    The worst, 1.7B, is 4.3 % too fast.
    """
    _, heads, hidden, layers, tensor, pipeline, devices, batch, size, rate = row
    run = {"tp_size": tensor, "pp_size": pipeline, "microbatch_size": size, "zero_stage": 0, "recompute": "full"}
    then = {"sequence_parallel": False, "flash_attention": False, "dropout": True, "fused_gradients": False}
    model, machines = gpt(layers, hidden, heads, 51200), fleet(devices // 8, "A100", "25 GB/s")
    taken = step(model, machines, batch, precision="fp16", overlap_comm=False, **run, **then)["step_latency_total"]
    shape = 1 + 2048 / (6 * hidden) + 51200 / (16 * layers * hidden)
    flops = 96 * batch * 2048 * layers * hidden**2 * shape
    assert flops / taken / devices / 1e12 == pytest.approx(rate, rel=0.045)


@pytest.mark.parametrize(("context", "peak"), [(1, 83.9), (2, 84.2), (4, 84.0)])
def test_memory_of_a_published_run(context, peak):
    """torchtitan's table of December 2024: Llama 3.1 8B on 8 devices, 32768 tokens on each, layers computed again."""
    split = {"cp_size": context, "zero_stage": 3, "microbatch_size": 1, "recompute": "full"}
    software = {"fused": False, "fused_gradients": False, "gradient_precision": "fp32"}
    asked = {"batch": 8 // context, "seq_len": 32768 * context} | split | software
    needed = step(Models.Llama3_1_8B, **asked)["memory_footprint"]
    assert needed / 2**30 == pytest.approx(peak, rel=0.05)


def test_a_loss_that_no_kernel_fuses_needs_two_more_copies_of_the_logits():
    """2048 tokens by 65536 words: 2 bytes of each logit and 8 of its gradients, more than a layer needs."""
    apart, fused = (light(model=gpt(vocab=65536), fused=on) for on in (False, True))
    assert apart["buffers_size"] == pytest.approx(2048 * 65536 * 10)
    assert fused["buffers_size"] < apart["buffers_size"] / 3
    assert apart["activations_size"] == fused["activations_size"]
