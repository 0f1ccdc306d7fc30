"""Energy of a pass."""

from __future__ import annotations

from typing import Any

from mlsysim.physics.equation import equation, positive


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
