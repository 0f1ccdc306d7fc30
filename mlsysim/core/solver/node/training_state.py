"""The memory of a training step by term, and what would fit where a step does not."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import ceil
from typing import Any, NamedTuple

from mlsysim.core.solver.node.optimizers import master_size, optimizer_of, stored_format
from mlsysim.core.solver.node.training_work import RECOMPUTE, Choice, Work, adapters_of, matrix_sides, work_of
from mlsysim.errors import InputError, positive_integer, shown
from mlsysim.hardware.types import HardwareNode
from mlsysim.models.types import Workload
from mlsysim.physics import training_memory
from mlsysim.physics.equation import part, unrecorded
from mlsysim.physics.precision import ELEMENT_SIZE
from mlsysim.units import pretty


class State(NamedTuple):
    """The parameters that a step trains, and its memory by term [byte]."""

    trained: Any
    weights: Any
    gradients: Any
    optimizer: Any
    activations: Any
    buffers: Any
    total: Any

    @property
    def movable(self) -> Any:
        """What crosses the link to the host once in each direction if it spills: optimizer states and gradients."""
        return self.optimizer + self.gradients

    @property
    def resident(self) -> Any:
        """What cannot spill."""
        return self.activations + self.buffers

    def fields(self) -> dict[str, Any]:
        """What a result says of the memory."""
        return {
            "memory_footprint": self.total,
            "weights_size": self.weights,
            "gradients_size": self.gradients,
            "optimizer_size": self.optimizer,
            "activations_size": self.activations,
            "buffers_size": self.buffers,
            "trained_parameters": self.trained,
        }


class Shards(NamedTuple):
    """Among how many devices of a data-parallel group each state is divided."""

    weights: int
    gradients: int
    optimizer: int


def zero_shards(stage: int, devices: int) -> Shards:
    """Return what a ZeRO stage divides among data-parallel devices: 1 optimizer states, 2 gradients too, 3 weights too.

    Raises
    ------
    InputError, InputTypeError
        For a stage other than 0, 1, 2 and 3, or a number of devices that is no whole number above zero.

    Examples
    --------
    >>> zero_shards(2, 64)
    Shards(weights=1, gradients=64, optimizer=64)
    """
    devices = positive_integer("dp_size", devices)
    if isinstance(stage, bool) or stage not in (0, 1, 2, 3):
        raise InputError(f"zero_stage must be 0, 1, 2 or 3 [rajbhandari2020zero]; got {shown(stage)}")
    return Shards(*(devices if stage >= first else 1 for first in (3, 2, 1)))


class Settings(NamedTuple):
    """A step as it is asked for."""

    batch_size: int
    seq_len: int | None
    precision: str
    optimizer: str
    recompute: str
    flash_attention: bool
    lora_rank: int | None
    lora_targets: Sequence[str]

    def work(self, model: Workload) -> Work:
        """Return what the step computes, moves and keeps."""
        size = ELEMENT_SIZE[stored_format(self.precision)]
        return work_of(model, Choice(self.batch_size, self.seq_len, size, self.recompute, self.flash_attention))

    def state(self, model: Workload, work: Work) -> State:
        """Return the memory of the step, whose activations `work` knows."""
        stored, kind = stored_format(self.precision), optimizer_of(self.optimizer)
        size, adapters = ELEMENT_SIZE[stored], adapters_of(model, self.lora_rank, self.lora_targets)
        trained = adapters.parameters if adapters else model.parameter_count
        with part("Weights"):
            weights = training_memory.state_bytes.plain(model.parameter_count + (trained if adapters else 0), size)
        with part("Gradients"):
            gradients = training_memory.state_bytes.plain(trained, size)
        with part("Optimizer"):
            each = float(kind.state.m_as("byte/param")) + master_size(stored)
            optimizer = training_memory.state_bytes.plain(trained, each)
        if kind.side is not None:
            with part("Optimizer, rows and columns"):
                sides = adapters.sides if adapters else matrix_sides(model)
                optimizer += training_memory.state_bytes.plain(sides, float(kind.side.m_as("byte")))
        terms = weights, gradients, optimizer, work.kept, work.buffers
        return State(trained, *terms, training_memory.training_footprint.plain(*terms))


def what_trains(model: Workload, hardware: HardwareNode, asked: Settings) -> Iterator[str]:
    """Yield the changes, one at a time, that would make a step fit. The search is no part of the derivation."""

    def total(**changes: Any) -> float:
        other = asked._replace(**changes)
        return other.state(model, other.work(model)).total

    capacity = hardware.plain.capacity
    with unrecorded():
        if total(batch_size=1) <= capacity:
            low, high = 1, asked.batch_size
            while high - low > 1:
                middle = (low + high) // 2
                low, high = (middle, high) if total(batch_size=middle) <= capacity else (low, middle)
            yield f"batch_size={low}"
        changes: list[dict[str, Any]] = [{"recompute": r} for r in RECOMPUTE[RECOMPUTE.index(asked.recompute) + 1 :]]
        changes += [{"optimizer": "adam_8bit"}] + [{"lora_rank": 8}] * (asked.lora_rank is None)
        for change in changes:
            try:
                needed = total(**change)
            except InputError:  # not for this kind of model
                continue
            if needed <= capacity:
                ((name, value),) = change.items()
                yield f"{name}={value!r} ({pretty(needed, 'byte')})"
        state = asked.state(model, asked.work(model))
        if hardware.host is not None and state.resident <= capacity:
            yield f"offload=True ({pretty(state.total - capacity, 'byte')} spill to the host)"
        yield f"{ceil(state.total / capacity)} such devices, if everything is split evenly over them"
