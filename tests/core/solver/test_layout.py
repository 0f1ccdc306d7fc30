"""What divides evenly, and the answer to what does not."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlsysim import Models
from mlsysim.core.solver.fleet.layout import Layout, divisors
from mlsysim.errors import InputError, InputTypeError, UnknownName

DEFAULTS = {
    "tp_size": 1,
    "pp_size": 1,
    "cp_size": 1,
    "ep_size": 1,
    "microbatch_size": None,
    "microbatch_count": None,
    "virtual_stages": 1,
    "schedule": "1f1b",
    "zero_stage": 1,
    "shard_size": None,
    "sequence_parallel": True,
    "ends_as_layers": False,
}


def layout(model=Models.Llama3_70B, devices=64, batch=512, **asked):
    return Layout.of(model, devices, batch, **(DEFAULTS | asked))


class TestDegrees:
    def test_what_is_left_is_data_parallel(self):
        assert layout(tp_size=8, pp_size=4).data == 2
        assert layout(tp_size=8, cp_size=2).data == 4

    def test_every_device_is_used(self):
        split = layout(tp_size=4, pp_size=2, cp_size=2)
        assert split.devices == 64

    def test_by_default_a_microbatch_is_one_sequence(self):
        split = layout(tp_size=8, pp_size=4)
        assert (split.microbatch_size, split.microbatches, split.batch) == (1, 256, 512)

    def test_without_a_batch_the_pipelines_are_just_full(self):
        split = layout(batch=None, tp_size=8, pp_size=4)
        assert (split.microbatches, split.batch) == (4, 8)

    def test_more_microbatches_than_sequences_cut_them(self):
        split = layout(batch=2048, devices=8192, tp_size=8, pp_size=4, microbatch_count=16)
        assert (split.microbatch_size, split.microbatches, split.slices, split.batch) == (1, 16, 2, 2048)

    def test_the_ends_take_the_place_of_a_layer_each(self):
        """126 layers and two ends on 16 stages: eight each, seven and one end in the first and the last."""
        split = layout(Models.Llama3_1_405B, 128, 128, tp_size=8, pp_size=16, virtual_stages=4, ends_as_layers=True)
        assert (split.stage_layers, split.ends_as_layers) == (8, True)
        assert layout(tp_size=8, pp_size=4).stage_layers == 20

    def test_sequence_parallel_needs_a_group(self):
        assert not layout().sequence_parallel
        assert layout(tp_size=2).sequence_parallel

    @given(number=st.integers(1, 10**6))
    def test_divisors(self, number):
        found = divisors(number)
        assert found == sorted(set(found))
        assert all(number % by == 0 for by in found)
        assert math.prod(found) ** 2 == number ** len(found)


BAD = [
    ({"tp_size": 3}, InputError, "tp_size must divide the 64 heads"),
    ({"tp_size": 128}, InputError, "tp_size must divide the 64 heads"),
    ({"tp_size": 0}, InputError, "tp_size must be a whole number"),
    ({"tp_size": "8"}, InputTypeError, "tp_size must be a whole number"),
    ({"tp_size": True}, InputTypeError, "tp_size must be a whole number"),
    ({"pp_size": 64}, InputError, "pp_size must divide the 80 layers of Llama-3 70B; got 64. Nearest that do: .*80"),
    ({"pp_size": 3}, InputError, "Nearest that do: 1, 2, 4, 5, 8, 10"),
    (
        {"model": Models.Llama3_1_405B, "pp_size": 16},
        InputError,
        "the 126 layers of .*; got 16; with ends_as_layers=True it does. Nearest that do: .*14",
    ),
    (
        {"pp_size": 8, "ends_as_layers": True},
        InputError,
        "the 80 layers of Llama-3 70B and its two ends; got 8; with ends_as_layers=False it does",
    ),
    ({"pp_size": 7, "ends_as_layers": True}, InputError, "and its two ends; got 7. Nearest that do: .*41"),
    ({"ends_as_layers": True}, InputError, "ends_as_layers=True needs a pipeline"),
    ({"pp_size": 4, "ends_as_layers": 1}, InputTypeError, "ends_as_layers must be True or False"),
    ({"pp_size": 1.5}, InputError, "pp_size must be a whole number"),
    ({"cp_size": 3}, InputError, "must divide the 64 devices of the fleet; nearest that do: 1, 2, 4"),
    ({"tp_size": 64, "pp_size": 2}, InputError, "= 128 must divide the 64 devices"),
    ({"batch": 100}, InputError, "data-parallel degree must divide batch_size 100"),
    ({"batch": 0}, InputError, "batch_size must be a whole number"),
    ({"batch": float("nan")}, InputError, "batch_size must be a whole number"),
    ({"microbatch_size": 0}, InputError, "microbatch_size must be a whole number"),
    ({"microbatch_size": 3}, InputError, "microbatch_size must divide the 8 samples"),
    ({"microbatch_count": 0}, InputError, "microbatch_count must be a whole number"),
    ({"microbatch_count": 3}, InputError, "microbatch_count must divide the 8 samples"),
    ({"microbatch_count": 12}, InputError, "microbatch_count must be a multiple of the 8 sequences"),
    ({"microbatch_size": 2, "microbatch_count": 2}, InputError, "must be the 8 samples of a replica"),
    ({"pp_size": 4, "virtual_stages": 3}, InputError, "virtual_stages must divide the 20 layers of a stage"),
    ({"virtual_stages": 2}, InputError, "virtual_stages=2 needs a pipeline"),
    (
        {"pp_size": 4, "virtual_stages": 5, "batch": 32},
        InputError,
        "number of microbatches must be a multiple of the 4",
    ),
    ({"pp_size": 4, "virtual_stages": 5, "schedule": "zero-bubble"}, InputError, "virtual_stages must be 1"),
    ({"schedule": "1f2b"}, UnknownName, "did you mean '1f1b'"),
    ({"schedule": ["1f1b"]}, UnknownName, "unknown schedule"),
    ({"zero_stage": 4}, InputError, "zero_stage must be 0, 1, 2 or 3"),
    ({"zero_stage": True}, InputError, "zero_stage must be 0, 1, 2 or 3"),
    ({"zero_stage": 3, "pp_size": 2}, InputError, "pp_size must be 1; got 2"),
    ({"ep_size": 2}, InputError, "ep_size=2 needs a mixture of experts; Llama-3 70B has none"),
    ({"model": Models.Mixtral_8x7B, "ep_size": 3}, InputError, "ep_size must divide the 8 experts"),
    (
        {"model": Models.Mixtral_8x7B, "ep_size": 8, "tp_size": 16},
        InputError,
        "Allowed: 1, 2, 4, 8|ep_size must divide",
    ),
    ({"shard_size": 3}, InputError, "shard_size must divide the data-parallel degree 64"),
    (
        {"model": Models.Mixtral_8x7B, "ep_size": 8, "shard_size": 4},
        InputError,
        "shard_size must be a multiple of the 8",
    ),
    ({"sequence_parallel": 1}, InputTypeError, "sequence_parallel must be True or False"),
]


@pytest.mark.parametrize(("asked", "error", "message"), BAD, ids=[str(one[0]) for one in BAD])
def test_what_is_refused(asked, error, message):
    with pytest.raises(error, match=message):
        layout(**asked)
