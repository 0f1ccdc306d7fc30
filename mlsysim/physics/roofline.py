"""The roofline: how long a piece of work takes on a machine that computes and moves bytes at the same time."""

from __future__ import annotations

from typing import Any

from mlsysim.physics.elementwise import maximum, minimum
from mlsysim.physics.equation import equation, nonnegative, positive, share


@equation(
    "I = F / Q", "flop/byte", "williams2009roofline", flops=nonnegative("F", "flop"), traffic=positive("Q", "byte")
)
def arithmetic_intensity(flops: Any, traffic: Any) -> Any:
    """Return the work done for each byte moved, I = F / Q.

    Parameters
    ----------
    flops
        F, floating-point operations [FLOP]; scalar or array.
    traffic
        Q, bytes moved between the memory and the processor [byte]; broadcasts with `flops`.

    Returns
    -------
    Quantity
        I [FLOP/byte].

    Raises
    ------
    UnitError, InputError, InputTypeError
        For a wrong unit, a value that is negative or not finite, an object that is no quantity. So do all equations.

    Notes
    -----
    Source: [williams2009roofline].

    Examples
    --------
    >>> from mlsysim import Q_
    >>> print(arithmetic_intensity(Q_(16, "GFLOP"), Q_(16, "GB")))
    1.0 FLOP/B
    """
    return flops / traffic


@equation(
    "I* = P / β", "flop/byte", "williams2009roofline", peak=positive("P", "flop/s"), bandwidth=positive("β", "byte/s")
)
def ridge_point(peak: Any, bandwidth: Any) -> Any:
    """Return the intensity at which a machine needs as long to compute as to move bytes, I* = P / β.

    Parameters
    ----------
    peak
        P, peak rate of the precision in use, dense [FLOP/s]; scalar or array.
    bandwidth
        β, memory bandwidth [byte/s]; broadcasts with `peak`.

    Returns
    -------
    Quantity
        I* [FLOP/byte].

    Notes
    -----
    Source: [williams2009roofline].

    Examples
    --------
    >>> from mlsysim import Q_
    >>> print(f"{ridge_point(Q_(989.4, 'TFLOP/s'), Q_(3.35, 'TB/s')):.0f}")
    295 FLOP/B
    """
    return peak / bandwidth


@equation(
    "R = min(η·P, I·β)",
    "flop/s",
    "williams2009roofline",
    intensity=nonnegative("I", "flop/byte"),
    peak=positive("P", "flop/s"),
    bandwidth=positive("β", "byte/s"),
    efficiency=share("η"),
)
def attainable_rate(intensity: Any, peak: Any, bandwidth: Any, efficiency: Any = 1.0) -> Any:
    """Return the highest rate that the roofline allows, R = min(η·P, I·β).

    Parameters
    ----------
    intensity
        I, work for each byte moved [FLOP/byte]; scalar or array.
    peak
        P, peak rate [FLOP/s].
    bandwidth
        β, memory bandwidth [byte/s].
    efficiency
        η, reachable fraction of the peak, in (0, 1].

    Returns
    -------
    Quantity
        R [FLOP/s].

    Notes
    -----
    Source: [williams2009roofline].

    Examples
    --------
    >>> from mlsysim import Q_
    >>> rate = attainable_rate(Q_(1, "FLOP/byte"), Q_(989.4, "TFLOP/s"), Q_(3.35, "TB/s"))
    >>> print(rate.to("TFLOP/s"))
    3.35 TFLOP/s
    """
    return minimum(efficiency * peak, intensity * bandwidth)


@equation(
    "T_c = F / (η·P)",
    "s",
    "williams2009roofline",
    flops=nonnegative("F", "flop"),
    peak=positive("P", "flop/s"),
    efficiency=share("η"),
)
def compute_time(flops: Any, peak: Any, efficiency: Any = 1.0) -> Any:
    """Return the time that the arithmetic alone takes, T_c = F / (η·P).

    Parameters
    ----------
    flops
        F, work [FLOP]; scalar or array.
    peak
        P, dense peak rate of the precision in use [FLOP/s].
    efficiency
        η, reachable fraction of the peak, in (0, 1].

    Returns
    -------
    Quantity
        T_c [s].

    Notes
    -----
    Source: [williams2009roofline].

    Examples
    --------
    >>> from mlsysim import Q_
    >>> print(compute_time(Q_(1, "PFLOP"), Q_(1, "PFLOP/s"), 0.5))
    2.0 s
    """
    return flops / (efficiency * peak)


