"""Published attention kernels: their constants are the fit of the bars of the figures, within the errors stated."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from benchmarks.fit.measured import FOLDER
from benchmarks.fit.search import errors, search, summary
from mlsysim import Hardware
from mlsysim.core.solver.node.kernels import Calibration
from mlsysim.hardware.attention import ATTENTION_KERNELS
from mlsysim.hardware.registry import UNIVERSAL, universal
from mlsysim.models.operators import Operator
from mlsysim.physics.operators import attention_backward_efficiency, attention_efficiency
from mlsysim.physics.transformer import attention_backward_flops

POINTS = pd.read_csv(FOLDER / "published_attention.csv")
FITS = [(kernel, device) for kernel in ATTENTION_KERNELS.names for device in ATTENTION_KERNELS[kernel]]


def bars(**having):
    rows = POINTS
    for name, value in having.items():
        rows = rows[rows[name] == value]
    return rows


def inverse(share, half, length):
    return 1 / attention_efficiency.plain(share, length, half)


@pytest.mark.parametrize(("kernel", "device"), FITS)
def test_constants_are_the_fit_of_the_bars(kernel, device):
    rows = bars(kernel=kernel, device=device, passes="both")
    assert len(rows) == 6
    length = rows.length.to_numpy(float)
    seen = Hardware[device].plain.peaks["bf16"] / 1e12 / rows.tflops.to_numpy()
    share, half = search(lambda share, half: inverse(share, half, length), seen, (0.3, 300.0), shares=1)
    fit = ATTENTION_KERNELS[kernel][device]
    assert (fit.efficiency, fit.half_length) == (share, half)
    told = summary(errors(inverse(share, half, length), seen))
    assert told == {"median_error": fit.median_error, "p90_error": fit.p90_error}


def ratios():
    rows = POINTS[~POINTS.causal].pivot_table(index=["kernel", "length"], columns="passes", values="tflops")
    assert len(rows) == 18
    return (rows.backward / rows.forward).reset_index(name="ratio")


def test_the_backward_pass_is_the_fit_of_three_kernels():
    rows = ratios()
    length, seen = rows.length.to_numpy(float), 1 / rows.ratio.to_numpy()
    share, half = search(lambda share, half: inverse(share, half, length), seen, (0.85, 150.0), shares=1)
    assert (share, half) == (universal("attention_backward"), universal("attention_backward_half_length"))
    told = summary(errors(inverse(share, half, length), seen))
    assert told == {"median_error": 0.006, "p90_error": 0.056}
    assert "0.6 %" in UNIVERSAL["attention_backward"].condition
    assert "5.6 %" in UNIVERSAL["attention_backward"].condition


def test_kernels_of_different_speed_have_the_same_ratio_of_backward_to_forward():
    spread = ratios().groupby("length").ratio.agg(lambda one: one.max() / one.min())
    assert spread[spread.index >= 2048].max() < 1.07


def test_the_forward_pass_that_was_timed_is_that_of_the_latest_kernels():
    """Constants fitted to timings of serving engines give the causal bars of FlashAttention-3 within 12 %."""
    rows = bars(kernel="flash-3", causal=True, passes="forward")
    fit, peak = Hardware.H100.kernels.prefill_attention["bf16"], Hardware.H100.plain.peaks["bf16"] / 1e12
    reached = peak * attention_efficiency.plain(fit.efficiency, rows.length.to_numpy(float), fit.half_length)
    wrong = errors(reached, rows.tflops.to_numpy())
    assert np.median(wrong) < 0.06
    assert wrong.max() < 0.12


@pytest.mark.parametrize("kernel", ["flash-3", "cudnn"])
def test_the_backward_pass_of_the_latest_kernels_is_as_published(kernel):
    """From the forward bar of each length to the backward bar."""
    forward, backward = (
        bars(kernel=kernel, causal=False, passes=one).tflops.to_numpy() for one in ("forward", "backward")
    )
    length = bars(kernel=kernel, causal=False, passes="forward").length.to_numpy(float)
    constants = universal("attention_backward"), length, universal("attention_backward_half_length")
    assert errors(attention_backward_efficiency.plain(forward, *constants), backward).max() < 0.07


@pytest.mark.parametrize(("kernel", "device"), FITS)
def test_a_kernel_takes_as_long_as_its_bar_says(kernel, device):
    """16 heads of 128 on 16384 tokens, the setting of the figures, forward and backward pass; without the floor."""
    kernels = Calibration(Hardware[device], "bf16", "bf16", attention=kernel)
    for length, tflops in bars(kernel=kernel, device=device, passes="both")[["length", "tflops"]].itertuples(
        index=False
    ):
        forward = 4 * length * 16384 * 2048 / 2
        both = [("forward", forward), ("backward", attention_backward_flops.plain(forward))]
        rows = [Operator("attention", "attention", n=length, flops=flops, phase=phase) for phase, flops in both]
        taken = sum(one.time - one.overhead for one in map(kernels.time, rows))
        assert 3.5 * forward / taken / 1e12 == pytest.approx(tflops, rel=0.06)


def test_later_generations_are_faster():
    for device in ("A100", "H100"):
        first, second = (ATTENTION_KERNELS[kernel][device] for kernel in ("flash-1", "flash-2"))
        timed = Hardware[device].kernels.prefill_attention["bf16"]
        for length in (512, 2048, 65536):
            reached = [attention_efficiency.plain(one.efficiency, length, one.half_length) for one in (first, second)]
            backward = universal("attention_backward"), length, universal("attention_backward_half_length")
            forward = attention_efficiency.plain(timed.efficiency, length, timed.half_length)
            assert reached[0] < reached[1]
            if length >= 2048:
                assert reached[1] < forward
                assert reached[0] < attention_backward_efficiency.plain(forward, *backward)
