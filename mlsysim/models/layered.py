"""Networks as lists of layers: what each reads, writes and keeps alive, and what that adds up to.

Operations are those of products, 2 a multiply-add. Norms, activation functions and added shortcuts are fused into the
operator beside them, and maps that are read together were written together: none of these moves anything of its own.
Pooling, upsampling, gating and the scaling of a squeeze-and-excitation do. Where nothing is fused, norms, activation
functions and added shortcuts are kernels too.
"""

from __future__ import annotations

from abc import abstractmethod
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from mlsysim.errors import InputError, whole_numbers
from mlsysim.models.backward import with_backward
from mlsysim.models.operators import Kind, Operator, Operators
from mlsysim.models.types import Demand, Workload
from mlsysim.physics import convolution as physics
from mlsysim.physics.equation import kept
from mlsysim.physics.memory import weight_bytes
from mlsysim.physics.operators import product_flops
from mlsysim.physics.precision import element_sizes
from mlsysim.physics.transformer import attention_flops


class Shape(NamedTuple):
    """Height, width and channels of a feature map."""

    height: int
    width: int
    channels: int

    @property
    def elements(self) -> int:
        """Elements of one sample."""
        return self.height * self.width * self.channels


class Layer(NamedTuple):
    """One operator with the norm and the activation function that are fused into it."""

    kind: str
    inputs: Shape
    outputs: Shape
    weights: int
    """Weights of the product, each used once an output position."""
    other_parameters: int
    """Biases, and the scale and shift of a norm."""
    shortcut: int
    """Elements read beside the inputs: a shortcut that is added, keys and values, the factors of a scaling."""
    attention: int
    """Operations of attention scores and of their sum over the values, for one sample."""
    live: int
    """Activations alive for one sample while this layer runs: inputs, outputs, and what a later layer still reads."""
    name: str
    heads: int
    """Heads of an attention."""
    norm: bool
    """Whether a batch norm follows."""
    activation: bool
    """Whether an activation function follows."""

    @property
    def flops(self) -> int:
        """Operations for one sample."""
        if not self.weights:
            return self.attention
        return physics.convolution_flops.plain(self.weights, self.outputs.height, self.outputs.width)

    @property
    def traffic(self) -> int:
        """Activations read and written for one sample."""
        return self.inputs.elements + self.outputs.elements + self.shortcut

    @property
    def apart(self) -> tuple[tuple[str, int], ...]:
        """What follows the product if nothing is fused: each kernel, and how many maps like the output it reads."""
        followed = {"batch norm": self.norm, "shortcut": 2 * bool(self.shortcut), "activation": self.activation}
        return tuple((name, int(reads)) for name, reads in followed.items() if reads and self.kind in _CONVOLUTIONS)

    @property
    def traffic_apart(self) -> int:
        """Activations that these kernels read and write for one sample, beside `traffic`."""
        read = self.shortcut if self.apart else 0
        return sum((1 + reads) * self.outputs.elements for _, reads in self.apart) - read

    def kernel(self, runs: int) -> Kernel:
        """Return the kernel that does this, run some times.

        A convolution is the product of its output positions with its weights, each output a sum of k products.
        """
        outputs, kind, n, k = self.outputs, "elementwise", None, None
        if self.weights:
            kind, n, k = _KINDS[self.kind], outputs.channels, self.weights // outputs.channels
        elif self.attention:
            kind, n, k = "attention", self.shortcut // (2 * outputs.channels), outputs.channels // self.heads
        positions, parameters = outputs.height * outputs.width, self.weights + self.other_parameters
        moved = self.inputs.elements + self.shortcut, outputs.elements
        return Kernel(self.name, kind, runs, positions, n, k, self.attention, parameters, *moved)


class Kernel(NamedTuple):
    """What a layer runs, for one sample: its counts without batch and format."""

    name: str
    kind: Kind
    runs: int
    positions: int
    n: int | None
    k: int | None
    attention: int
    parameters: int
    reads: int
    writes: int

    def operator(self, batch: Any, size: Any) -> Operator:
        """Return this for a batch, in formats of `size` bytes."""
        m, flops = batch * self.positions, batch * self.attention
        weights = weight_bytes.plain(self.parameters, size)
        inputs = physics.activation_bytes.plain(batch, self.reads, size)
        outputs = physics.activation_bytes.plain(batch, self.writes, size)
        if self.kind not in _WITHOUT_WEIGHTS:
            flops = product_flops.plain(m, self.n, self.k)
        return Operator(
            self.name,
            self.kind,
            self.runs,
            m,
            self.n,
            self.k,
            flops,
            weights,
            inputs,
            outputs,
            phase="forward",
        )


_CONVOLUTIONS = ("conv", "depthwise")
_KINDS: dict[str, Kind] = {"conv": "conv", "depthwise": "depthwise", "linear": "gemm"}
_WITHOUT_WEIGHTS = ("elementwise", "attention")


