"""The kernels of one microbatch on one device of a split model, and what the devices of a replica exchange for it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

from mlsysim.core.solver.fleet.eager import apart
from mlsysim.core.solver.fleet.groups import Group, Network
from mlsysim.core.solver.node.kernels import Calibration, Timed
from mlsysim.core.solver.node.optimizers import master_size, optimizer_of, stored_format
from mlsysim.models.operators import Operator
from mlsysim.models.transformer import TransformerWorkload
from mlsysim.physics import training
from mlsysim.physics.equation import part
from mlsysim.physics.precision import ELEMENT_SIZE
from mlsysim.physics.roofline import memory_time

ENDS = ("embedding", "final norm", "output head", "loss", "pooler")
"""First words of the kernels that run once, at the ends of the stack."""

MASK = 1.0
"""Bytes that a framework keeps of each element that it may drop [korthikanti2023reducing]."""


class Passes(NamedTuple):
    """Times of one microbatch [s]: forward, the two kinds of gradients, recomputation, exchanges between devices."""

    forward: float
    inputs: float
    weights: float
    again: float
    tensor: float
    context: float
    expert: float

    @property
    def compute(self) -> float:
        """Kernels of a device alone, what is computed again left out."""
        return self.forward + self.inputs + self.weights

    @property
    def backward(self) -> float:
        """Both kinds of gradients and what they need again."""
        return self.inputs + self.weights + self.again

    @property
    def exchange(self) -> float:
        """What the devices of a replica exchange."""
        return self.tensor + self.context + self.expert

    @property
    def busy(self) -> float:
        """All of it, one after the other."""
        return self.compute + self.again + self.exchange

    def scaled(self, by: float) -> Passes:
        """Return the same for another number of layers."""
        return Passes(*(by * one for one in self))


@dataclass(frozen=True, eq=False)
class Job:
    """What is trained on what, whichever way it is split.

    Parameters
    ----------
    model, network, seq_len, precision
        What is trained, on what, on sequences of how many tokens, in which format of products.
    flash_attention
        Whether scores stay on the chip.
    optimizer, gradient_size
        One of `mlsysim.core.solver.node.optimizers.OPTIMIZERS`, and bytes of a gradient of a weight.
    dropout
        Whether layers drop activations.
    fused
        Whether element-wise operations that follow one another share a kernel.
    prefetch
        Whether the weights of the next layer are gathered while the gradients of this one are computed.
    fused_gradients
        Whether the product that makes the gradient of a weight also adds it to the sum over microbatches.
    imbalance
        Tokens of the expert that gets most over those of the mean, at least 1.
    """

    model: TransformerWorkload
    network: Network
    seq_len: int
    precision: str
    flash_attention: bool
    optimizer: str
    gradient_size: float
    dropout: bool
    fused: bool
    prefetch: bool
    fused_gradients: bool
    imbalance: float

    @property
    def kernels(self) -> Calibration:
        """What the kernels of a device reach."""
        return self.network.kernels

    @cached_property
    def size(self) -> float:
        """Bytes of a weight and of an activation."""
        return ELEMENT_SIZE[stored_format(self.precision)]

    @cached_property
    def state_size(self) -> float:
        """Bytes that the optimizer keeps for a parameter, its copy of the weight included."""
        return float(optimizer_of(self.optimizer).state.m_as("byte/param")) + master_size(stored_format(self.precision))

    @cached_property
    def reached(self) -> float:
        """Bandwidth that element-wise kernels reach [byte/s]."""
        return self.kernels.elementwise.memory_efficiency * self.kernels.hardware.plain.bandwidth


@dataclass(frozen=True, eq=False)
class Shard:
    """A microbatch on one device of a group that shares the layers of a model.

    Parameters
    ----------
    job
        What is trained.
    tensor, context, expert
        Devices that share each matrix, each sequence, the experts of a layer.
    microbatch_size, slices
        Sequences of the microbatch, and microbatches that each of them is cut into.
    sequence_parallel
        Whether the tensor-parallel devices also share what lies between their products.
    """

    job: Job
    tensor: int
    context: int
    expert: int
    microbatch_size: int
    slices: int
    sequence_parallel: bool

    @property
    def _cut(self) -> int:
        """Parts of a sequence: one each for a device of the context-parallel group and a microbatch."""
        return self.context * self.slices

    @property
    def tokens(self) -> int:
        """Tokens of the microbatch on this device."""
        return self.microbatch_size * self.job.seq_len // self._cut

    @property
    def stream(self) -> float:
        """Bytes of the residual stream of those tokens."""
        return self.tokens * self.job.model.hidden * self.job.size

    def _rows(self) -> Iterator[Operator]:
        job, split = self.job, {"tensor_parallel": self.tensor}
        asked = self.microbatch_size, job.precision, "training"
        rows = job.model.lower(*asked, job.seq_len // self._cut, **split)
        whole = job.model.lower(*asked, job.seq_len, **split) if self._cut > 1 else rows
        for row, long in zip(rows, whole, strict=True):
            if row.kind == "attention" and self._cut > 1:
                shared = ("m", "flops", "inputs", "outputs", "kv")
                yield long._replace(**{name: getattr(long, name) / self._cut for name in shared})
            elif row.kind == "grouped_gemm":
                skewed = ("m", "flops", "inputs", "outputs")
                more = {name: job.imbalance * getattr(row, name) for name in skewed}
                yield row._replace(**more, weights=row.weights / self.expert)
            elif self.sequence_parallel and row.kind == "elementwise" and " norm" in row.name:
                yield row._replace(inputs=row.inputs / self.tensor, outputs=row.outputs / self.tensor)
            else:
                yield row

    @cached_property
    def _timed(self) -> tuple[Timed, ...]:
        rows = self._rows() if self.job.fused else (one for row in self._rows() for one in apart(row))
        return tuple(self.job.kernels.time(row) for row in rows if row.group == 1)

    def _sums(self, ends: bool) -> tuple[float, float, float]:
        """Times of the forward pass and of the two kinds of gradients, of the ends of the stack or of its layers."""
        times = dict.fromkeys(("forward", "inputs", "weights"), 0.0)
        for one in self._timed:
            if one.operator.name.startswith(ENDS) is ends:
                times[_part_of(one.operator)] += one.total
        return times["forward"], times["inputs"], times["weights"]

    @cached_property
    def _once(self) -> Passes:
        """The times of all layers, nothing computed again."""
        (forward, inputs, weights), (forth, back) = self._sums(False), self._score_times
        exchanged, dropped = (self._tensor_time(), self._context_time(), self._expert_time()), self._dropout_time()
        return Passes(forward + forth + dropped, inputs + back + dropped, weights, 0.0, *exchanged)

    def layers(self, recompute: str) -> Passes:
        """Return the times of all layers of the model, of which `recompute` names what the backward pass repeats."""
        once = self._once
        if recompute == "full":
            return once._replace(
                again=once.forward,
                tensor=1.5 * once.tensor,
                context=4 / 3 * once.context,
                expert=1.5 * once.expert,
            )
        if recompute == "selective" and not self.job.flash_attention:
            return once._replace(again=self._attention + self._score_times[0])
        return once

    @cached_property
    def _attention(self) -> float:
        """Time of the attention of all layers in a forward pass."""
        return sum(
            one.total for one in self._timed if one.operator.kind == "attention" and one.operator.phase == "forward"
        )

    @cached_property
    def ends(self) -> Passes:
        """Embedding, output head and loss; the words, and the gradient of what the head reads, are summed."""
        with part("Ends of the stack"):
            summed = self.job.network.all_reduce(self.stream, self._group)
        return Passes(*self._sums(True), 0.0, 2 * summed, 0.0, 0.0)

    @cached_property
    def _score_times(self) -> tuple[float, float]:
        """Times of moving scores that do not stay on the chip, and of dropping some, in all layers, forth and back."""
        job = self.job
        if job.flash_attention:
            return 0.0, 0.0
        layers, heads = job.model.layers, job.model.heads / self.tensor
        pairs = self.microbatch_size * job.seq_len**2 / self._cut
        moved = training.score_traffic.plain(layers, heads, pairs, job.size)
        dropped = training.dropout_traffic.plain(layers * heads * pairs, job.size, MASK) if job.dropout else 0.0
        return memory_time.plain(moved + dropped, job.reached), memory_time.plain(2 * moved + dropped, job.reached)

    def _dropout_time(self) -> float:
        """Time of dropping what each half of a layer adds to the residual stream, in one pass of all layers."""
        job, halves = self.job, 2 * self.job.model.layers
        if not job.dropout:
            return 0.0
        elements = halves * self.tokens * job.model.hidden / (self.tensor if self.sequence_parallel else 1)
        moved = training.dropout_traffic.plain(elements, 0.0 if job.fused else job.size, MASK)
        return memory_time.plain(moved, job.reached)

    @property
    def _group(self) -> Group:
        return Group.of(self.tensor, 1, self.job.network.node)

    def _tensor_time(self) -> float:
        """The sums of tensor parallelism: two forth and two back in each layer; half where its halves are parallel.

        With sequence parallelism each is a reduce-scatter and, where the whole is needed again, an all-gather.
        """
        model, network = self.job.model, self.job.network
        with part("Tensor parallel"):
            if self.sequence_parallel:
                once = 2 * network.gather(self.stream, self._group)
            else:
                once = network.all_reduce(self.stream, self._group)
        return (2 if model.parallel else 4) * model.layers * once

    def _context_time(self) -> float:
        """Keys and values that go around the ring, what attention does not hide; their gradients come back likewise."""
        if self.context == 1:
            return 0.0
        model = self.job.model
        block = self.tokens * 2 * max(1, model.kv_heads // self.tensor) * model.head_dim * self.job.size
        with part("Context parallel"):
            hop = self.job.network.send(block, self.tensor, self.context)
        beside = self._attention / model.layers / self.context
        return 3 * model.layers * (self.context - 1) * max(hop - beside, 0.0)

    def _expert_time(self) -> float:
        """Tokens that go to their experts and come back, forth and back again for their gradients."""
        if self.expert == 1:
            return 0.0
        model, network = self.job.model, self.job.network
        group = Group.of(self.expert, self.tensor * self.context, network.node)
        shared = self.tensor if self.sequence_parallel else 1
        routed = self.stream * model.experts.active * self.job.imbalance / shared
        with part("Expert parallel"):
            return 4 * model.moe_layers * network.exchange(routed, group)


def _part_of(row: Operator) -> str:
    """Whether a kernel is of the forward pass, or makes gradients of inputs or of weights."""
    if row.phase == "forward":
        return "forward"
    return "weights" if row.name.endswith("weight gradient") else "inputs"
