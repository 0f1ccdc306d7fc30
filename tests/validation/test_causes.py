"""Each of the worst misses has a cause, and each cause a record."""

from mlsysim import validate
from mlsysim.validation.causes import CAUSES, cause_of
from mlsysim.validation.records import published


def test_each_of_the_ten_worst_misses_has_a_cause():
    assert [one.record.id for one in validate().worst(10) if cause_of(one.record.id) is None] == []


def test_each_cause_is_of_a_record():
    ids = [record.id for record in published()]
    for cause in CAUSES:
        assert any(name.startswith(cause.ids) for name in ids), cause


def test_a_record_without_a_known_cause():
    assert cause_of("korthikanti-t5-22b-selective") is None
