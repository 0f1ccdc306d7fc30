"""One step of training: operations and traffic, and the time of a step whose state spills to the host.

What a step holds in memory is in `training_memory`.
"""

from __future__ import annotations

from typing import Any

from mlsysim.physics.elementwise import maximum
from mlsysim.physics.equation import count, equation, nonnegative, positive


@equation(
    "F = 2·F_frozen + 3·(F_trained + F_attn)",
    "flop",
    "kaplan2020scaling",
    frozen=nonnegative("F_frozen", "flop"),
    trained=nonnegative("F_trained", "flop"),
    attention=nonnegative("F_attn", "flop"),
)
def step_flops(frozen: Any, trained: Any, attention: Any) -> Any:
    """Return the operations that one training step needs, F = 2·F_frozen + 3·(F_trained + F_attn).

    The backward pass takes twice the forward pass: a product for the gradient of its input and one for that of its
    weights. Frozen weights need the first alone; scores and values are both inputs.

    Parameters
    ----------
    frozen
        F_frozen, forward operations of products with weights that are not trained [FLOP].
    trained
        F_trained, forward operations of products with weights that are [FLOP].
    attention
        F_attn, forward operations of scores and of their sum over the values [FLOP].

    Returns
    -------
    Quantity
        F [FLOP], recomputation left out: what model FLOPs utilisation counts.

    Notes
    -----
    Source: [kaplan2020scaling], section 2.1; frozen weights as in [hu2022lora].

    Examples
    --------
    >>> from mlsysim import Q_
    >>> step_flops(Q_(0, "GFLOP"), Q_(15, "GFLOP"), Q_(1, "GFLOP")).to("GFLOP").magnitude
    48.0
    """
    return 2 * frozen + 3 * (trained + attention)


@equation(
    "F_hw = F + F_re + x·F_attn",
    "flop",
    "korthikanti2023reducing",
    model=nonnegative("F", "flop"),
    products=nonnegative("F_re", "flop"),
    attention=nonnegative("F_attn", "flop"),
    repeats=nonnegative("x", "dimensionless"),
)
def hardware_flops(model: Any, products: Any, attention: Any, repeats: Any) -> Any:
    """Return the operations that the hardware executes in a step, F_hw = F + F_re + x·F_attn.

    Parameters
    ----------
    model
        F, operations that the step needs, see `step_flops` [FLOP].
    products
        F_re, products with weights that are computed again: those of all layers in full recomputation, else 0 [FLOP].
    attention
        F_attn, forward operations of attention [FLOP].
    repeats
        x, how often attention is computed again: 1 in selective and in full recomputation, and 1/2 more in
        FlashAttention, whose backward pass computes the scores, one of the two products, again.

    Returns
    -------
    Quantity
        F_hw [FLOP]: what hardware FLOPs utilisation counts.

    Notes
    -----
    Source: [korthikanti2023reducing], section 5; FlashAttention [dao2022flashattention], algorithm 4. Appendix A of the
    former adds attention three times for selective recomputation, though it is computed again once.

    Examples
    --------
    >>> from mlsysim import Q_
    >>> hardware_flops(Q_(48, "GFLOP"), Q_(15, "GFLOP"), Q_(1, "GFLOP"), 1).to("GFLOP").magnitude
    64.0
    """
    return model + products + repeats * attention


@equation(
    "HFU = F_hw / (P·T)",
    "dimensionless",
    "chowdhery2023palm",
    flops=nonnegative("F_hw", "flop"),
    peak=positive("P", "flop/s"),
    time=positive("T", "s"),
)
def hardware_flops_utilization(flops: Any, peak: Any, time: Any) -> Any:
    """Return the fraction of the peak that all executed arithmetic uses, HFU = F_hw / (P·T).

    Parameters
    ----------
    flops
        F_hw, operations executed, recomputation included [FLOP]; scalar or array.
    peak
        P, dense peak rate [FLOP/s].
    time
        T, time taken [s].

    Returns
    -------
    Quantity
        HFU [dimensionless].

    Notes
    -----
    Source: [chowdhery2023palm], appendix B.

    Examples
    --------
    >>> from mlsysim import Q_
    >>> print(f"{hardware_flops_utilization(Q_(528, 'TFLOP'), Q_(1000, 'TFLOP/s'), Q_(1, 's')).magnitude:.0%}")
    53%
    """
    return flops / (peak * time)