@dataclass(frozen=True, eq=False)
class Map:
    """A feature map while a network is laid out; one that is a part or a chain of others knows them."""

    shape: Shape
    parts: tuple[Map, ...] = ()

    @property
    def roots(self) -> tuple[Map, ...]:
        """The maps that lie in memory."""
        return tuple(root for part in self.parts for root in part.roots) if self.parts else (self,)

    def seen_as(self, *shape: int) -> Map:
        """Return the same memory, or a part of it, in another shape."""
        return Map(Shape(*shape), (self,))


def concatenated(maps: Sequence[Map]) -> Map:
    """Return maps of one size as one with the channels of all; nothing moves: each is written where it is read."""
    if len(maps) == 1:
        return maps[0]
    sizes = {one.shape[:2] for one in maps}
    if len(sizes) > 1:
        raise InputError(f"maps that are read together must have one height and width; got {sorted(sizes)}")
    return Map(Shape(*maps[0].shape[:2], sum(one.shape.channels for one in maps)), tuple(maps))


def in_a_row(maps: Sequence[Map]) -> Map:
    """Return maps of several sizes as one row of positions, on each of which a layer uses the same weights."""
    channels = {one.shape.channels for one in maps}
    if len(channels) > 1:
        raise InputError(f"maps that share weights must have the same channels; got {sorted(channels)}")
    return Map(Shape(sum(one.shape.height * one.shape.width for one in maps), 1, channels.pop()), tuple(maps))


def pair(value: int | tuple[int, int]) -> tuple[int, int]:
    """Return height and width of what may be given as one number."""
    return value if isinstance(value, tuple) else (value, value)


