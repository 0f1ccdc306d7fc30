"""The split of a model over a fleet that trains fastest, of all that divide evenly and fit in memory."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextvars import Context
from dataclasses import dataclass, field
from typing import Any, ClassVar, NamedTuple

from mlsysim.core.result import Field, Result, Rows
from mlsysim.core.solver.base import Solver
from mlsysim.core.solver.fleet.distributed import check_training, job_of, length_of, operations
from mlsysim.core.solver.fleet.layout import SCHEDULES, Layout, divisors, stacked_layers
from mlsysim.core.solver.fleet.shard import Job, Passes, Shard
from mlsysim.core.solver.fleet.step import Memory, Pieces, Step, times_of
from mlsysim.core.solver.node.training_work import RECOMPUTE
from mlsysim.core.walls import Wall, walls_for_solver
from mlsysim.errors import InputError, InputTypeError, boolean, positive_integer, shown, unknown
from mlsysim.models.lowering import tensor_parallel_degree
from mlsysim.models.transformer import TransformerWorkload
from mlsysim.models.types import Workload
from mlsysim.physics import roofline
from mlsysim.systems.types import Fleet
from mlsysim.units import pretty, wrap

ZERO_STAGES = (0, 1, 2, 3)


class _Config(Field):
    """A split as a dictionary, which tables give in one line."""

    def text(self, value: Any) -> str:
        return "none fits" if value is None else ", ".join(f"{name}={given}" for name, given in value.items())


class _Splits(Field):
    """A tuple of splits, whose times, rates and memory are handed out as quantities."""

    UNITS: ClassVar = {"step_time": "s", "throughput": "token/s", "memory": "byte"}

    def __get__(self, result: Result | None, owner: type) -> Any:
        if result is None:
            return self
        return [
            {name: wrap(value, self.UNITS[name]) if name in self.UNITS else value for name, value in one.items()}
            for one in result.plain[self.name]
        ]


CONFIG = dict[str, int | str]
SPLITS = Rows(config=CONFIG, mfu=float, step_time=float, throughput=float, memory=float)


class ParallelismResult(Result):
    """The fastest split, the others by speed and by memory, and why the rest was rejected."""

    model = Field("Model", kind=str)
    fleet = Field("Fleet", kind=str)
    feasible = Field("Something fits", kind=bool)
    best_config = _Config("Best split", kind=CONFIG | None)
    best_step_time = Field("Step", "s", kind=float | None)
    best_mfu = Field("MFU", kind=float | None)
    best_throughput = Field("Throughput", "token/s", kind=float | None)
    best_memory = Field("Memory needed, of one device", "byte", "GB", kind=float | None)
    memory_capacity = Field("Memory of the device", "byte", "GB")
    total_searched = Field("Splits looked at", kind=int)
    total_feasible = Field("  that fit", kind=int)
    nearest_config = _Config("Split that lacks least", optional=True, kind=CONFIG)
    memory_missing = Field("  memory that it lacks", "byte", "GB", optional=True)
    batch_size = Field("Sequences in a step", kind=int)
    seq_len = Field("Tokens of a sequence", kind=int)
    precision = Field("Precision", kind=str)
    top_candidates = _Splits("Best of each split", hidden=True, kind=SPLITS)
    frontier = _Splits("Time against memory", hidden=True, kind=SPLITS)
    rejected = Field("Rejected, by reason", hidden=True, kind=Rows(reason=str, count=int, example=str))
    notes = Field("Notes", kind=tuple[str, ...])


class Candidate(NamedTuple):
    """A split that fits."""

    time: float
    memory: float
    layout: Layout
    recompute: str

    @property
    def config(self) -> dict[str, Any]:
        """The split by the names that the field gives its degrees."""
        return _config(self.layout, self.recompute)


@dataclass
class Rejections:
    """Why splits were rejected: how often for each reason, and the first example, or the nearest miss."""

    counts: dict[str, int] = field(default_factory=dict)
    examples: dict[str, str] = field(default_factory=dict)
    missing: float = float("inf")
    nearest: tuple[Layout, str] | None = None

    def add(self, reason: str, example: str) -> None:
        """Note a split that does not divide."""
        self.counts[reason] = self.counts.get(reason, 0) + 1
        self.examples.setdefault(reason, example)

    def lacks(self, missing: float, layout: Layout, recompute: str) -> None:
        """Note a split that does not fit."""
        reason = "does not fit in memory"
        self.counts[reason] = self.counts.get(reason, 0) + 1
        if missing < self.missing:
            self.missing, self.nearest = missing, (layout, recompute)

    def table(self) -> tuple[dict[str, Any], ...]:
        """Return the reasons, the most frequent first."""
        if self.nearest:
            config = _Config("").text(_config(*self.nearest))
            self.examples["does not fit in memory"] = f"{config} lacks {pretty(self.missing, 'byte')}"
        ordered = sorted(self.counts.items(), key=lambda one: -one[1])
        return tuple({"reason": reason, "count": count, "example": self.examples[reason]} for reason, count in ordered)


@dataclass(frozen=True)
class Space:
    """What is searched: the greatest degrees, and the choices of all else."""

    devices: int
    batch: int
    tensor: int
    pipeline: int
    context: int
    expert: int
    recompute: tuple[str, ...]
    zero_stages: tuple[int, ...]
    schedules: tuple[str, ...]
    virtual: int
    sequence_parallel: bool
    ends_as_layers: bool

    def stage_layers(self, model: TransformerWorkload, pipeline: int) -> int | None:
        """Return the layers of a stage, None where they do not divide."""
        layers = stacked_layers(model, self.ends_as_layers and pipeline > 1)
        return None if layers % pipeline else layers // pipeline

    def splits(self, model: TransformerWorkload, seq_len: int, rejected: Rejections) -> Iterator[tuple[int, ...]]:
        """Yield the degrees of tensor, context, data, pipeline and expert parallelism that divide evenly."""
        for tensor in _up_to(self.tensor, self.devices):
            if (refusal := _refusal(model, tensor)) is not None:
                rejected.add("tp does not divide the heads and widths", refusal)
                continue
            for context in _up_to(self.context, self.devices // tensor):
                for pipeline in _up_to(self.pipeline, self.devices // tensor // context):
                    data = self.devices // (tensor * context * pipeline)
                    named = f"tp={tensor}, cp={context}, pp={pipeline}, dp={data}"
                    if seq_len % context:
                        rejected.add("cp does not divide the sequence", f"{named}: {seq_len} tokens")
                    elif self.stage_layers(model, pipeline) is None:
                        rejected.add("pp does not divide the layers", f"{named}: {model.layers} layers")
                    elif self.batch % data:
                        rejected.add("dp does not divide the batch", f"{named}: {self.batch} sequences")
                    else:
                        experts = model.experts.experts if model.experts else 1
                        for expert in _up_to(min(self.expert, data), experts):
                            if data % expert:
                                rejected.add("ep does not divide dp", f"{named}, ep={expert}")
                            else:
                                yield tensor, context, data, pipeline, expert

    def layouts(self, model: TransformerWorkload, degrees: tuple[int, ...]) -> Iterator[Layout]:
        """Yield every schedule of a split: microbatches, virtual stages, stages of ZeRO."""
        tensor, _, data, pipeline, _ = degrees
        shared, ends = self.sequence_parallel and tensor > 1, self.ends_as_layers and pipeline > 1
        layers = stacked_layers(model, ends) // pipeline
        stages = [stage for stage in self.zero_stages if (stage < 3 or pipeline == 1) and (data > 1 or not stage)]
        for size in divisors(self.batch // data):
            number = self.batch // data // size
            for chunks in _up_to(self.virtual, layers) if pipeline > 1 and number % pipeline == 0 else [1]:
                for schedule in self.schedules if pipeline > 1 and chunks == 1 else self.schedules[:1]:
                    if chunks > 1 and schedule != "1f1b":
                        continue
                    for stage in stages or self.zero_stages[:1]:
                        yield Layout(*degrees, size, number, 1, chunks, schedule, stage, data, shared, layers, ends)


def _up_to(most: int, of: int) -> list[int]:
    return [by for by in divisors(of) if by <= most]


def _refusal(model: TransformerWorkload, tensor: int) -> str | None:
    try:
        tensor_parallel_degree(model, tensor, model.name)
    except InputError as error:
        return str(error).replace("tensor_parallel", "tp", 1)
    return None


def _config(layout: Layout, recompute: str) -> dict[str, Any]:
    return {
        "tp": layout.tensor,
        "pp": layout.pipeline,
        "dp": layout.data,
        "cp": layout.context,
        "ep": layout.expert,
        "zero_stage": layout.zero_stage,
        "microbatch_size": layout.microbatch_size,
        "virtual_stages": layout.virtual_stages,
        "schedule": layout.schedule,
        "recompute": recompute,
    }


def search(job: Job, space: Space, overlap: bool) -> tuple[list[Candidate], Rejections]:
    """Return every split that fits, with its time, and why the others were rejected.

    Memory comes first, for it is cheap. What splits have in common is worked out once.
    """
    capacity, rejected = job.kernels.hardware.plain.capacity, Rejections()
    shards: dict[tuple[int, ...], Shard] = {}
    known: dict[Any, Any] = {}
    steps: list[Step] = []
    for degrees in space.splits(job.model, job.seq_len, rejected):
        tensor, context, _, _, expert = degrees
        for layout in space.layouts(job.model, degrees):
            shape = tensor, context, expert, layout.microbatch_size
            if shape not in shards:
                shards[shape] = Shard(job, *shape, 1, layout.sequence_parallel)
            steps += [Step(job, layout, recompute, shards[shape], known) for recompute in space.recompute]
    memory = Memory.of(*_columns([step.terms for step in steps])).total.tolist() if steps else []
    held = []
    for step, needed in zip(steps, memory, strict=True):
        if needed > capacity:
            rejected.lacks(needed - capacity, step.layout, step.recompute)
        else:
            held.append((step, needed))
    if not held:
        return [], rejected
    times = times_of(_together([step.pieces for step, _ in held]), overlap, 1.0).total.tolist()
    found = [Candidate(time, at, step.layout, step.recompute) for (step, at), time in zip(held, times, strict=True)]
    return sorted(found), rejected


def _together(pieces: list[Pieces]) -> Pieces:
    """The pieces of many steps as arrays; steps share the passes of equal shapes."""
    distinct = {id(one.layers): one for one in pieces}
    order = {key: place for place, key in enumerate(distinct)}
    places = [order[id(one.layers)] for one in pieces]
    layers, every = (Passes(*_columns([one[at] for one in distinct.values()])[:, places]) for at in (0, 1))
    whole = Pieces(layers, every, *_columns([one[2:] for one in pieces]))
    return whole._replace(zero_bubble=whole.zero_bubble > 0)


def _columns(rows: list[Any]) -> Any:
    """The columns of rows of numbers as arrays."""
    import numpy as np

    return np.array(rows, float).T


class ParallelismOptimizer(Solver):
    """Wall 14 turned round: of all splits of a model over a fleet that divide evenly and fit, the fastest.

    Every divisor is looked at: degrees of tensor, pipeline and data parallelism, sizes of microbatches, schedules,
    stages of ZeRO, recomputation. Each split that fits is timed as `DistributedModel` does.

    Examples
    --------
    >>> from mlsysim import Models, ParallelismOptimizer, Systems
    >>> result = ParallelismOptimizer().solve(Models.Llama3_8B, Systems.Clusters.Research_256, batch_size=256)
    >>> result.feasible, result.best_mfu > 0.4
    (True, True)
    """

    @property
    def walls(self) -> tuple[Wall, ...]:
        """The wall that it looks for a way around."""
        return walls_for_solver("DistributedModel")

    def solve(
        self,
        model: Workload,
        fleet: Fleet,
        batch_size: int,
        precision: str = "bf16",
        efficiency: float | None = None,
        *,
        overlap_comm: bool = True,
        seq_len: int | None = None,
        max_tp: int | None = None,
        max_pp: int | None = None,
        max_cp: int = 1,
        max_ep: int | None = None,
        max_virtual_stages: int | None = None,
        zero_stages: Sequence[int] = ZERO_STAGES,
        schedules: Sequence[str] = tuple(SCHEDULES),
        recompute: Sequence[str] = RECOMPUTE,
        sequence_parallel: bool = True,
        flash_attention: bool = True,
        attention_kernel: str | None = None,
        optimizer: str = "adam",
        gradient_precision: str | None = None,
        dropout: bool = False,
        fused: bool = True,
        fused_gradients: bool = True,
        prefetch: bool = True,
        ends_as_layers: bool = False,
        calibration: str = "fitted",
        congestion_factor: float = 1.0,
        expert_imbalance: float = 1.0,
    ) -> ParallelismResult:
        """Return the split in which a training step takes least.

        Parameters
        ----------
        model, fleet, batch_size, precision, efficiency, overlap_comm, seq_len
            As in `DistributedModel.solve`.
        max_tp, max_pp, max_cp, max_ep, max_virtual_stages
            The greatest degrees that are looked at: by default the devices of a node for tensor parallelism, 1 for
            context parallelism, and no bound for the others.
        zero_stages, schedules, recompute
            The choices that are looked at.
        sequence_parallel, flash_attention, attention_kernel, optimizer, gradient_precision, dropout
            As in `DistributedModel.solve`.
        fused, fused_gradients, prefetch, calibration, congestion_factor, expert_imbalance
            As in `DistributedModel.solve`.
        ends_as_layers
            As in `DistributedModel.solve`, for splits with a pipeline.

        Returns
        -------
        ParallelismResult
            Also if nothing fits: then `feasible` is False and `nearest_config` is the split that lacks least memory.
            `top_candidates` has the best variant of each split, `frontier` those that no other beats in both time and
            memory, `rejected` how many were rejected for each reason, with an example.

        Raises
        ------
        InputError, InputTypeError, UnknownName
            For an argument of the wrong kind or an impossible value; the message names it and what is allowed.
        """
        check_training(model, fleet), boolean("overlap_comm", overlap_comm)
        devices, experts = fleet.total_accelerators, model.experts.experts if model.experts else 1
        space = Space(
            devices,
            positive_integer("batch_size", batch_size),
            _most("max_tp", max_tp, fleet.node.accelerators_per_node),
            _most("max_pp", max_pp, devices),
            positive_integer("max_cp", max_cp),
            _most("max_ep", max_ep, experts),
            _choices("recompute", recompute, RECOMPUTE),
            _choices("zero_stages", zero_stages, ZERO_STAGES),
            _choices("schedules", schedules, tuple(SCHEDULES)),
            _most("max_virtual_stages", max_virtual_stages, model.layers),
            boolean("sequence_parallel", sequence_parallel),
            boolean("ends_as_layers", ends_as_layers),
        )
        job = job_of(
            model,
            fleet,
            precision,
            efficiency,
            length_of(model, seq_len),
            calibration,
            flash_attention=flash_attention,
            attention_kernel=attention_kernel,
            optimizer=optimizer,
            gradient_precision=gradient_precision,
            dropout=dropout,
            fused=fused,
            fused_gradients=fused_gradients,
            prefetch=prefetch,
            congestion_factor=congestion_factor,
            expert_imbalance=expert_imbalance,
        )
        found, rejected = Context().run(search, job, space, overlap_comm)  # the search is no part of the derivation
        tokens, flops = space.batch * job.seq_len, Context().run(operations, job, space.batch, "none")[0]
        peak = devices * fleet.node.accelerator.plain.peaks[job.kernels.compute_precision]

        def shown_of(one: Candidate) -> dict[str, Any]:
            return {
                "config": one.config,
                "mfu": roofline.model_flops_utilization.plain(flops, peak, one.time),
                "step_time": one.time,
                "throughput": roofline.throughput.plain(tokens, one.time),
                "memory": one.memory,
            }

        best = found[0] if found else None
        if best:
            step = Step.of(job, best.layout, best.recompute)
            needed = operations(job, space.batch, best.recompute)[0]
            time, memory = step.times(overlap_comm, 1.0).total, step.memory.total
        nearest = rejected.nearest if not found else None
        return ParallelismResult(
            model=model.name,
            fleet=fleet.name,
            feasible=best is not None,
            best_config=best and best.config,
            best_step_time=time if best else None,
            best_mfu=roofline.model_flops_utilization.plain(needed, peak, time) if best else None,
            best_throughput=roofline.throughput.plain(tokens, time) if best else None,
            best_memory=memory if best else None,
            memory_capacity=fleet.node.accelerator.plain.capacity,
            total_searched=len(found) + sum(rejected.counts.values()),
            total_feasible=len(found),
            nearest_config=nearest and _config(*nearest),
            memory_missing=rejected.missing if nearest else None,
            batch_size=space.batch,
            seq_len=job.seq_len,
            precision=precision,
            top_candidates=tuple(Context().run(lambda: [shown_of(one) for one in _by_split(found)])),
            frontier=tuple(Context().run(lambda: [shown_of(one) for one in _undominated(found)])),
            rejected=rejected.table(),
            notes=tuple(dict.fromkeys(job.kernels.notes)),
        )


def _by_split(found: list[Candidate]) -> list[Candidate]:
    """The best variant of each split, the fastest first."""
    best: dict[tuple[int, ...], Candidate] = {}
    for one in found:
        best.setdefault(one.layout[:5], one)
    return list(best.values())


def _undominated(found: list[Candidate]) -> list[Candidate]:
    """The candidates that none beats in both time and memory, the fastest first."""
    least, kept = float("inf"), []
    for one in found:
        if one.memory < least:
            least = one.memory
            kept.append(one)
    return kept


def _most(name: str, given: int | None, default: int) -> int:
    return default if given is None else positive_integer(name, given)


def _choices(name: str, given: Any, allowed: tuple[Any, ...]) -> tuple[Any, ...]:
    if isinstance(given, str) or not isinstance(given, Sequence) or not given:
        raise InputTypeError(f"{name} must be some of {allowed}; got {shown(given)}")
    for one in given:
        if isinstance(one, bool) or one not in allowed:
            raise unknown(f"choice of {name}", one, allowed)
    return tuple(one for one in allowed if one in given)
