"""What a forward pass moves and what it holds."""

from __future__ import annotations

from typing import Any

from mlsysim.physics.equation import equation, nonnegative, positive


@equation(
    "Q = W + K_rw + A",
    "byte",
    "pope2023efficiently",
    weights=nonnegative("W", "byte"),
    kv_cache=nonnegative("K_rw", "byte"),
    activations=nonnegative("A", "byte"),
)
def traffic(weights: Any, kv_cache: Any, activations: Any) -> Any:
    """Return the bytes that a forward pass moves, Q = W + K_rw + A.

    Parameters
    ----------
    weights
        W, each weight read once, whatever the batch [byte]; scalar or array.
    kv_cache
        K_rw, keys and values read and written [byte].
    activations
        A, activations read and written [byte].

    Returns
    -------
    Quantity
        Q [byte].

    Notes
    -----
    Source: [pope2023efficiently], section 2.

    Examples
    --------
    >>> from mlsysim import Q_
    >>> print(traffic(Q_(16, "GB"), Q_(1, "GB"), Q_(0, "GB")).to("GB"))
    17.0 GB
    """
    return weights + kv_cache + activations


@equation(
    "M = W + K + A_live",
    "byte",
    "kwon2023pagedattention",
    weights=nonnegative("W", "byte"),
    kv_cache=nonnegative("K", "byte"),
    live=nonnegative("A_live", "byte"),
)
def footprint(weights: Any, kv_cache: Any, live: Any) -> Any:
    """Return the memory that a forward pass needs, M = W + K + A_live.

    Parameters
    ----------
    weights
        W [byte]; scalar or array.
    kv_cache
        K, keys and values held [byte].
    live
        A_live, most activations alive at once [byte].

    Returns
    -------
    Quantity
        M [byte]; what the runtime itself holds is not in it.

    Notes
    -----
    Source: [kwon2023pagedattention], section 1.

    Examples
    --------
    >>> from mlsysim import Q_
    >>> print(footprint(Q_(16, "GB"), Q_(4, "GB"), Q_(1, "GB")).to("GB"))
    21.0 GB
    """
    return weights + kv_cache + live


@equation(
    "T_m = W / β_flash + A / β_sram",
    "s",
    "lai2018cmsisnn",
    weights=nonnegative("W", "byte"),
    flash_bandwidth=positive("β_flash", "byte/s"),
    activations=nonnegative("A", "byte"),
    sram_bandwidth=positive("β_sram", "byte/s"),
)
def flash_memory_time(weights: Any, flash_bandwidth: Any, activations: Any, sram_bandwidth: Any) -> Any:
    """Return the time that a microcontroller takes to move the bytes, T_m = W/β_flash + A/β_sram.

    Parameters
    ----------
    weights
        W, read from flash [byte]; scalar or array.
    flash_bandwidth
        β_flash [byte/s].
    activations
        A, read from and written to on-chip memory [byte].
    sram_bandwidth
        β_sram [byte/s].

    Returns
    -------
    Quantity
        T_m [s]: one core issues both, one after the other.

    Notes
    -----
    Source: where weights and activations lie, [lai2018cmsisnn].

    Examples
    --------
    >>> from mlsysim import Q_
    >>> time = flash_memory_time(Q_(64, "kB"), Q_(64, "MB/s"), Q_(256, "kB"), Q_(256, "MB/s"))
    >>> print(time.to("ms"))
    2.0 ms
    """
    return weights / flash_bandwidth + activations / sram_bandwidth


@equation("E = P_TDP·T", "J", "hennessy2017quantitative", power=positive("P_TDP", "W"), time=positive("T", "s"))
def energy_bound(power: Any, time: Any) -> Any:
    """Return the most energy that a pass can take, E = P_TDP·T.

    Parameters
    ----------
    power
        P_TDP, thermal design power: the sustained draw that cooling is built for [W]; scalar or array.
    time
        T [s].

    Returns
    -------
    Quantity
        E [J]; an upper bound, because few passes draw the full power.

    Notes
    -----
    Source: [hennessy2017quantitative], section 1.5.

    Examples
    --------
    >>> from mlsysim import Q_
    >>> print(energy_bound(Q_(700, "W"), Q_(5, "ms")))
    3.5 J
    """
    return power * time


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
