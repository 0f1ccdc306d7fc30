"""Training: memory and operations against published tables and shapes worked by hand."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlsysim.physics import training, training_memory
from mlsysim.physics import transformer as shape

GPTS = {"22B": (64, 6144, 48), "175B": (96, 12288, 96), "530B": (128, 20480, 105), "1T": (160, 25600, 128)}
"""Heads, width and layers of the models of Korthikanti et al. 2023, table 3."""
S, V = 2048, 51200
"""Their tokens and words."""
every_gpt = pytest.mark.parametrize("name", GPTS)
size = st.floats(1, 1e6)


def gpt_layer(name, tensor=1, sequence=1, selective=False):
    """A GPT layer with dropout at 16 bits, one sequence."""
    heads, hidden, _ = GPTS[name]
    scores = 0.0 if selective else training_memory.score_bytes.plain(S, 2, 3)
    return training_memory.layer_activation_bytes.plain(
        S, hidden, 4, 2, 12 * hidden, heads, scores, 2, tensor, sequence
    )


class TestActivations:
    @every_gpt
    def test_the_table_of_korthikanti(self, name):
        """Table 2: bytes of a layer, with 8 tensor-parallel devices."""
        a, h, _ = GPTS[name]
        t = 8
        assert gpt_layer(name) == pytest.approx(S * h * (34 + 5 * a * S / h), rel=1e-12)
        assert gpt_layer(name, t) == pytest.approx(S * h * (10 + 24 / t + 5 * a * S / (h * t)), rel=1e-12)
        assert gpt_layer(name, t, t) == pytest.approx(S * h * (34 / t + 5 * a * S / (h * t)), rel=1e-12)
        assert gpt_layer(name, t, selective=True) == pytest.approx(S * h * (10 + 24 / t), rel=1e-12)
        assert gpt_layer(name, t, t, selective=True) == pytest.approx(S * h * 34 / t, rel=1e-12)
        assert training_memory.checkpoint_bytes.plain(S, h, 2) == S * h * 2

    @pytest.mark.parametrize(("name", "saved"), [("175B", 0.70), ("530B", 0.65)])
    def test_selective_recomputation_saves_what_the_paper_says(self, name, saved):
        """Section 5: 70 % for GPT-3, 65 % for MT-NLG."""
        assert 1 - gpt_layer(name, selective=True) / gpt_layer(name) == pytest.approx(saved, abs=0.005)

    def test_a_layer_of_8b_shape_with_all_scores(self):
        """h = 4096, a = 32, L = 32, one sequence of 2048: 32·2048·4096·(34 + 80) bytes."""
        scores = training_memory.score_bytes.plain(2048, 2, 3)
        layer = training_memory.layer_activation_bytes.plain(2048, 4096, 4, 2, 12 * 4096, 32, scores, 2)
        total = training_memory.kept_activation_bytes.plain(32, layer, 0)
        assert total == 32 * 2048 * 4096 * (34 + 5 * 32 * 2048 / 4096)
        assert f"{total / 1e9:.1f}" == "30.6"

    def test_the_first_pipeline_stage_keeps_as_much_as_the_whole_model_for_one_microbatch(self):
        """Section 4.2.3: L/p layers for each of p microbatches."""
        whole = training_memory.kept_activation_bytes.plain(96, 1e9, 0)
        assert training_memory.kept_activation_bytes.plain(96, 1e9, 0, pipeline=8, in_flight=8) == whole

    def test_the_end_of_the_network(self):
        """Section 4.3: 4·s·b·(h + v)/t."""
        end = training_memory.head_activation_bytes.plain(S, 12288, 2, S * V, 4, 8)
        assert end == 4 * S * (12288 + V) / 8

    @given(tokens=size, hidden=size, widths=size, heads=st.integers(1, 128), scores=size)
    def test_dividing_a_layer_never_takes_more(self, tokens, hidden, widths, heads, scores):
        def layer(tensor, sequence):
            return training_memory.layer_activation_bytes.plain(
                tokens, hidden, 4, 2, widths, heads, scores, 2, tensor, sequence
            )

        assert layer(8, 8) <= layer(8, 1) <= layer(1, 1)
        assert layer(8, 8) * 8 == pytest.approx(layer(1, 1), rel=1e-12)


class TestStates:
    @pytest.mark.parametrize(
        ("devices", "first", "second", "third"),
        [
            (1, 120, 120, 120),
            (4, 52.5, 41.3, 30),
            (16, 35.6, 21.6, 7.5),
            (64, 31.4, 16.6, 1.88),
            (256, 30.4, 15.4, 0.47),
            (1024, 30.1, 15.1, 0.12),
        ],
    )
    def test_the_table_of_zero(self, devices, first, second, third):
        """Rajbhandari et al. 2020, table 1: GB of 7.5 billion parameters with Adam at 16 bits, stages 1 to 3."""

        def held(weights, gradients, optimizer):
            shards = {2: (weights, gradients), 12: (optimizer,)}
            terms = [training_memory.state_bytes.plain(7.5e9, b, shards=z) for b in shards for z in shards[b]]
            return sum(terms) / 1e9

        for published, states in zip(
            (first, second, third),
            (held(1, 1, devices), held(1, devices, devices), held(devices, devices, devices)),
            strict=True,
        ):
            assert states == pytest.approx(published, abs=0.051 if published > 8 else 0.006)

    @pytest.mark.parametrize(("rank", "matrices", "millions"), [(1, 2, 4.7), (8, 2, 37.7), (8, 1, 18.9), (4, 2, 18.9)])
    def test_the_adapters_of_lora(self, rank, matrices, millions):
        """Hu et al. 2022, tables 4 and 5: GPT-3, of whose square matrices one or two are adapted."""
        trained = training_memory.lora_parameters.plain(96, rank, matrices * 2 * 12288)
        assert trained / 1e6 == pytest.approx(millions, abs=0.05)

    def test_adam_moves_28_bytes_a_parameter(self):
        """Gradient 2, master copy and two moments both ways 24, weight 2."""
        assert training.optimizer_traffic.plain(2, 12, 2, 1) == 28


class TestOperations:
    @staticmethod
    def forward(name):
        """Operations of a forward pass over one sequence, every pair of a query and a key counted, as in the paper."""
        heads, hidden, layers = GPTS[name]
        products = shape.layer_flops.plain(layers * 12 * hidden**2, S) + shape.head_flops.plain(V * hidden, S)
        return products, shape.attention_flops.plain(layers, heads, hidden / heads, S**2)

    @every_gpt
    def test_a_step_takes_what_the_paper_counts(self, name):
        """Appendix A: 72·B·L·s·h²·(1 + s/6h + v/12hL)."""
        _, h, layers = GPTS[name]
        expected = 72 * layers * S * h**2 * (1 + S / (6 * h) + V / (12 * h * layers))
        assert training.step_flops.plain(0, *self.forward(name)) == pytest.approx(expected, rel=1e-12)

    @pytest.mark.parametrize(("name", "share"), [("175B", 0.027), ("530B", 0.016)])
    def test_selective_recomputation_repeats_a_small_part_of_the_forward_pass(self, name, share):
        """Section 5: 2.7 % for GPT-3, 1.6 % for MT-NLG."""
        products, attention = self.forward(name)
        assert attention / (products + attention) == pytest.approx(share, abs=0.0005)

    @pytest.mark.parametrize(
        ("name", "mfu", "hfu"), [("22B", 41.5, 43.7), ("175B", 51.4, 52.8), ("530B", 56.0, 57.0), ("1T", 56.3, 57.0)]
    )
    def test_the_published_hfu_counts_attention_three_times(self, name, mfu, hfu):
        """Table 5. Attention is computed again once, so what the hardware executes is less."""
        products, attention = self.forward(name)
        model = training.step_flops.plain(0, products, attention)
        thrice, once = (training.hardware_flops.plain(model, 0, attention, repeats) for repeats in (3, 1))
        assert thrice / model == pytest.approx(hfu / mfu, abs=0.002)
        assert (once / model - 1) * 3 == pytest.approx(thrice / model - 1, rel=1e-9)

    def test_full_recomputation_takes_a_third_more(self):
        model = training.step_flops.plain(0, 90, 10)
        assert training.hardware_flops.plain(model, 90, 10, 1) == pytest.approx(4 / 3 * model, rel=1e-12)

    def test_frozen_weights_need_no_gradient_of_their_own(self):
        assert training.step_flops.plain(90, 0, 0) == 180
        assert training.step_flops.plain(0, 90, 0) == 270


class TestOffload:
    def test_what_fits_does_not_cross_the_link(self):
        assert training.spilled_bytes.plain(70, 80) == 0
        assert training.offload_time.plain(0, 112, 63) == 0

    def test_states_cross_once_and_weights_come_in_twice(self):
        """Of 130 bytes, 112 are states; the 18 of weights come in for both passes."""
        assert training.offload_time.plain(100, 112, 10) == 10
        assert training.offload_time.plain(130, 112, 10) == pytest.approx((130 + 18) / 10, rel=1e-12)

    @given(needed=size, capacity=size, more=size, once=size, bandwidth=size)
    def test_more_memory_and_a_faster_link_never_hurt(self, needed, capacity, more, once, bandwidth):
        def time(capacity, bandwidth):
            return training.offload_time.plain(training.spilled_bytes.plain(needed, capacity), once, bandwidth)

        slack = 1e-6 * needed / bandwidth
        assert time(capacity + more, bandwidth) <= time(capacity, bandwidth) + slack
        assert time(capacity, bandwidth + more) <= time(capacity, bandwidth) + slack


class TestTrafficBesideTheProducts:
    def test_scores_that_are_dropped_by_hand(self):
        """8 heads and 4 sequences of 2048: 134 million scores, 2 bytes in, 2 out, 1 of mask."""
        assert training.dropout_traffic.plain(8 * 4 * 2048**2, 2, 1) == 671_088_640

    @given(elements=size)
    def test_where_another_kernel_moves_the_elements_only_the_mask_is_left(self, elements):
        assert training.dropout_traffic.plain(elements, 0, 1) == elements

    def test_a_sum_of_gradients_by_hand(self):
        """A billion parameters: 2 GB of new gradients, 4 GB of sums read, 4 GB written."""
        assert training.accumulation_traffic.plain(1e9, 2, 4) == 10e9
