"""How a model is split over a fleet: degrees of parallelism, microbatches, schedule."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from mlsysim.errors import InputError, boolean, positive_integer, unknown
from mlsysim.models.lowering import tensor_parallel_degree
from mlsysim.models.transformer import TransformerWorkload

SCHEDULES: dict[str, str] = {
    "1f1b": "one forward, one backward; interleaved where virtual_stages is above 1",
    "zero-bubble": "gradients of the weights fill the pipeline (ZB-H1)",
}


class Layout(NamedTuple):
    """A split that divides evenly. Neighbours in a rank order of tensor, context, data, pipeline share links."""

    tensor: int
    context: int
    data: int
    pipeline: int
    expert: int
    microbatch_size: int
    microbatches: int
    slices: int
    """Microbatches that each sequence is cut into along its tokens; 1 unless there are more of them than sequences."""
    virtual_stages: int
    schedule: str
    zero_stage: int
    shard_size: int
    """Data-parallel devices that ZeRO divides among: all, or fewer, with copies of what they hold."""
    sequence_parallel: bool
    stage_layers: int
    """Layers of a stage; where the ends of the stack count as layers, those of one without them."""
    ends_as_layers: bool
    """Whether the first and the last stage have one layer less than the others."""

    @property
    def devices(self) -> int:
        """Devices of one such split."""
        return self.tensor * self.context * self.data * self.pipeline

    @property
    def batch(self) -> int:
        """Sequences in a step."""
        return self.data * self.microbatch_size * self.microbatches // self.slices

    @classmethod
    def of(
        cls,
        model: TransformerWorkload,
        devices: int,
        batch_size: int | None,
        *,
        tp_size: int,
        pp_size: int,
        cp_size: int,
        ep_size: int,
        microbatch_size: int | None,
        microbatch_count: int | None,
        virtual_stages: int,
        schedule: str,
        zero_stage: int,
        shard_size: int | None,
        sequence_parallel: bool,
        ends_as_layers: bool,
    ) -> Layout:
        """Return the layout that a question asks for.

        Raises
        ------
        InputError, InputTypeError, UnknownName
            For a degree or a batch that does not divide, with those that do, and for an unknown schedule or stage.
        """
        tensor = tensor_parallel_degree(model, tp_size, model.name, "tp_size")
        stages, context = positive_integer("pp_size", pp_size), positive_integer("cp_size", cp_size)
        chunks = positive_integer("virtual_stages", virtual_stages)
        layers = _stage_layers(model, stages, boolean("ends_as_layers", ends_as_layers))
        _divides("virtual_stages", chunks, layers, f"the {layers} layers of a stage")
        if not isinstance(schedule, str) or schedule not in SCHEDULES:
            raise unknown("schedule", schedule, SCHEDULES)
        if schedule == "zero-bubble" and chunks > 1:
            raise InputError("virtual_stages must be 1 with schedule='zero-bubble'")
        if chunks > 1 and stages == 1:
            raise InputError(f"virtual_stages={chunks} needs a pipeline: pp_size is 1")
        group = tensor * stages * context
        if devices % group:
            wanted = f"tp_size × pp_size × cp_size = {group} must divide the {devices} devices of the fleet"
            raise InputError(f"{wanted}; nearest that do: {_near(group, divisors(devices))}")
        data = devices // group
        if batch_size is None:
            size = 1 if microbatch_size is None else positive_integer("microbatch_size", microbatch_size)
            number = stages if microbatch_count is None else positive_integer("microbatch_count", microbatch_count)
            batch_size = data * size * number
        batch = positive_integer("batch_size", batch_size)
        _divides("data-parallel degree", data, batch, f"batch_size {batch}")
        size, number, slices = _microbatches(batch // data, microbatch_size, microbatch_count)
        if slices > 1 and model.architecture != "decoder":
            raise InputError(
                f"microbatch_count must be at most {batch // data}, the sequences of a replica; got {number}"
            )
        if chunks > 1:
            _multiple("the number of microbatches", number, stages, "stages that interleave")
        expert = positive_integer("ep_size", ep_size)
        if expert > 1:
            if model.experts is None:
                raise InputError(f"ep_size={expert} needs a mixture of experts; {model.name} has none")
            _divides("ep_size", expert, model.experts.experts, f"the {model.experts.experts} experts of {model.name}")
            _divides("ep_size", expert, data, f"the data-parallel degree {data}")
        if isinstance(zero_stage, bool) or zero_stage not in (0, 1, 2, 3):
            raise InputError(f"zero_stage must be 0, 1, 2 or 3 [rajbhandari2020zero]; got {zero_stage!r}")
        if zero_stage == 3 and stages > 1:
            raise InputError(f"zero_stage=3 gathers weights for each microbatch: pp_size must be 1; got {stages}")
        sharing = data if shard_size is None else positive_integer("shard_size", shard_size)
        _divides("shard_size", sharing, data, f"the data-parallel degree {data}")
        _multiple("shard_size", sharing, expert, "devices that share the experts")
        shared = boolean("sequence_parallel", sequence_parallel) and tensor > 1
        degrees = tensor, context, data, stages, expert
        counted = size, number, slices, chunks, schedule, zero_stage, sharing, shared, layers, ends_as_layers
        return cls(*degrees, *counted)


def stacked_layers(model: TransformerWorkload, ends_as_layers: bool) -> int:
    """Return the layers that pipeline stages divide: two more where embedding and output head count as one each."""
    return model.layers + 2 * ends_as_layers


def _stage_layers(model: TransformerWorkload, stages: int, ends: bool) -> int:
    layers = stacked_layers(model, ends)
    if ends and stages == 1:
        raise InputError("ends_as_layers=True needs a pipeline: pp_size is 1")
    if layers % stages:
        what = f"the {model.layers} layers of {model.name}" + (" and its two ends" if ends else "")
        other = stacked_layers(model, not ends) % stages
        hint = "" if other else f"; with ends_as_layers={not ends} it does"
        raise InputError(
            f"pp_size must divide {what}; got {stages}{hint}. Nearest that do: {_near(stages, divisors(layers))}"
        )
    return layers // stages


def _microbatches(samples: int, size: int | None, number: int | None) -> tuple[int, int, int]:
    """Size and number of the microbatches of one replica, and how many a sequence is cut into: by default one each."""
    if number is None:
        size = 1 if size is None else positive_integer("microbatch_size", size)
        _divides("microbatch_size", size, samples, f"the {samples} samples of a replica")
        return size, samples // size, 1
    if positive_integer("microbatch_count", number) > samples and size is None:
        _multiple("microbatch_count", number, samples, "sequences of a replica, which it cuts into slices")
        return 1, number, number // samples
    _divides("microbatch_count", number, samples, f"the {samples} samples of a replica")
    if size is not None and positive_integer("microbatch_size", size) * number != samples:
        raise InputError(f"microbatch_size × microbatch_count must be the {samples} samples of a replica")
    return samples // number, number, 1


def _divides(name: str, value: int, of: int, what: str) -> None:
    if of % value:
        raise InputError(f"{name} must divide {what}; got {value}. Nearest that do: {_near(value, divisors(of))}")


def _multiple(name: str, value: int, of: int, what: str) -> None:
    if value % of:
        raise InputError(f"{name} must be a multiple of the {of} {what}; got {value}")


def divisors(of: int) -> list[int]:
    """Return the numbers that divide one, in order.

    Examples
    --------
    >>> divisors(12)
    [1, 2, 3, 4, 6, 12]
    """
    small = [by for by in range(1, int(of**0.5) + 1) if of % by == 0]
    return sorted({*small, *(of // by for by in small)})


def _near(value: int, allowed: Iterable[int]) -> str:
    return ", ".join(str(one) for one in sorted(sorted(allowed, key=lambda one: abs(one - value))[:6]))
