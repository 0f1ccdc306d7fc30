"""Selective state-space models, term by term against hand counts."""

from __future__ import annotations

from mlsysim.physics import state_space as physics


def test_a_layer_has_what_its_tensors_add_up_to():
    hidden, inner, rank, state, kernel = 4, 8, 2, 3, 5
    products = [hidden * 2 * inner, inner * kernel, inner * (rank + 2 * state), rank * inner, inner * hidden]
    assert physics.product_parameters.plain(hidden, inner, rank, state, kernel) == sum(products)
    conv_bias, step_bias, decay, through, norm = inner, inner, inner * state, inner, hidden
    rest = conv_bias + step_bias + decay + through + norm
    assert physics.other_parameters.plain(hidden, inner, state) == rest


def test_activations_are_the_inputs_and_outputs_of_six_operators():
    hidden, inner, rank, state = 4, 8, 2, 3
    operators = [
        hidden + 2 * inner,  # into the layer: channels and gate
        2 * inner,  # convolution
        inner + rank + 2 * state,  # compressed step, two vectors
        rank + inner,  # step of each channel
        (3 * inner + 2 * state) + inner,  # scan of channels, steps, gate and vectors
        inner + hidden + hidden,  # out, with the residual
    ]
    assert physics.activation_bytes.plain(1, 1, hidden, inner, rank, state, 0, 1) == sum(operators)


def test_the_state_is_that_of_the_scan_and_of_the_convolution():
    assert physics.state_bytes.plain(2, 8, 3, 5, 4, 2) == 2 * (8 * 3 + 8 * 5) * 4 * 2
