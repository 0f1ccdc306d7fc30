"""What is wanted of a figure: less of it or more."""

from __future__ import annotations

import re
from typing import Any, NamedTuple

from mlsysim.core.assertions import written
from mlsysim.core.result import Field
from mlsysim.errors import InputError, shown, unknown
from mlsysim.units import unit

_OBJECTIVE = re.compile(r"\s*(\w+)\s*:\s*([A-Za-z]\w*(?:\.\w+)?)\s*")
_SIGNS = {"minimize": 1, "maximize": -1}
_WANTED = {"mfu", "hfu", "arithmetic_intensity", "scaling_efficiency"}
_SPENT = ("s", "byte", "J", "W")
_PAID = ("[currency]", "[emission]")


class Objective(NamedTuple):
    """What a search is for: as it was written, the figure, and 1 for less or -1 for more."""

    text: str
    metric: str
    sign: int

    @classmethod
    def parse(cls, text: Any) -> Objective:
        """Return the objective that `text` states.

        Raises
        ------
        InputTypeError, InputError, UnknownName
            If it is no text, not of the form ``direction: name``, or the direction is neither of the two.

        Examples
        --------
        >>> Objective.parse("minimize: tco_usd").metric
        'tco_usd'
        """
        match = _OBJECTIVE.fullmatch(written("an objective", text, "'minimize: latency'"))
        if not match:
            raise InputError(
                f"an objective must read 'minimize: name' or 'maximize: name', such as 'minimize: latency';"
                f" got {shown(text)}"
            )
        if match[1] not in _SIGNS:
            raise unknown("direction", match[1], _SIGNS)
        return cls(text, match[2], _SIGNS[match[1]])


def direction(field: Field) -> int:
    """Return 1 for a figure of which less is better, -1 for one of which more is.

    Less of time, memory, energy, power, money and emissions, also by the hour or by the token; more of a rate, and of a
    utilisation.

    Raises
    ------
    InputError
        For any other, such as a batch size.

    Examples
    --------
    >>> from mlsysim import ServingResult
    >>> fields = ServingResult.fields()
    >>> direction(fields["ttft"]), direction(fields["throughput"])
    (1, -1)
    """
    if field.stored is not None:
        one = unit(field.stored)
        powers = one.dimensionality
        if any(one.is_compatible_with(of) for of in _SPENT) or any(powers.get(of, 0) > 0 for of in _PAID):
            return 1
        if powers.get("[time]") == -1:
            return -1
    if field.name in _WANTED:
        return -1
    raise InputError(
        f"{field.name} is better neither small nor large by itself: say 'minimize: {field.name}' or maximize"
    )