def _extent(size: int, kernel: int, stride: int, padding: str | int) -> int:
    extent = -(-size // stride) if isinstance(padding, str) else (size + 2 * padding - kernel) // stride + 1
    if extent < 1:
        raise InputError(f"kernel {kernel} must fit into a map of {size} with padding {padding}")
    return extent


class Tape:
    """The layers of a network in the order in which they run, and which map each of them reads."""

    def __init__(self) -> None:
        self._layers: list[tuple[Layer, tuple[Map, ...]]] = []
        self._written: dict[Map, int] = {}

    def add(self, kind: str, reads: Map, outputs: Shape, beside: Sequence[Map] = (), **other: Any) -> Map:
        """Note a layer that reads a map, and others `beside` it; return the map that it writes."""
        plain = {"weights": 0, "other_parameters": 0, "attention": 0, "heads": 0, "norm": False, "name": kind}
        fields = plain | {"activation": False} | other
        beside_elements = sum(one.shape.elements for one in beside)
        layer = Layer(kind=kind, inputs=reads.shape, outputs=outputs, shortcut=beside_elements, live=0, **fields)
        self._layers.append((layer, tuple(dict.fromkeys(root for one in (reads, *beside) for root in one.roots))))
        written = Map(outputs)
        self._written[written] = len(self._layers) - 1
        return written

    def convolution(
        self,
        reads: Map,
        channels: int,
        kernel: Any = 1,
        stride: Any = 1,
        groups: int = 1,
        padding: str | int = "same",
        added: Sequence[Map] = (),
        **parameters: Any,
    ) -> Map:
        """Note a convolution to whose output maps are `added`, with a `bias`, a `norm`, `other` parameters.

        Unless told that there is none, an `activation` function follows.
        """
        (high, wide), (down, across), shape = pair(kernel), pair(stride), reads.shape
        size = _extent(shape.height, high, down, padding), _extent(shape.width, wide, across, padding)
        weights = int(physics.convolution_parameters.plain(high, wide, shape.channels, channels, groups))
        norm, activation = parameters.get("norm", False), parameters.get("activation", True)
        other = channels * (parameters.get("bias", False) + 2 * norm) + parameters.get("other", 0)
        kind = "depthwise" if groups == shape.channels > 1 else "conv"
        name = f"{kind} {high}x{wide} {channels}"
        counts = {"weights": weights, "other_parameters": other}
        return self.add(
            kind, reads, Shape(*size, channels), added, **counts, name=name, norm=norm, activation=activation
        )

    def linear(self, reads: Map, channels: int, bias: bool = True, other: int = 0, added: Sequence[Map] = ()) -> Map:
        """Note a dense layer, applied at each position."""
        inputs, outputs = reads.shape, Shape(*reads.shape[:2], channels)
        counts = {"weights": inputs.channels * channels, "other_parameters": channels * bias + other}
        return self.add("linear", reads, outputs, added, **counts, name=f"linear {channels}")

    def pool(self, reads: Map, kernel: Any, stride: Any, padding: str | int = "same") -> Map:
        """Note a pooling."""
        (high, wide), (down, across), shape = pair(kernel), pair(stride), reads.shape
        size = _extent(shape.height, high, down, padding), _extent(shape.width, wide, across, padding)
        return self.add("pool", reads, Shape(*size, shape.channels), name=f"pool {high}x{wide}")

    def global_pool(self, reads: Map) -> Map:
        """Note a pooling over all positions."""
        return self.add("pool", reads, Shape(1, 1, reads.shape.channels), name="global pool")

    def attention(self, queries: Map, keys: Map, values: Map, heads: int) -> Map:
        """Note an attention in which each query sees each key, its scores kept on chip."""
        shape = queries.shape
        pairs = shape.height * shape.width * keys.shape.height * keys.shape.width
        flops = attention_flops.plain(1, heads, shape.channels // heads, pairs)
        return self.add("attention", queries, shape, (keys, values), attention=flops, heads=heads)

    @property
    def layers(self) -> tuple[Layer, ...]:
        """The layers, each with what is alive while it runs."""
        last = dict.fromkeys(self._written, len(self._layers))
        last |= {root: at for at, (_, reads) in enumerate(self._layers) for root in reads}
        layers = []
        for at, (layer, _) in enumerate(self._layers):
            kept = sum(m.shape.elements for m, until in last.items() if self._written.get(m, -1) < at <= until)
            layers.append(layer._replace(live=layer.outputs.elements + kept))
        return tuple(layers)


class LayeredWorkload(Workload):
    """A network that is a list of layers, run one after another."""

    @property
    def eager(self) -> bool:
        """Whether norms, activation functions and added shortcuts are kernels of their own."""
        return False

    @property
    def phases(self) -> tuple[str, ...]:
        """The kinds of forward pass: one."""
        return ("forward",)

    @abstractmethod
    def _lay_out(self) -> Tape: ...

    @kept
    def layers(self) -> tuple[Layer, ...]:
        """The operators, in order."""
        return self._lay_out().layers

    @kept
    def parameter_count(self) -> int:
        """Parameters, counted from the layers."""
        return sum(layer.weights + layer.other_parameters for layer in self.layers)

    @kept
    def _per_sample(self) -> tuple[int, int, int]:
        traffic = sum(layer.traffic + (layer.traffic_apart if self.eager else 0) for layer in self.layers)
        return sum(layer.flops for layer in self.layers), traffic, max(layer.live for layer in self.layers)

    @kept
    def _kernels(self) -> tuple[tuple[Kernel, tuple[tuple[str, int], ...]], ...]:
        """What the layers run, equal ones together, whatever else is alive; and what follows each, see `Layer.apart`.

        Where it is fused, the norm is all that may: training does not fuse it.
        """
        equal = Counter(layer._replace(live=0) for layer in self.layers)
        if self.eager:
            alone = {layer: layer._replace(shortcut=0) if layer.apart else layer for layer in equal}
            return tuple((alone[layer].kernel(runs), layer.apart) for layer, runs in equal.items())
        return tuple((layer.kernel(runs), layer.apart[: layer.norm]) for layer, runs in equal.items())

    def demand(
        self,
        batch_size: int = 1,
        precision: str = "fp16",
        phase: str | None = None,
        seq_len: int | None = None,
        kv_precision: str | None = None,
    ) -> Demand:
        """Return what one forward pass over `batch_size` samples demands; see `Workload.demand`."""
        self._phase(phase)
        self._reads("no sequence", seq_len=seq_len, kv_precision=kv_precision)
        batch, size = whole_numbers("batch_size", batch_size), element_sizes(precision)
        flops, traffic, live = self._per_sample
        return Demand(
            samples=batch,
            flops=physics.batch_flops.plain(batch, flops),
            weights=weight_bytes.plain(self.parameter_count, size),
            activations=physics.activation_bytes.plain(batch, traffic, size),
            kv_traffic=0,
            kv_cache=0,
            live=physics.live_bytes.plain(batch, live, size),
        )

    def lower(
        self,
        batch_size: int = 1,
        precision: str = "fp16",
        phase: str | None = None,
        seq_len: int | None = None,
        kv_precision: str | None = None,
        *,
        tensor_parallel: int = 1,
    ) -> Operators:
        """Return the kernels of one pass over `batch_size` samples; see `Workload.lower`.

        Each layer is one, equal layers are one that runs several times. Training takes 16 bits or more; there a batch
        norm is a kernel of its own, which reads its inputs twice, at first for their mean and variance
        [ioffe2015batchnorm].

        Examples
        --------
        >>> from mlsysim import Models
        >>> row = Models.ResNet50.lower(batch_size=8)[0]
        >>> row.name, (row.m, row.n, row.k)
        ('conv 7x7 64', (100352, 64, 147))
        """
        phase = self._lowered(phase)
        self._reads("no sequence", seq_len=seq_len, kv_precision=kv_precision)
        self._undivided(tensor_parallel)
        batch, size = whole_numbers("batch_size", batch_size), element_sizes(precision)
        return self._lower(batch, phase, self._trainable(size, precision) if phase == "training" else size)

    def _lower(self, batch: Any, phase: str, size: Any) -> Operators:
        rows, training = [], phase == "training"
        for kernel, followed in self._kernels:
            rows.append(row := kernel.operator(batch, size))
            for name, reads in followed:
                if training or self.eager:
                    rows.append(_follow(name, row, reads + (training and name == "batch norm")))
        return with_backward(rows, size) if training else Operators(rows)


def _follow(name: str, row: Operator, reads: int) -> Operator:
    """A kernel that reads what a convolution writes so many times, or maps like it, and writes one."""
    moved = {"inputs": reads * row.outputs, "outputs": row.outputs}
    return Operator(name, "elementwise", count=row.count, m=row.m, **moved, phase=row.phase)
