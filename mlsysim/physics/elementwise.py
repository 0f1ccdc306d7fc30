"""Mathematics that serves a plain number and an array alike; NumPy is imported only for arrays."""

from __future__ import annotations

from typing import Any


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
