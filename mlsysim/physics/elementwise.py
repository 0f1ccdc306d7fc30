"""Mathematics that serves a plain number and an array alike; NumPy is imported only for arrays."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple


class Labels(NamedTuple):
    """An array of few different names: the names, and which of them each element has."""

    names: tuple[str, ...]
    codes: Any

    def text(self) -> Any:
        """Return the names themselves as an array.

        Examples
        --------
        >>> import numpy as np
        >>> Labels(("Compute", "Memory"), np.array([1, 0])).text().tolist()
        ['Memory', 'Compute']
        """
        import numpy as np

        return np.array(self.names)[self.codes]


def maximum(first: Any, second: Any) -> Any:
    """Return the larger of two values, element by element for arrays (shapes broadcast).

    Examples
    --------
    >>> maximum(2.0, 3.0)
    3.0
    >>> import numpy as np
    >>> maximum(np.array([1.0, 5.0]), 3.0).tolist()
    [3.0, 5.0]
    """
    if isinstance(first, (int, float)) and isinstance(second, (int, float)):
        return first if first >= second else second
    import numpy as np

    return np.maximum(first, second)


def minimum(first: Any, second: Any) -> Any:
    """Return the smaller of two values, element by element for arrays (shapes broadcast).

    Examples
    --------
    >>> minimum(2.0, 3.0)
    2.0
    """
    if isinstance(first, (int, float)) and isinstance(second, (int, float)):
        return first if first <= second else second
    import numpy as np

    return np.minimum(first, second)


def _each(function: Callable[[float], float], value: Any) -> Any:
    """Return a function of one value, Python's own also for arrays, so that both paths agree to the last bit."""
    if isinstance(value, (int, float)):
        return function(value)
    import numpy as np

    return np.asarray(np.frompyfunc(function, 1, 1)(value), float)


def exp(value: Any) -> Any:
    """Return e to the power of a value, element by element for arrays.

    Examples
    --------
    >>> exp(0.0)
    1.0
    """
    return _each(math.exp, value)


def log(value: Any) -> Any:
    """Return the natural logarithm of a value, element by element for arrays.

    Examples
    --------
    >>> log(1.0)
    0.0
    """
    return _each(math.log, value)


def sqrt(value: Any) -> Any:
    """Return the square root of a value, element by element for arrays.

    Examples
    --------
    >>> sqrt(9.0)
    3.0
    """
    return _each(math.sqrt, value)


def exprel(value: Any) -> Any:
    """Return (e^x - 1) / x, and 1 where x is 0, element by element for arrays.

    Examples
    --------
    >>> exprel(0.0), exprel(1e-9)
    (1.0, 1.0000000005)
    """
    return _each(lambda x: math.expm1(x) / x if x else 1.0, value)


def power(base: Any, exponent: Any) -> Any:
    """Return a base to an exponent, element by element for arrays (shapes broadcast).

    Examples
    --------
    >>> power(9.0, 0.5)
    3.0
    """
    if isinstance(base, (int, float)) and isinstance(exponent, (int, float)):
        return base**exponent
    import numpy as np

    return np.asarray(np.frompyfunc(pow, 2, 1)(np.asarray(base, float), np.asarray(exponent, float)), float)


def ceil(value: Any) -> Any:
    """Return the least whole number that is not below a value, element by element for arrays.

    Examples
    --------
    >>> ceil(2.5)
    3.0
    """
    return _each(lambda x: float(math.ceil(x)), value)


def floor(value: Any) -> Any:
    """Return the largest whole number that is not above a value, element by element for arrays.

    Examples
    --------
    >>> floor(2.5)
    2.0
    """
    return _each(lambda x: float(math.floor(x)), value)


def some(condition: Any) -> bool:
    """Return whether a condition holds, for an array whether it holds for any element.

    Examples
    --------
    >>> import numpy as np
    >>> some(np.array([1, 2]) > 1), some(1 > 2)
    (True, False)
    """
    return condition if isinstance(condition, bool) else bool(condition.any())


def equal(first: Any, second: Any) -> bool:
    """Return whether two values are the same, of arrays every element; nothing equals None but itself.

    Examples
    --------
    >>> import numpy as np
    >>> equal(2.0, 2), equal(np.array([1.0, 2.0]), np.array([1.0, 3.0])), equal(None, 0.0)
    (True, False, False)
    """
    same = first == second
    return same if isinstance(same, bool) else bool(same.all())


def where(condition: Any, first: Any, second: Any) -> Any:
    """Return one value where a condition holds and another where not, element by element for arrays.

    Names become `Labels`.

    Examples
    --------
    >>> where(1 > 2, "yes", "no")
    'no'
    >>> import numpy as np
    >>> where(np.array([True, False]), "yes", "no").text().tolist()
    ['yes', 'no']
    """
    if isinstance(condition, bool):
        return first if condition else second
    import numpy as np

    if not isinstance(first, str | Labels):
        return np.where(condition, first, second)
    one, other = (value if isinstance(value, Labels) else Labels((value,), np.int8(0)) for value in (first, second))
    names = tuple(dict.fromkeys((*one.names, *other.names)))
    moved = np.array([names.index(name) for name in other.names], np.int8)
    return Labels(names, np.where(condition, one.codes, moved[other.codes]))


def longest(shares: Mapping[str, Any]) -> Any:
    """Return the name of the greatest of some values, the first of equal ones; for arrays `Labels`.

    Examples
    --------
    >>> longest({"Compute": 1.0, "Memory": 2.0})
    'Memory'
    >>> import numpy as np
    >>> longest({"Compute": np.array([1.0, 3.0, 2.0]), "Memory": 2.0}).text().tolist()
    ['Memory', 'Compute', 'Compute']
    """
    for value in shares.values():
        if not isinstance(value, (int, float)):
            break
    else:
        return max(shares, key=shares.__getitem__)
    import numpy as np

    values = iter(shares.values())
    most: Any = next(values)
    codes = np.zeros(np.broadcast_shapes(*(np.shape(value) for value in shares.values())), np.int8)
    for code, value in enumerate(values, 1):
        longer = value > most
        np.copyto(codes, np.int8(code), where=longer)
        most = np.maximum(most, value)
    return Labels(tuple(shares), codes)
