"""Collectives: published sums, and what no algorithm escapes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlsysim.physics.collectives import (
    all_gather_time,
    all_reduce_bus_bandwidth,
    all_reduce_time,
    bus_bandwidth,
    switch_all_reduce_time,
    transfer_time,
)

messages, bandwidths, delays = st.floats(0, 1e12), st.floats(1e6, 1e13), st.floats(0, 1e-3)
rings = st.integers(1, 10_000)


def test_gradients_of_a_70b_model_among_1024_devices():
    """140 GB at 50 GB/s: 2·1023/1024 of it, 5.6 s; and 1 µs in each of 2046 steps."""
    assert all_reduce_time.plain(140e9, 1024, 50e9, 0, 0) == pytest.approx(5.5945, rel=1e-4)
    latency = all_reduce_time.plain(140e9, 1024, 50e9, 1e-6, 0) - all_reduce_time.plain(140e9, 1024, 50e9, 0, 0)
    assert latency == pytest.approx(2046e-6, rel=1e-6)


@given(message=messages, devices=rings, bandwidth=bandwidths, latency=delays, setup=delays)
def test_an_all_reduce_is_a_reduce_scatter_and_an_all_gather(message, devices, bandwidth, latency, setup):
    halves = 2 * all_gather_time.plain(message, devices, bandwidth, latency, setup / 2)
    assert all_reduce_time.plain(message, devices, bandwidth, latency, setup) == pytest.approx(halves, rel=1e-9)


@given(message=messages, bandwidth=bandwidths, latency=delays)
def test_a_device_alone_exchanges_nothing(message, bandwidth, latency):
    assert all_reduce_time.plain(message, 1, bandwidth, latency, 0) == 0
    assert all_gather_time.plain(message, 1, bandwidth, latency, 0) == 0


@given(message=messages, devices=st.integers(2, 10_000), bandwidth=bandwidths)
def test_no_ring_beats_the_bandwidth_of_a_link(message, devices, bandwidth):
    """Each device must send at least (N - 1)/N of what it has, twice [patarasuk2009ring]; never more than twice all."""
    time = all_reduce_time.plain(message, devices, bandwidth, 0, 0)
    assert message / bandwidth * (1 - 1e-12) <= time <= 2 * message / bandwidth
    assert time >= transfer_time.plain(message, bandwidth, 0) * (1 - 1e-12)


@given(message=st.floats(1, 1e12), devices=st.integers(2, 10_000), bandwidth=bandwidths)
def test_the_bus_bandwidth_of_a_ring_is_that_of_its_links(message, devices, bandwidth):
    reduced = all_reduce_time.plain(message, devices, bandwidth, 0, 0)
    gathered = all_gather_time.plain(message, devices, bandwidth, 0, 0)
    assert all_reduce_bus_bandwidth.plain(message, devices, reduced) == pytest.approx(bandwidth, rel=1e-9)
    assert bus_bandwidth.plain(message, devices, gathered) == pytest.approx(bandwidth, rel=1e-9)


def test_bus_bandwidths_of_nccl_tests():
    """A row of a published table: 17,179,869,184 bytes on eight devices in 127,997 µs are 134.22 and 234.89 GB/s."""
    time = 127997e-6
    assert 17179869184 / time == pytest.approx(134.22e9, rel=1e-4)
    assert all_reduce_bus_bandwidth.plain(17179869184, 8, time) == pytest.approx(234.89e9, rel=1e-4)


@given(message=messages, devices=st.integers(4, 10_000), bandwidth=bandwidths, setup=delays)
def test_a_switch_saves_more_the_more_devices_there_are(message, devices, bandwidth, setup):
    """(1 + 1/N) against 2·(N - 1)/N: less from four devices on, and half in the end."""
    time = switch_all_reduce_time.plain(message, devices, bandwidth, setup)
    ring = all_reduce_time.plain(message, devices, bandwidth, 0, setup)
    assert time <= ring * (1 + 1e-12)
    assert time - setup >= (ring - setup) / 2 * (1 - 1e-9) - 1e-12


def test_three_devices_send_as_much_either_way():
    assert switch_all_reduce_time.plain(9e9, 3, 1e9, 0) == all_reduce_time.plain(9e9, 3, 1e9, 0, 0) == 12.0
