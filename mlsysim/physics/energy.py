"""Energy of a pass: the most that it can take, and what it draws by a measured power curve."""

from __future__ import annotations

from typing import Any

from mlsysim.physics.elementwise import minimum
from mlsysim.physics.equation import equation, nonnegative, positive, share


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


@equation(
    "E = P_TDP·min(T, i·T + (c - i)·T_c + (m - i)·T_m)",
    "J",
    "choi2013roofline",
    power=positive("P_TDP", "W"),
    time=positive("T", "s"),
    compute=nonnegative("T_c", "s"),
    memory=nonnegative("T_m", "s"),
    idle_share=share("i"),
    compute_share=share("c"),
    memory_share=share("m"),
)
def energy_drawn(
    power: Any, time: Any, compute: Any, memory: Any, idle_share: Any, compute_share: Any, memory_share: Any
) -> Any:
    """Return the energy of a pass by a power curve, E = P_TDP·min(T, i·T + (c - i)·T_c + (m - i)·T_m).

    A device draws its idle power all the time. Arithmetic adds what it draws while it computes without pause, for as
    long as the arithmetic alone takes, and traffic likewise; both together cannot exceed the design power, to which the
    device throttles itself.

    Parameters
    ----------
    power
        P_TDP, thermal design power [W]; scalar or array.
    time
        T, time of the pass [s].
    compute
        T_c, time of its arithmetic alone, at the rate that can be reached [s].
    memory
        T_m, time of its memory traffic alone [s].
    idle_share
        i, drawn while ready but idle, as a share of the design power.
    compute_share
        c, drawn while only arithmetic limits.
    memory_share
        m, drawn while only memory traffic limits.

    Returns
    -------
    Quantity
        E [J].

    Notes
    -----
    Source: [choi2013roofline], equation 4: energy by operation, by byte and by time. Here the first two are the power
    at full rate times T_c and T_m; the limit is ours.

    Examples
    --------
    A decode step of 5 ms, limited by memory, on an H100:

    >>> from mlsysim import Q_
    >>> print(energy_drawn(Q_(700, "W"), Q_(5, "ms"), Q_(0, "ms"), Q_(5, "ms"), 0.2, 0.98, 0.5).to("J"))
    1.75 J
    """
    busy = idle_share * time + (compute_share - idle_share) * compute + (memory_share - idle_share) * memory
    return power * minimum(time, busy)
