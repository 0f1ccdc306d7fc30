"""Recommendation models, term by term against hand counts."""

from __future__ import annotations

from mlsysim.physics import recommendation as physics


def test_a_low_rank_matrix_has_two_factors():
    assert physics.cross_parameters.plain(3, 100, 10) == 3 * (100 * 10 + 10 * 100)


def test_rows_are_read_not_tables():
    one, many = (physics.read_bytes.plain(50, batch, 3, 8, 4) for batch in (1, 10))
    assert (one, many) == (4 * (50 + 3 * 8), 4 * (50 + 10 * 3 * 8))
    assert physics.table_parameters.plain(10**6, 8) == 8 * 10**6
