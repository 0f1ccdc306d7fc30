"""One training step of a split model: the time of each part, and the memory of the device that holds most."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from operator import itemgetter
from typing import Any, NamedTuple

from mlsysim.core.solver.fleet.groups import Group
from mlsysim.core.solver.fleet.layout import Layout
from mlsysim.core.solver.fleet.shard import Job, Passes, Shard
from mlsysim.core.solver.node.optimizers import master_size, stored_format
from mlsysim.core.solver.node.training_state import Shards, zero_shards
from mlsysim.core.solver.node.training_work import kept_tensors
from mlsysim.physics import parallel, training, training_memory
from mlsysim.physics.elementwise import some, where
from mlsysim.physics.equation import part
from mlsysim.physics.precision import ELEMENT_SIZE
from mlsysim.physics.roofline import memory_time

STAGE = ("tensor", "pipeline", "expert", "stage_layers", "ends_as_layers")
"""What of a layout decides which parameters a device has."""
SHARD = ("tensor", "context", "expert", "microbatch_size", "slices", "sequence_parallel")
"""What of a layout decides the shapes of its kernels."""
REPLICAS = ("context", "data", "shard_size", "zero_stage")
"""What of a layout decides how replicas divide states and exchange gradients."""


def once(*parts: str, recompute: bool = False) -> Callable[[Callable[[Step], Any]], Any]:
    """Declare what of a layout a property depends on: steps of a job that are equal in it share the value."""
    key = itemgetter(*(Layout._fields.index(part) for part in dict.fromkeys(parts)))

    def decorate(method: Callable[[Step], Any]) -> Any:
        def get(step: Step) -> Any:
            asked = method, key(step.layout), recompute and step.recompute
            value = step.known.get(asked)
            if value is None:
                value = step.known[asked] = method(step)
            return value

        return property(get, doc=method.__doc__)

    return decorate


class Memory(NamedTuple):
    """What the device that holds most has in memory, by term [byte]."""

    weights: float
    gradients: float
    optimizer: float
    activations: float
    buffers: float
    total: float

    @classmethod
    def of(cls, *terms: Any) -> Memory:
        """Return the terms with their sum; in a search each is an array over its layouts."""
        return cls(*terms, training_memory.training_footprint.plain(*terms))


class Held(NamedTuple):
    """Parameters that the device that holds most has a part of: those that all replicas share, and of its experts."""

    shared: float
    own: float

    @property
    def all(self) -> float:
        """Both."""
        return self.shared + self.own


class Times(NamedTuple):
    """Where the time of a step goes [s]; the parts up to `waiting` add up to `total`."""

    compute: float
    again: float
    tensor: float
    context: float
    expert: float
    sends: float
    idle: float
    exposed: float
    update: float
    waiting: float
    total: float
    data: float
    """The data-parallel exchange, hidden or not."""
    busy: float
    """What a stage of the pipeline works on its layers, exchanges in its group included."""


class Pieces(NamedTuple):
    """What the times of a step are made of; in a search each an array over its layouts."""

    layers: Passes
    every: Passes
    worked: Any
    """Time of one microbatch on the layers of a stage."""
    busy: Any
    """Time of one microbatch on all that a stage has."""
    stages: Any
    chunks: Any
    number: Any
    zero_bubble: Any
    added: Any
    sends: Any
    exchanged: Any
    exposed: Any
    update: Any

    @property
    def idle(self) -> Any:
        """Time in which a stage waits for others."""
        if not some(self.stages > 1):
            return 0.0
        layers, half = self.layers, self.layers.exchange / 2
        with part("Pipeline"):
            idle = 0.0
            if some(self.zero_bubble):
                forward, inputs = layers.forward + half, layers.inputs + layers.again + half
                idle = parallel.zero_bubble_idle.plain(self.stages, forward, inputs, layers.weights)
            if some(self.zero_bubble == False):  # noqa: E712  an array has no `not`
                shape = self.stages, self.chunks, self.number
                ideal = parallel.pipeline_bubble.plain(self.number * self.worked, *shape)
                idle = where(self.zero_bubble, idle, ideal)
        return where(self.stages > 1, idle, 0.0)


def times_of(found: Pieces, overlap: bool, straggler: float) -> Times:
    """Return where the time goes, given whether exchange overlaps and how much slower the slowest device is."""
    number, every, idle = found.number, found.every, found.idle
    busy, sends = number * found.busy, number * found.sends
    exposed = found.exposed if overlap else found.exchanged
    waiting = (straggler - 1) * (busy + idle)
    return Times(
        compute=number * every.compute + found.added,
        again=number * every.again,
        tensor=number * every.tensor,
        context=number * every.context,
        expert=number * every.expert,
        sends=sends,
        idle=idle,
        exposed=exposed,
        update=found.update,
        waiting=waiting,
        total=busy + found.added + idle + sends + exposed + found.update + waiting,
        data=found.exchanged,
        busy=number * found.worked,
    )


@dataclass(eq=False)
class Step:
    """A training step as one device of a layout sees it.

    Parameters
    ----------
    job, layout
        What is trained on what, split how.
    recompute
        ``"none"``, ``"selective"`` (attention) or ``"full"`` (each layer).
    shard
        A microbatch on one device.
    known
        What steps of the same job have worked out, each by what it depends on; a search hands it from step to step.
    """

    job: Job
    layout: Layout
    recompute: str
    shard: Shard
    known: dict[Any, Any] = field(default_factory=dict)

    @classmethod
    def of(cls, job: Job, layout: Layout, recompute: str) -> Step:
        """Return the step of a layout."""
        shape = layout.tensor, layout.context, layout.expert, layout.microbatch_size
        return cls(job, layout, recompute, Shard(job, *shape, layout.slices, layout.sequence_parallel))

    @once(*SHARD, "stage_layers", "ends_as_layers", recompute=True)
    def passes(self) -> tuple[Any, ...]:
        """A microbatch through the layers of the slowest stage, and through all that it has: also an end of the stack.

        Of both the parts, and the sum of the parts.
        """
        whole, ends, layers = self.shard.layers(self.recompute), self.shard.ends, self.layout.stage_layers
        each = whole.busy / self.job.model.layers
        inner = self.layout.ends_as_layers and each >= ends.busy
        held = layers - (self.layout.ends_as_layers and not inner)
        inside, ending = whole.scaled(held / self.job.model.layers), ends.scaled(not inner)
        every = Passes(*(one + other for one, other in zip(inside, ending, strict=True)))
        return inside, every, inside.busy, every.busy

    @once(*STAGE)
    def parameters(self) -> Held:
        """Parameters of the stage that holds most: its layers, and the first one's embedding or the last one's head."""
        layout, model = self.layout, self.job.model
        experts = model.moe_layers * model.expert_parameters * (model.experts.experts if model.experts else 0)
        layer, share = (model.stack_parameters - experts) / model.layers, layout.stage_layers / model.layers
        ends = model.parameter_count - model.stack_parameters
        if layout.pipeline > 1:
            first = (model.vocab + model.learned_positions + model.segments) * model.hidden
            ends = max(first, ends - first + (model.head_parameters if model.tied_embeddings else 0))
        more = max(ends - layer, 0.0) if layout.ends_as_layers else ends
        shared = layout.stage_layers * layer + more
        return Held(shared / layout.tensor, share * experts / (layout.tensor * layout.expert))

    def times(self, overlap: bool, straggler: float) -> Times:
        """Return where the time goes, given whether exchange overlaps and how much slower the slowest device is."""
        return times_of(self.pieces, overlap, straggler)

    @property
    def pieces(self) -> Pieces:
        """What the times of the step are made of."""
        layout, states = self.layout, self._states
        shape = layout.pipeline, layout.virtual_stages, layout.microbatches, layout.schedule == "zero-bubble"
        return Pieces(*self.passes, *shape, self._accumulation_time(), self.sends, *self._exchange, states[-1])

    def _accumulation_time(self) -> float:
        """Time of kernels that add gradients of microbatches up, or widen them for the sum over the replicas."""
        layout, job = self.layout, self.job
        if job.fused_gradients or (layout.microbatches == 1 and job.gradient_size == job.size):
            return 0.0
        shared, own = self._shards
        divided = self.parameters.shared / shared.gradients + self.parameters.own / own.gradients
        traffic = training.accumulation_traffic.plain
        moved = traffic(divided, job.size, job.gradient_size)
        if layout.zero_stage > 1 and job.gradient_size > job.size:  # all are widened before they are divided
            moved = traffic(divided, job.gradient_size, job.gradient_size)
            moved += (job.size + job.gradient_size) * self.parameters.all
        return layout.microbatches * memory_time.plain(moved, job.reached)

    @once(*SHARD, "data", "pipeline", "virtual_stages")
    def sends(self) -> float:
        """Time of passing activations and their gradients from stage to stage, of one microbatch.

        Devices of a tensor-parallel group that have the same send a part each, and gather them [narayanan2021megatron].
        """
        layout = self.layout
        if layout.pipeline == 1:
            return 0.0
        network, stream, group = self.job.network, self.shard.stream, Group.of(layout.tensor, 1, self.job.network.node)
        row = layout.tensor * layout.context * layout.data, layout.pipeline
        with part("Pipeline parallel"):
            hop = network.send(stream / layout.tensor, *row)
            if not layout.sequence_parallel and layout.tensor > 1:
                hop = min(network.send(stream, *row), hop + network.gather(stream, group))
        return 2 * layout.virtual_stages * hop

    @property
    def data_times(self) -> tuple[float, float]:
        """Time of summing the gradients and of gathering weights, over the replicas."""
        summed, reduced, gathered = self._collectives
        repeats = self.layout.microbatches if self.layout.zero_stage > 1 else 1
        return repeats * reduced + summed, (2 * repeats if self.layout.zero_stage == 3 else 1) * gathered

    @once(*STAGE, *REPLICAS)
    def _collectives(self) -> tuple[float, float, float]:
        """Times of one sum of gradients, of one reduce-scatter of them, and of gathering the weights once."""
        held = self.parameters
        with part("Data parallel"):
            shared = self._exchanged(held.shared, 1)
            if not held.own:
                return shared
            own = self._exchanged(held.own, self.layout.expert)
        return shared[0] + own[0], shared[1] + own[1], shared[2] + own[2]

    def _exchanged(self, parameters: float, expert: int) -> tuple[float, float, float]:
        """The same for parameters that every `expert`-th replica has a copy of."""
        layout, network = self.layout, self.job.network
        gradients, weights = parameters * self.job.gradient_size, parameters * self.job.size
        sharing = layout.shard_size // expert * layout.context
        near = Group.of(sharing, layout.tensor * expert, network.node)
        far = Group.of(layout.data // layout.shard_size, layout.tensor * expert * sharing, network.node)
        if layout.zero_stage == 0:
            every = Group.of(near.size * far.size, layout.tensor * expert, network.node)
            return network.all_reduce(gradients, every), 0.0, 0.0
        reduced, gathered = network.gather(gradients, near), network.gather(weights, near)
        return network.all_reduce(gradients / sharing, far), reduced, gathered

    @once(*STAGE, *REPLICAS, "microbatches", "microbatch_size", "slices", "sequence_parallel", recompute=True)
    def _exchange(self) -> tuple[float, float]:
        """The data-parallel exchange, and what of it the passes beside it do not hide."""
        reduced, gathered = self.data_times
        return reduced + gathered, self._exposed(reduced, gathered) if reduced else 0.0

    def _exposed(self, reduced: float, gathered: float) -> float:
        layout, layers = self.layout, self.passes[0]
        number = layout.microbatches if layout.zero_stage > 1 else 1
        buckets = number * layout.stage_layers
        if layout.zero_stage == 3:
            late = 0.0 if self.job.prefetch else gathered / 2
            beside = number * (layers.compute + layers.again)
            return late + parallel.exposed_time.plain(reduced + gathered - late, beside, buckets)
        exposed = parallel.exposed_time.plain(reduced, number * layers.backward, buckets)
        if not gathered:
            return exposed
        return exposed + parallel.exposed_time.plain(gathered, layers.forward, buckets // number)

    def _update_time(self, optimizer: float) -> float:
        held, (shared, own) = self.parameters, self._shards
        updated = held.shared / shared.optimizer + held.own / own.optimizer
        copied = 1 if master_size(stored_format(self.job.precision)) else 2
        sizes = updated * self.job.gradient_size, optimizer, updated * self.job.size
        return memory_time.plain(training.optimizer_traffic.plain(*sizes, copied), self.job.reached)

    @once("expert", *REPLICAS)
    def _shards(self) -> tuple[Shards, Shards]:
        """Among how many devices states are divided: those that all replicas share, and those of experts."""
        layout = self.layout
        shared = zero_shards(layout.zero_stage, layout.shard_size * layout.context)
        if layout.expert == 1:
            return shared, shared
        return shared, zero_shards(layout.zero_stage, layout.shard_size // layout.expert * layout.context)

    @property
    def memory(self) -> Memory:
        """What the device that holds most needs."""
        with part("Memory"):
            return Memory.of(*self.terms)

    @property
    def terms(self) -> tuple[float, float, float, float, float]:
        """The terms of that memory."""
        weights, gradients, optimizer, _ = self._states
        activations, buffers = self._kept
        if self.layout.zero_stage == 3:
            job = self.job
            buffers += (2 if job.prefetch else 1) * self.parameters.all * job.size / job.model.layers
        return weights, gradients, optimizer, activations, buffers

    @once(*STAGE, *REPLICAS)
    def _states(self) -> tuple[float, float, float, float]:
        """Weights, gradients and states of the optimizer [byte], and the time in which it updates them [s]."""
        held, job, (shared, own) = self.parameters, self.job, self._shards

        def states(size: float, by: str) -> float:
            whole = training_memory.state_bytes.plain(held.shared, size, shards=getattr(shared, by))
            if not held.own:
                return whole
            return whole + training_memory.state_bytes.plain(held.own, size, shards=getattr(own, by))

        weights, gradients = states(job.size, "weights"), states(job.gradient_size, "gradients")
        optimizer = states(job.state_size, "optimizer")
        return weights, gradients, optimizer, self._update_time(optimizer)

    @once(*SHARD, "pipeline", "virtual_stages", "microbatches", "stage_layers", "ends_as_layers", recompute=True)
    def _kept(self) -> tuple[float, float]:
        """Activations that wait for their backward pass, and those that are alive beside them."""
        job, layout, tokens = self.job, self.layout, self.shard.tokens
        model, size = job.model, job.size
        sequence = layout.tensor if layout.sequence_parallel else 1
        logits = tokens * model.vocab if model.head_parameters else 0
        last = layout.pipeline == 1
        buffers = model.live_bytes(tokens, logits if last else 0, size) / sequence
        layer = training_memory.layer_activation_bytes.plain(*self._layer(), layout.tensor, sequence)
        if self.recompute == "full":
            buffers += layer
            layer = training_memory.checkpoint_bytes.plain(tokens, model.hidden, size, sequence)
        wide = ELEMENT_SIZE["fp32"]
        if last and not job.fused:
            buffers = max(buffers, training_memory.loss_bytes.plain(logits, size, wide, layout.tensor))
        end = training_memory.head_activation_bytes.plain(tokens, model.hidden, size, logits, wide, layout.tensor)
        kept = training_memory.kept_activation_bytes.plain
        if last:
            return kept(model.layers, layer, end), buffers
        layers, final = layout.stage_layers, layout.pipeline - 1
        outer = layers - layout.ends_as_layers
        stages = [(outer, 0.0, self._in_flight(0)), (outer, end, self._in_flight(final))]
        if layout.ends_as_layers and final > 1:
            stages.append((layers, 0.0, self._in_flight(1)))
        return max(kept(held, layer, ending, 1, flying) for held, ending, flying in stages), buffers

    def _layer(self) -> tuple[float, ...]:
        """What `layer_activation_bytes` asks of the model."""
        job = self.job
        rows, widths = kept_tensors(job.model)
        dropped = job.size + 1 if job.dropout else 0.0
        scores = ELEMENT_SIZE["fp32"]
        if self.recompute == "selective":
            scores = 0.0
        elif not job.flash_attention:
            scores = training_memory.score_bytes.plain(job.seq_len, job.size, dropped)
        masks = 2.0 if job.dropout else 0.0
        return self.shard.tokens, job.model.hidden, rows, masks, widths, job.model.heads, scores, job.size

    def _in_flight(self, stage: int) -> float:
        """Microbatches whose activations a stage keeps at once [narayanan2021megatron]."""
        layout = self.layout
        stages, chunks, after = layout.pipeline, layout.virtual_stages, layout.pipeline - 1 - stage
        if chunks == 1:
            return min(layout.microbatches, after + layout.slices)
        return min(layout.microbatches, (2 * after + (chunks - 1) * stages + 1) / chunks)
