"""One operator: what a product computes, and how long a kernel takes."""

from __future__ import annotations

from typing import Any

from mlsysim.physics.elementwise import maximum
from mlsysim.physics.equation import count, equation, nonnegative, positive, share


@equation("F = 2·m·n·k", "flop", "golub2013matrix", rows=count("m"), columns=count("n"), inner=count("k"))
def product_flops(rows: Any, columns: Any, inner: Any) -> Any:
    """Return the operations of the product of an m × k with a k × n matrix, F = 2·m·n·k.

    Parameters
    ----------
    rows
        m, rows of the result: tokens, or output positions; scalar or array.
    columns
        n, columns of the result.
    inner
        k, products summed for each element.

    Returns
    -------
    Quantity
        F [FLOP]; a multiply-accumulate is 2.

    Notes
    -----
    Source: [golub2013matrix], section 1.1.

    Examples
    --------
    >>> print(product_flops(1, 4096, 4096).to("MFLOP"))
    33.554432 MFLOP
    """
    return 2 * rows * columns * inner


@equation(
    "t = t_0 + max(F / (e_c·P), Q / (e_m·β))",
    "s",
    "williams2009roofline",
    flops=nonnegative("F", "flop"),
    traffic=nonnegative("Q", "byte"),
    peak=positive("P", "flop/s"),
    bandwidth=positive("β", "byte/s"),
    efficiency=share("e_c"),
    memory_efficiency=share("e_m"),
    floor=nonnegative("t_0", "s"),
)
def operator_time(
    flops: Any, traffic: Any, peak: Any, bandwidth: Any, efficiency: Any, memory_efficiency: Any, floor: Any
) -> Any:
    """Return how long one kernel takes, t = t_0 + max(F/(e_c·P), Q/(e_m·β)): a roofline with a floor.

    Parameters
    ----------
    flops
        F, operations of the kernel [FLOP]; scalar or array.
    traffic
        Q, bytes that it reads and writes [byte].
    peak
        P, dense peak rate of the precision in use [FLOP/s].
    bandwidth
        β, memory bandwidth [byte/s].
    efficiency
        e_c, reachable fraction of the peak, in (0, 1].
    memory_efficiency
        e_m, reachable fraction of the bandwidth, in (0, 1].
    floor
        t_0, time of a kernel that does nothing [s].

    Returns
    -------
    Quantity
        t [s].

    Notes
    -----
    Source: [williams2009roofline]; the floor and the two efficiencies are fitted to timings [aiconfigurator2026].

    Examples
    --------
    A product of 64 rows with 4096 × 4096 weights of 16 bits on an H100, at 0.78, 0.80 and 3 µs:

    >>> from mlsysim import Q_
    >>> peak, bandwidth, floor = Q_(989.4, "TFLOP/s"), Q_(3.35, "TB/s"), Q_(3, "us")
    >>> time = operator_time(product_flops(64, 4096, 4096), Q_(34.6, "MB"), peak, bandwidth, 0.78, 0.80, floor)
    >>> print(f"{time.to('us'):.1f}")
    15.9 µs
    """
    return floor + maximum(flops / (efficiency * peak), traffic / (memory_efficiency * bandwidth))


@equation(
    "e = e_max·S / (S + S_half)",
    "dimensionless",
    "aiconfigurator2026",
    efficiency=share("e_max"),
    length=positive("S", "token"),
    half_length=nonnegative("S_half", "token"),
)
def attention_efficiency(efficiency: Any, length: Any, half_length: Any) -> Any:
    """Return the fraction of the peak that the attention of a prefill reaches, e = e_max·S/(S + S_half).

    Parameters
    ----------
    efficiency
        e_max, that of very long sequences, in (0, 1]; scalar or array.
    length
        S, tokens of a sequence [token].
    half_length
        S_half, tokens at which half of it is reached [token].

    Returns
    -------
    Quantity
        e [dimensionless].

    Notes
    -----
    Source: the form is ours, its constants are fitted to the timings of [aiconfigurator2026].

    Examples
    --------
    >>> from mlsysim import Q_
    >>> print(attention_efficiency(0.68, Q_(800, "token"), Q_(800, "token")))
    0.34
    """
    return efficiency * length / (length + half_length)


@equation(
    "e_b = r·e·S/(S + S_b)",
    "dimensionless",
    "shah2024flashattention3",
    efficiency=share("e"),
    backward=share("r"),
    length=positive("S", "token"),
    half_length=nonnegative("S_b", "token"),
)
def attention_backward_efficiency(efficiency: Any, backward: Any, length: Any, half_length: Any) -> Any:
    """Return the fraction of the peak that the backward pass of attention reaches, e_b = r·e·S/(S + S_b).

    Parameters
    ----------
    efficiency
        e, that of the forward pass at this length, in (0, 1]; scalar or array.
    backward
        r, the backward pass over the forward pass for very long sequences.
    length
        S, tokens of a sequence [token].
    half_length
        S_b, tokens at which half of r is reached [token].

    Returns
    -------
    Quantity
        e_b [dimensionless], of the five products of the backward pass.

    Notes
    -----
    Source: figures 5 and 6 of [shah2024flashattention3]; the form is ours. Three kernels whose forward passes reach 370
    to 648 TFLOP/s have nearly the same ratio at each length.

    Examples
    --------
    >>> from mlsysim import Q_
    >>> print(attention_backward_efficiency(0.5, 0.8, Q_(200, "token"), Q_(200, "token")))
    0.2
    """
    return backward * efficiency * length / (length + half_length)
