"""Collectives: how long devices take to combine what each of them has."""

from __future__ import annotations

from typing import Any

from mlsysim.physics.equation import count, equation, nonnegative, positive


@equation(
    "T = t_0 + 2·(N - 1)·α + 2·(N - 1) / N·M / β",
    "s",
    "thakur2005collectives",
    message=nonnegative("M", "byte"),
    devices=count("N"),
    bandwidth=positive("β", "byte/s"),
    latency=nonnegative("α", "s"),
    setup=nonnegative("t_0", "s"),
)
def all_reduce_time(message: Any, devices: Any, bandwidth: Any, latency: Any, setup: Any) -> Any:
    """Return the time of a ring all-reduce, T = t_0 + 2·(N - 1)·α + 2·(N - 1)/N·M/β.

    Parameters
    ----------
    message
        M, size of the tensor that each device has and gets the sum of [byte]; scalar or array.
    devices
        N, devices in the ring.
    bandwidth
        β, bandwidth of each device into the ring, per direction [byte/s].
    latency
        α, latency of one of the 2·(N - 1) steps [s].
    setup
        t_0, time of starting the collective [s].

    Returns
    -------
    Quantity
        T [s].

    Notes
    -----
    Source: [thakur2005collectives], section 4.3; the time of starting is ours.

    Examples
    --------
    Gradients of 140 GB among 1024 devices at 50 GB/s:

    >>> from mlsysim import Q_
    >>> nothing = Q_(0, "s")
    >>> print(f"{all_reduce_time(Q_(140, 'GB'), 1024, Q_(50, 'GB/s'), nothing, nothing):.1f}")
    5.6 s
    """
    return setup + 2 * (devices - 1) * latency + 2 * (devices - 1) / devices * message / bandwidth


@equation(
    "T = t_0 + (1 + 1 / N)·M / β",
    "s",
    "klenk2020innetwork",
    message=nonnegative("M", "byte"),
    devices=count("N"),
    bandwidth=positive("β", "byte/s"),
    setup=nonnegative("t_0", "s"),
)
def switch_all_reduce_time(message: Any, devices: Any, bandwidth: Any, setup: Any) -> Any:
    """Return the time of an all-reduce whose sums the switch makes, T = t_0 + (1 + 1/N)·M/β.

    Each device asks the switch for the sum of its N-th part of the tensor and has it sent to all: M/N go out as its
    share of the results, and M as the copy that the switch reads of its own tensor.

    Parameters
    ----------
    message
        M, size of the tensor that each device has and gets the sum of [byte]; scalar or array.
    devices
        N, devices on the switch.
    bandwidth
        β, bandwidth of each device into the switch, per direction [byte/s].
    setup
        t_0, time of starting the collective [s].

    Returns
    -------
    Quantity
        T [s].

    Notes
    -----
    Source: [klenk2020innetwork]; NVLink SHARP works so. The time of starting is ours.

    Examples
    --------
    Eight devices send 9/8 of the tensor, in a ring 14/8:

    >>> from mlsysim import Q_
    >>> nothing = Q_(0, "s")
    >>> print(switch_all_reduce_time(Q_(8, "GB"), 8, Q_(9, "GB/s"), nothing))
    1.0 s
    """
    return setup + (1 + 1 / devices) * message / bandwidth


@equation(
    "T = t_0 + (N - 1)·α + (N - 1) / N·M / β",
    "s",
    "thakur2005collectives",
    message=nonnegative("M", "byte"),
    devices=count("N"),
    bandwidth=positive("β", "byte/s"),
    latency=nonnegative("α", "s"),
    setup=nonnegative("t_0", "s"),
)
def all_gather_time(message: Any, devices: Any, bandwidth: Any, latency: Any, setup: Any) -> Any:
    """Return the time of a ring all-gather or reduce-scatter, T = t_0 + (N - 1)·α + (N - 1)/N·M/β.

    Parameters
    ----------
    message
        M, size of the whole tensor, of which each device has one part [byte]; scalar or array.
    devices
        N, devices in the ring.
    bandwidth
        β, bandwidth of each device into the ring, per direction [byte/s].
    latency
        α, latency of one of the N - 1 steps [s].
    setup
        t_0, time of starting the collective [s].

    Returns
    -------
    Quantity
        T [s].

    Notes
    -----
    Source: [thakur2005collectives], section 4.1; the time of starting is ours.

    Examples
    --------
    >>> from mlsysim import Q_
    >>> nothing = Q_(0, "s")
    >>> print(all_gather_time(Q_(8, "GB"), 8, Q_(7, "GB/s"), nothing, nothing))
    1.0 s
    """
    return setup + (devices - 1) * latency + (devices - 1) / devices * message / bandwidth


@equation(
    "T = α + M / β",
    "s",
    "hockney1994communication",
    message=nonnegative("M", "byte"),
    bandwidth=positive("β", "byte/s"),
    latency=nonnegative("α", "s"),
)
def transfer_time(message: Any, bandwidth: Any, latency: Any) -> Any:
    """Return the time of sending a message from one device to another, T = α + M/β.

    Parameters
    ----------
    message
        M [byte]; scalar or array.
    bandwidth
        β, bandwidth of the link, per direction [byte/s].
    latency
        α, time of the smallest message [s].

    Returns
    -------
    Quantity
        T [s].

    Notes
    -----
    Source: [hockney1994communication].

    Examples
    --------
    >>> from mlsysim import Q_
    >>> print(transfer_time(Q_(1, "GB"), Q_(50, "GB/s"), Q_(2, "us")).to("ms"))
    20.002 ms
    """
    return latency + message / bandwidth


@equation(
    "B = 2·(N - 1) / N·M / T",
    "byte/s",
    "nvidia2024nccltests",
    message=nonnegative("M", "byte"),
    devices=count("N"),
    time=positive("T", "s"),
)
def all_reduce_bus_bandwidth(message: Any, devices: Any, time: Any) -> Any:
    """Return the bus bandwidth of an all-reduce, B = 2·(N - 1)/N·M/T: that of the links if it were a ring.

    Parameters
    ----------
    message
        M, size of the tensor [byte]; scalar or array.
    devices
        N, devices.
    time
        T, time taken [s].

    Returns
    -------
    Quantity
        B [byte/s]: more than a link has where a switch makes the sums.

    Notes
    -----
    Source: [nvidia2024nccltests].

    Examples
    --------
    >>> from mlsysim import Q_
    >>> print(all_reduce_bus_bandwidth(Q_(16, "GB"), 8, Q_(0.1, "s")).to("GB/s"))
    280.0 GB/s
    """
    return 2 * (devices - 1) / devices * message / time


@equation(
    "B = (N - 1) / N·M / T",
    "byte/s",
    "nvidia2024nccltests",
    message=nonnegative("M", "byte"),
    devices=count("N"),
    time=positive("T", "s"),
)
def bus_bandwidth(message: Any, devices: Any, time: Any) -> Any:
    """Return the bus bandwidth of an all-gather, a reduce-scatter or an all-to-all, B = (N - 1)/N·M/T.

    Parameters
    ----------
    message
        M, size of the whole tensor, or of what each device has for all [byte]; scalar or array.
    devices
        N, devices.
    time
        T, time taken [s].

    Returns
    -------
    Quantity
        B [byte/s].

    Notes
    -----
    Source: [nvidia2024nccltests].

    Examples
    --------
    >>> from mlsysim import Q_
    >>> print(bus_bandwidth(Q_(16, "GB"), 8, Q_(0.1, "s")).to("GB/s"))
    140.0 GB/s
    """
    return (devices - 1) / devices * message / time