@equation(
    "Q = k·W + G + (k + 1)·A",
    "byte",
    "ivanov2021data",
    passes=count("k"),
    weights=nonnegative("W", "byte"),
    gradients=nonnegative("G", "byte"),
    activations=nonnegative("A", "byte"),
)
def step_traffic(passes: Any, weights: Any, gradients: Any, activations: Any) -> Any:
    """Return the bytes that the forward and the backward pass of a step move, Q = k·W + G + (k + 1)·A.

    Parameters
    ----------
    passes
        k, times that the weights are read: 2, forward and backward; 3 with full recomputation.
    weights
        W, weights that a pass reads [byte].
    gradients
        G, gradients of weights, written once [byte].
    activations
        A, activations that a forward pass reads and writes [byte]. The backward pass moves as many for each of the two
        products that it makes of one.

    Returns
    -------
    Quantity
        Q [byte].

    Notes
    -----
    Source: the counting rule of [ivanov2021data].

    Examples
    --------
    >>> from mlsysim import Q_
    >>> print(step_traffic(2, Q_(16, "GB"), Q_(16, "GB"), Q_(10, "GB")).to("GB"))
    78.0 GB
    """
    return passes * weights + gradients + (passes + 1) * activations


@equation(
    "Q_s = 4·b·L·a·p",
    "byte",
    "dao2022flashattention",
    layers=count("L"),
    heads=count("a"),
    pairs=count("p"),
    element_size=positive("b", "byte"),
)
def score_traffic(layers: Any, heads: Any, pairs: Any, element_size: Any) -> Any:
    """Return the scores that attention moves if they leave the chip, Q_s = 4·b·L·a·p: each of two tensors both ways.

    Parameters
    ----------
    layers
        L, attention layers.
    heads
        a, query heads.
    pairs
        p, pairs of a query and a key: all of them, because masked ones are stored too.
    element_size
        b, bytes of one element [byte].

    Returns
    -------
    Quantity
        Q_s [byte].

    Notes
    -----
    Source: [dao2022flashattention], algorithm 0: scores and their softmax are each written and read.

    Examples
    --------
    >>> from mlsysim import Q_
    >>> print(score_traffic(32, 32, 2048**2, Q_(2, "byte")).to("GB"))
    34.359738368 GB
    """
    return 4 * element_size * layers * heads * pairs


@equation(
    "Q_d = (2·b + μ)·n",
    "byte",
    "korthikanti2023reducing",
    elements=nonnegative("n", "dimensionless"),
    element_size=nonnegative("b", "byte"),
    mask_size=positive("μ", "byte"),
)
def dropout_traffic(elements: Any, element_size: Any, mask_size: Any) -> Any:
    """Return what dropping elements moves, Q_d = (2·b + μ)·n: each is read and written, and its mask goes one way.

    The backward pass moves as much: it reads the gradient and the mask, and writes what of the gradient is left.

    Parameters
    ----------
    elements
        n, elements; scalar or array.
    element_size
        b, bytes of one element; 0 where another kernel moves the elements anyway, and only the mask is left [byte].
    mask_size
        μ, bytes of the mask of one element [byte].

    Returns
    -------
    Quantity
        Q_d [byte].

    Notes
    -----
    Source: [korthikanti2023reducing], section 4.1: a mask has one byte for each element.

    Examples
    --------
    >>> from mlsysim import Q_
    >>> print(dropout_traffic(2e9, Q_(2, "byte"), Q_(1, "byte")).to("GB"))
    10.0 GB
    """
    return (2 * element_size + mask_size) * elements


@equation(
    "Q_a = N·(b + 2·g)",
    "byte",
    "narayanan2021megatron",
    parameters=nonnegative("N", "param"),
    new_size=positive("b", "byte"),
    sum_size=positive("g", "byte"),
)
def accumulation_traffic(parameters: Any, new_size: Any, sum_size: Any) -> Any:
    """Return what a kernel moves that adds the gradients of a microbatch to their sum, Q_a = N·(b + 2·g).

    Parameters
    ----------
    parameters
        N, parameters of the device; scalar or array [param].
    new_size
        b, bytes of a gradient of the microbatch, which is read [byte].
    sum_size
        g, bytes of the sum, which is read and written [byte].

    Returns
    -------
    Quantity
        Q_a [byte].

    Notes
    -----
    Source: [narayanan2021megatron], section 2.2: gradients of all microbatches are summed before the optimizer's step.

    Examples
    --------
    >>> from mlsysim import Q_
    >>> print(accumulation_traffic(Q_(2e9, "param"), Q_(2, "byte"), Q_(4, "byte")).to("GB"))
    20.0 GB
    """
    return parameters * (new_size + 2 * sum_size)