@equation(
    "T_m = Q / β", "s", "williams2009roofline", traffic=nonnegative("Q", "byte"), bandwidth=positive("β", "byte/s")
)
def memory_time(traffic: Any, bandwidth: Any) -> Any:
    """Return the time that moving the bytes alone takes, T_m = Q / β.

    Parameters
    ----------
    traffic
        Q, bytes moved [byte]; scalar or array.
    bandwidth
        β, memory bandwidth [byte/s].

    Returns
    -------
    Quantity
        T_m [s].

    Notes
    -----
    Source: [williams2009roofline].

    Examples
    --------
    >>> from mlsysim import Q_
    >>> print(f"{memory_time(Q_(16.06, 'GB'), Q_(3.35, 'TB/s')).to('ms'):.2f}")
    4.79 ms
    """
    return traffic / bandwidth


@equation(
    "T = max(T_c, T_m) + t_0",
    "s",
    "williams2009roofline",
    compute=nonnegative("T_c", "s"),
    memory=nonnegative("T_m", "s"),
    overhead=nonnegative("t_0", "s"),
)
def roofline_time(compute: Any, memory: Any, overhead: Any) -> Any:
    """Return the time of a pass whose arithmetic and traffic overlap, T = max(T_c, T_m) + t_0.

    Parameters
    ----------
    compute
        T_c, time of the arithmetic [s]; scalar or array.
    memory
        T_m, time of the traffic [s].
    overhead
        t_0, fixed time of starting the pass, which overlaps with neither [s].

    Returns
    -------
    Quantity
        T [s].

    Notes
    -----
    Source: [williams2009roofline]; the fixed term is ours.

    Examples
    --------
    >>> from mlsysim import Q_
    >>> print(roofline_time(Q_(2, "ms"), Q_(5, "ms"), Q_(1, "ms")).to("ms"))
    6.0 ms
    """
    return maximum(compute, memory) + overhead


@equation(
    "MFU = F / (P·T)",
    "dimensionless",
    "chowdhery2023palm",
    flops=nonnegative("F", "flop"),
    peak=positive("P", "flop/s"),
    time=positive("T", "s"),
)
def model_flops_utilization(flops: Any, peak: Any, time: Any) -> Any:
    """Return the fraction of the peak that the model's own arithmetic uses, MFU = F / (P·T).

    Parameters
    ----------
    flops
        F, operations that the model needs, recomputation left out [FLOP]; scalar or array.
    peak
        P, dense peak rate [FLOP/s].
    time
        T, time taken [s].

    Returns
    -------
    Quantity
        MFU [dimensionless].

    Notes
    -----
    Source: [chowdhery2023palm], appendix B.

    Examples
    --------
    >>> from mlsysim import Q_
    >>> print(f"{model_flops_utilization(Q_(400, 'TFLOP'), Q_(1000, 'TFLOP/s'), Q_(1, 's')).magnitude:.0%}")
    40%
    """
    return flops / (peak * time)


@equation("X = B / T", "1/s", "little1961proof", samples=positive("B", "dimensionless"), time=positive("T", "s"))
def throughput(samples: Any, time: Any) -> Any:
    """Return the results for each unit of time when passes follow one another, X = B / T.

    Parameters
    ----------
    samples
        B, results of one pass; scalar or array.
    time
        T, time of the pass [s].

    Returns
    -------
    Quantity
        X [1/s].

    Notes
    -----
    Source: [little1961proof], for B requests in a system that each stays T.

    Examples
    --------
    >>> from mlsysim import Q_
    >>> print(throughput(8, Q_(2, "ms")))
    4000.0 1/s
    """
    return samples / time
