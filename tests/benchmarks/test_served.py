"""Served models: how near three levels come to 176 published points."""

from __future__ import annotations

from statistics import median, quantiles

import pytest

from benchmarks.fit.served import errors, host_overhead, points
from mlsysim.hardware.registry import universal
from mlsysim.validation.adapters import LEVELS

POINTS = points()


def sizes(points, level="fitted"):
    return [abs(error) for error in errors(points, level)]


def test_there_are_176_points():
    assert len(POINTS) == 176


@pytest.mark.parametrize("part", [POINTS, POINTS[::2], POINTS[1::2]], ids=["all", "fitted", "held out"])
def test_the_time_per_token_errs_by_6_per_cent_at_half_of_the_points_and_21_at_nine_tenths(part):
    """Constants are fitted to timed kernels only, the host's time of a step to every other point."""
    found = sizes(part)
    assert median(found) <= 0.06
    assert quantiles(found, n=10)[-1] <= 0.21


def test_the_time_of_the_host_is_what_the_fit_gives():
    assert universal("host_overhead") == round(host_overhead(POINTS[::2]), 4)


def test_each_level_is_nearer_than_the_one_before():
    none, sheet, fitted = (median(sizes(POINTS, level)) for level in LEVELS)
    assert fitted < sheet < none


def test_nothing_was_served_faster_than_light():
    assert max(errors(POINTS, "speed of light")) < 0
