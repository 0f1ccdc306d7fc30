"""One pair of functions for numbers and arrays."""

from __future__ import annotations

import numpy as np
import pytest

from mlsysim.physics.elementwise import maximum, minimum


@pytest.mark.parametrize(("function", "python"), [(maximum, max), (minimum, min)])
@pytest.mark.parametrize(("first", "second"), [(1.0, 2.0), (2.0, 1.0), (3, 3.0), (-1, 0), (0.0, 1e300)])
def test_numbers_stay_python_numbers(function, python, first, second):
    assert function(first, second) == python(first, second)
    assert type(function(first, second)) in {int, float}


@pytest.mark.parametrize(
    ("function", "expected"), [(maximum, [[1.0, 2.0], [3.0, 3.0]]), (minimum, [[0.0, 0.0], [1.0, 2.0]])]
)
def test_arrays_broadcast(function, expected):
    assert function(np.array([1.0, 2.0]), np.array([[0.0], [3.0]])).tolist() == expected
    assert function(np.array([[0.0], [3.0]]), np.array([1.0, 2.0])).tolist() == expected
