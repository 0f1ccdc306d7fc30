"""Operators: a floor, two ceilings, and attention that gains with length."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlsysim.physics.operators import (
    attention_backward_efficiency,
    attention_efficiency,
    operator_time,
    product_flops,
)

flops, bytes_, peaks, bandwidths = st.floats(0, 1e15), st.floats(0, 1e12), st.floats(1e9, 1e16), st.floats(1e6, 1e13)
shares, floors = st.floats(0.01, 1), st.floats(0, 1e-3)


def test_a_product_by_hand():
    """4096 × 4096 weights and 64 rows: 2·64·4096², and 33.6 MB of weights, 0.5 MB in and out each."""
    assert product_flops.plain(64, 4096, 4096) == 2_147_483_648
    traffic = 2 * (4096 * 4096 + 2 * 64 * 4096)
    time = operator_time.plain(2_147_483_648, traffic, 989.4e12, 3.35e12, 0.78, 0.80, 3e-6)
    assert time == pytest.approx(3e-6 + 34_603_008 / (0.80 * 3.35e12), rel=1e-12)


@given(flops, bytes_, peaks, bandwidths, shares, shares, floors)
def test_never_below_the_speed_of_light(work, moved, peak, bandwidth, compute, memory, floor):
    light = operator_time.plain(work, moved, peak, bandwidth, 1.0, 1.0, 0.0)
    assert operator_time.plain(work, moved, peak, bandwidth, compute, memory, floor) >= light * (1 - 1e-12)
    assert light == max(work / peak, moved / bandwidth)


@given(efficiency=shares, length=st.floats(1, 1e6), half=st.floats(1, 1e4))
def test_attention_reaches_half_of_its_efficiency_at_its_half_length(efficiency, length, half):
    assert attention_efficiency.plain(efficiency, half, half) == pytest.approx(efficiency / 2)
    assert attention_efficiency.plain(efficiency, length, half) <= efficiency
    longer = attention_efficiency.plain(efficiency, 2 * length, half)
    assert attention_efficiency.plain(efficiency, length, half) <= longer


@given(efficiency=shares, share=shares, length=st.floats(1, 1e6), half=st.floats(0, 1e4))
def test_the_backward_pass_of_attention_never_reaches_more_than_the_forward_pass(efficiency, share, length, half):
    backward = attention_backward_efficiency.plain(efficiency, share, length, half)
    assert 0 < backward <= efficiency * (1 + 1e-12)
    assert backward <= attention_backward_efficiency.plain(efficiency, share, 2 * length, half) * (1 + 1e-12)


def test_the_backward_pass_of_very_long_sequences_reaches_its_whole_share():
    assert attention_backward_efficiency.plain(0.6, 0.9, 1e9, 200) == pytest.approx(0.54)