@equation(
    "Q_opt = G + 2·O + c·W",
    "byte",
    "rajbhandari2021zeroinfinity",
    gradients=nonnegative("G", "byte"),
    optimizer=nonnegative("O", "byte"),
    weights=nonnegative("W", "byte"),
    touches=count("c"),
)
def optimizer_traffic(gradients: Any, optimizer: Any, weights: Any, touches: Any) -> Any:
    """Return the bytes that the optimizer moves in a step, Q_opt = G + 2·O + c·W.

    Parameters
    ----------
    gradients
        G, gradients, read [byte].
    optimizer
        O, states and master copy of the weights, read and written [byte].
    weights
        W, weights that are trained [byte].
    touches
        c, 1 where there is a master copy, of which the weights are only written; 2 where they are read too.

    Returns
    -------
    Quantity
        Q_opt [byte]; 28 bytes a parameter for Adam on 16-bit weights.

    Notes
    -----
    Source: [rajbhandari2021zeroinfinity], section 4: the states are read and written at least once.

    Examples
    --------
    >>> from mlsysim import Q_
    >>> print(optimizer_traffic(Q_(2, "GB"), Q_(12, "GB"), Q_(2, "GB"), 1).to("GB"))
    28.0 GB
    """
    return gradients + 2 * optimizer + touches * weights


@equation(
    "S = max(M, C) - C", "byte", "ren2021zerooffload", needed=positive("M", "byte"), capacity=positive("C", "byte")
)
def spilled_bytes(needed: Any, capacity: Any) -> Any:
    """Return what does not fit in the memory of a device, S = max(M, C) - C.

    Parameters
    ----------
    needed
        M, memory that a step needs [byte]; scalar or array.
    capacity
        C, memory of the device [byte].

    Returns
    -------
    Quantity
        S [byte], held in the memory of the host.

    Notes
    -----
    Source: [ren2021zerooffload], section 3, which moves optimizer states and gradients to the host, but all of them.

    Examples
    --------
    >>> from mlsysim import Q_
    >>> print(spilled_bytes(Q_(140, "MiB"), Q_(80, "MiB")).to("MiB"))
    60.0 MiB
    """
    return maximum(needed, capacity) - capacity


@equation(
    "T_off = (S + max(S, R) - R) / β",
    "s",
    "rajbhandari2021zeroinfinity",
    spilled=nonnegative("S", "byte"),
    once=nonnegative("R", "byte"),
    bandwidth=positive("β", "byte/s"),
)
def offload_time(spilled: Any, once: Any, bandwidth: Any) -> Any:
    """Return the time that spilled state takes on the link to the host, T_off = (S + max(S, R) - R)/β.

    Optimizer states and gradients spill first and cross the link once in each direction; weights that spill after them
    come in twice, forward and backward, and go out once. The directions work at the same time.

    Parameters
    ----------
    spilled
        S [byte]; scalar or array.
    once
        R, optimizer states and gradients [byte].
    bandwidth
        β, bandwidth of the link in one direction [byte/s].

    Returns
    -------
    Quantity
        T_off [s].

    Notes
    -----
    Source: [rajbhandari2021zeroinfinity], section 4.

    Examples
    --------
    >>> from mlsysim import Q_
    >>> print(offload_time(Q_(63, "GB"), Q_(112, "GB"), Q_(63, "GB/s")))
    1.0 s
    """
    return (spilled + maximum(spilled, once) - once) / bandwidth


@equation(
    "T = max(T_pass + T_opt, T_off)",
    "s",
    "rajbhandari2021zeroinfinity",
    passes=nonnegative("T_pass", "s"),
    optimizer=nonnegative("T_opt", "s"),
    offload=nonnegative("T_off", "s"),
)
def step_time(passes: Any, optimizer: Any, offload: Any) -> Any:
    """Return the time of a training step whose transfers overlap with everything else, T = max(T_pass + T_opt, T_off).

    Parameters
    ----------
    passes
        T_pass, forward and backward pass [s]; scalar or array.
    optimizer
        T_opt, the optimizer's own pass over its states, which follows [s].
    offload
        T_off, transfers to and from the host [s].

    Returns
    -------
    Quantity
        T [s].

    Notes
    -----
    Source: [rajbhandari2021zeroinfinity], section 6.2, which prefetches and writes back while the device computes.

    Examples
    --------
    >>> from mlsysim import Q_
    >>> print(step_time(Q_(3.0, "s"), Q_(1.0, "s"), Q_(2.0, "s")))
    4.0 s
    """
    return maximum(passes + optimizer, offload)
