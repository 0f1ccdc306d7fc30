"""The roofline behaves as a roofline: hand-worked points, limits, and the directions in which it may move."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlsysim.physics.roofline import (
    arithmetic_intensity,
    attainable_rate,
    compute_time,
    memory_time,
    model_flops_utilization,
    ridge_point,
    roofline_time,
)

amount = st.floats(1e3, 1e18)
rate = st.floats(1e6, 1e16)
part = st.floats(0.01, 1.0)
factor = st.floats(1.0, 100.0)


def total(flops, traffic, peak, bandwidth, efficiency, overhead=0.0):
    compute, memory = compute_time.plain(flops, peak, efficiency), memory_time.plain(traffic, bandwidth)
    return roofline_time.plain(compute, memory, overhead)


def test_a_point_worked_by_hand():
    assert total(8e9, 100e6, 312e12, 2.039e12, 0.5) == pytest.approx(8e9 / 156e12, rel=1e-12)
    assert total(8e9, 200e6, 312e12, 2.039e12, 0.5) == pytest.approx(200e6 / 2.039e12, rel=1e-12)


def test_ridge_of_the_h100():
    assert ridge_point.plain(989.4e12, 3.35e12) == pytest.approx(295.34, abs=0.005)


@given(peak=rate, bandwidth=rate)
def test_the_ridge_is_where_both_times_are_equal(peak, bandwidth):
    ridge = ridge_point.plain(peak, bandwidth)
    assert math.isclose(ridge * bandwidth, peak, rel_tol=1e-12)
    assert math.isclose(compute_time.plain(ridge * 1e9, peak), memory_time.plain(1e9, bandwidth), rel_tol=1e-12)


@given(peak=rate, bandwidth=rate, beyond=factor, efficiency=part)
def test_the_rate_saturates_at_the_ridge(peak, bandwidth, beyond, efficiency):
    ridge = ridge_point.plain(efficiency * peak, bandwidth)
    at_ridge = attainable_rate.plain(ridge, peak, bandwidth, efficiency)
    assert math.isclose(at_ridge, efficiency * peak, rel_tol=1e-12)
    assert math.isclose(attainable_rate.plain(ridge * beyond, peak, bandwidth, efficiency), at_ridge, rel_tol=1e-12)
    below = attainable_rate.plain(ridge / beyond, peak, bandwidth, efficiency)
    assert math.isclose(below, ridge / beyond * bandwidth, rel_tol=1e-12)


@given(flops=amount, traffic=amount, peak=rate, bandwidth=rate, efficiency=part)
def test_time_and_attainable_rate_say_the_same(flops, traffic, peak, bandwidth, efficiency):
    intensity = arithmetic_intensity.plain(flops, traffic)
    attainable = attainable_rate.plain(intensity, peak, bandwidth, efficiency)
    assert math.isclose(flops / total(flops, traffic, peak, bandwidth, efficiency), attainable, rel_tol=1e-12)


@given(flops=amount, traffic=amount, peak=rate, bandwidth=rate, efficiency=part, more=factor)
def test_time_moves_only_where_physics_lets_it(flops, traffic, peak, bandwidth, efficiency, more):
    time = total(flops, traffic, peak, bandwidth, efficiency)
    assert total(flops * more, traffic, peak, bandwidth, efficiency) >= time
    assert total(flops, traffic * more, peak, bandwidth, efficiency) >= time
    assert total(flops, traffic, peak * more, bandwidth, efficiency) <= time
    assert total(flops, traffic, peak, bandwidth * more, efficiency) <= time
    assert total(flops, traffic, peak, bandwidth, efficiency / more) >= time
    assert total(flops, traffic, peak, bandwidth, efficiency, overhead=1.0) > time


@given(flops=amount, traffic=amount, peak=rate, bandwidth=rate, efficiency=part, more=factor)
def test_twice_the_machine_takes_half_the_time(flops, traffic, peak, bandwidth, efficiency, more):
    time = total(flops, traffic, peak, bandwidth, efficiency)
    assert math.isclose(total(flops, traffic, peak * more, bandwidth * more, efficiency) * more, time, rel_tol=1e-12)
    assert math.isclose(total(flops * more, traffic * more, peak, bandwidth, efficiency), time * more, rel_tol=1e-12)


@given(flops=amount, traffic=amount, peak=rate, bandwidth=rate, efficiency=part)
def test_utilisation_never_exceeds_the_efficiency(flops, traffic, peak, bandwidth, efficiency):
    time = total(flops, traffic, peak, bandwidth, efficiency)
    assert 0 < model_flops_utilization.plain(flops, peak, time) <= efficiency * (1 + 1e-12)
