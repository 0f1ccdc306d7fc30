"""Convolutions against layers worked by hand."""

from __future__ import annotations

from mlsysim.physics.convolution import convolution_flops, convolution_parameters


def test_the_first_layer_of_resnet():
    weights = convolution_parameters.plain(7, 7, 3, 64, 1)
    assert weights == 9408
    assert convolution_flops.plain(weights, 112, 112) == 2 * 9408 * 112 * 112


def test_a_depthwise_convolution_has_one_filter_a_channel():
    assert convolution_parameters.plain(3, 3, 64, 64, 64) == 9 * 64


def test_separating_a_convolution_saves_what_the_paper_says():
    """MobileNets, section 3.1: cost falls to 1/N + 1/D² of the full convolution."""
    full = convolution_parameters.plain(3, 3, 512, 256, 1)
    separated = convolution_parameters.plain(3, 3, 512, 512, 512) + convolution_parameters.plain(1, 1, 512, 256, 1)
    assert separated / full == 1 / 256 + 1 / 9
