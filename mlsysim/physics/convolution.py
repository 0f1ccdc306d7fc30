"""Weights and operations of a convolution, from its shape."""

from __future__ import annotations

from typing import Any

from mlsysim.physics.equation import count, equation, nonnegative, positive


@equation(
    "N_conv = k_h·k_w·(c_in / g)·c_out",
    "param",
    "howard2017mobilenets",
    kernel_height=count("k_h"),
    kernel_width=count("k_w"),
    channels_in=count("c_in"),
    channels_out=count("c_out"),
    groups=count("g"),
)
def convolution_parameters(
    kernel_height: Any, kernel_width: Any, channels_in: Any, channels_out: Any, groups: Any = 1
) -> Any:
    """Return the weights of a convolution, N_conv = k_h·k_w·(c_in/g)·c_out.

    Parameters
    ----------
    kernel_height, kernel_width
        k_h and k_w, size of the kernel; 1 and 1 for a dense layer.
    channels_in, channels_out
        c_in and c_out.
    groups
        g, 1 for an ordinary convolution, c_in for a depthwise one.

    Returns
    -------
    Quantity
        N_conv [param], bias left out.

    Notes
    -----
    Source: [howard2017mobilenets], section 3.1.

    Examples
    --------
    >>> print(convolution_parameters(3, 3, 64, 64))
    36864.0 param
    """
    return kernel_height * kernel_width * (channels_in / groups) * channels_out


@equation(
    "F_conv = 2·N_conv·H·W",
    "flop",
    "howard2017mobilenets",
    parameters=count("N_conv"),
    height=count("H"),
    width=count("W"),
)
def convolution_flops(parameters: Any, height: Any, width: Any) -> Any:
    """Return the operations of a convolution, F_conv = 2·N_conv·H·W: each weight multiplies once an output position.

    Parameters
    ----------
    parameters
        N_conv, weights without bias.
    height, width
        H and W of the output.

    Returns
    -------
    Quantity
        F_conv [FLOP]; a multiply-accumulate is 2.

    Notes
    -----
    Source: [howard2017mobilenets], section 3.1, which counts multiply-adds.

    Examples
    --------
    >>> print(convolution_flops(36864, 56, 56).to("MFLOP"))
    231.211008 MFLOP
    """
    return 2 * parameters * height * width


@equation("F = B·F_1", "flop", "howard2017mobilenets", batch=count("B"), sample_flops=nonnegative("F_1", "flop"))
def batch_flops(batch: Any, sample_flops: Any) -> Any:
    """Return the operations of a batch, F = B·F_1.

    Parameters
    ----------
    batch
        B, samples.
    sample_flops
        F_1, operations for one of them, summed over the layers [FLOP].

    Returns
    -------
    Quantity
        F [FLOP].

    Notes
    -----
    Source: [howard2017mobilenets], section 3.1, whose layers are summed.

    Examples
    --------
    >>> from mlsysim import Q_
    >>> print(batch_flops(8, Q_(8.2, "GFLOP")).to("GFLOP"))
    65.6 GFLOP
    """
    return batch * sample_flops


@equation(
    "A = B·b·e", "byte", "ivanov2021data", batch=count("B"), elements=count("e"), element_size=positive("b", "byte")
)
def activation_bytes(batch: Any, elements: Any, element_size: Any) -> Any:
    """Return the activations of a batch, A = B·b·e.

    Parameters
    ----------
    batch
        B, samples.
    elements
        e, elements for one of them: each operator reads its inputs and writes its outputs once, with norm, activation
        function and the addition of a shortcut fused into the convolution before them.
    element_size
        b, bytes of one element [byte].

    Returns
    -------
    Quantity
        A [byte].

    Notes
    -----
    Source: the counting rule of [ivanov2021data].

    Examples
    --------
    >>> from mlsysim import Q_
    >>> print(activation_bytes(1, 22e6, Q_(2, "byte")).to("MB"))
    44.0 MB
    """
    return batch * element_size * elements


@equation(
    "A_live = B·b·e",
    "byte",
    "lai2018cmsisnn",
    batch=count("B"),
    elements=count("e"),
    element_size=positive("b", "byte"),
)
def live_bytes(batch: Any, elements: Any, element_size: Any) -> Any:
    """Return the most activations of a batch alive at once, A_live = B·b·e.

    Parameters
    ----------
    batch
        B, samples.
    elements
        e, elements for one of them: inputs and outputs of the layer that needs most, with a shortcut that is kept.
    element_size
        b, bytes of one element [byte].

    Returns
    -------
    Quantity
        A_live [byte].

    Notes
    -----
    Source: [lai2018cmsisnn], section 3.

    Examples
    --------
    >>> from mlsysim import Q_
    >>> print(live_bytes(1, 16000, Q_(1, "byte")).to("kB"))
    16.0 kB
    """
    return batch * element_size * elements
