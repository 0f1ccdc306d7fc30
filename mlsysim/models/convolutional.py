"""Convolutional networks by their tables of blocks."""

from __future__ import annotations

from functools import cached_property
from typing import Annotated, Any, Literal, NamedTuple

from pydantic import Field

from mlsysim.errors import InputError, positive_integer
from mlsysim.models.types import Demand, Workload
from mlsysim.physics import convolution as physics
from mlsysim.physics.memory import weight_bytes
from mlsysim.physics.precision import element_size
from mlsysim.records import Count, Record

Pair = tuple[Count, Count]


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
    """Biases, and the scale and shift of a batch norm."""
    shortcut: int
    """Elements of a shortcut that is added to the output."""
    held: int
    """Elements of a shortcut that is kept for a later layer."""

    @property
    def flops(self) -> int:
        """Operations for one sample."""
        if not self.weights:
            return 0
        return physics.convolution_flops.plain(self.weights, self.outputs.height, self.outputs.width)

    @property
    def traffic(self) -> int:
        """Activations read and written for one sample."""
        return self.inputs.elements + self.outputs.elements + self.shortcut

    @property
    def live(self) -> int:
        """Activations alive for one sample while this layer runs."""
        return self.inputs.elements + self.outputs.elements + max(self.shortcut, self.held)


class Block(Record):
    """One row of a network's table, repeated; only the first repeat has the stride.

    Parameters
    ----------
    kind
        ``"conv"``, ``"depthwise"``, ``"separable"`` (depthwise, then pointwise), ``"bottleneck"`` (1x1, 3x3 with the
        stride, 1x1, with a shortcut), ``"inverted_residual"`` (pointwise, depthwise, pointwise), ``"pool"``,
        ``"global_pool"`` or ``"linear"``.
    channels
        Output channels; for a bottleneck those of its 3x3 convolution.
    kernel, stride
        A number, or height and width.
    expansion
        Output channels of a bottleneck over its 3x3 ones; inner channels of an inverted residual over its inputs.
    norm, bias
        Whether each convolution is followed by a batch norm, whether it has a bias.
    """

    kind: Literal["conv", "depthwise", "separable", "bottleneck", "inverted_residual", "pool", "global_pool", "linear"]
    channels: Count = 1
    kernel: Count | Pair = 3
    stride: Count | Pair = 1
    expansion: Count = 1
    repeat: Count = 1
    norm: bool = True
    bias: bool = False


def _pair(value: int | tuple[int, int]) -> tuple[int, int]:
    return value if isinstance(value, tuple) else (value, value)


def _convolution(block: Block, inputs: Shape, channels: int, kernel: Any = 1, stride: Any = 1, **more: Any) -> Layer:
    groups, (high, wide), (down, across) = more.pop("groups", 1), _pair(kernel), _pair(stride)
    outputs = Shape(-(-inputs.height // down), -(-inputs.width // across), channels)
    weights = int(physics.convolution_parameters.plain(high, wide, inputs.channels, channels, groups))
    other = channels * (block.bias + 2 * block.norm)
    kind = "depthwise" if groups > 1 else "conv"
    return Layer(kind, inputs, outputs, weights, other, more.get("shortcut", 0), more.get("held", 0))


def _depthwise(block: Block, inputs: Shape, stride: Any, held: int = 0) -> Layer:
    return _convolution(block, inputs, inputs.channels, block.kernel, stride, groups=inputs.channels, held=held)


def _bottleneck(block: Block, inputs: Shape, stride: Any) -> list[Layer]:
    channels = block.channels * block.expansion
    layers, kept = [], inputs.elements
    if inputs.channels != channels or _pair(stride) != (1, 1):
        projection = _convolution(block, inputs, channels, 1, stride)
        layers, kept = [projection], projection.outputs.elements
    first = _convolution(block, inputs, block.channels, held=kept)
    second = _convolution(block, first.outputs, block.channels, block.kernel, stride, held=kept)
    return [*layers, first, second, _convolution(block, second.outputs, channels, shortcut=kept)]


def _inverted_residual(block: Block, inputs: Shape, stride: Any) -> list[Layer]:
    kept = inputs.elements if _pair(stride) == (1, 1) and inputs.channels == block.channels else 0
    expand = [_convolution(block, inputs, inputs.channels * block.expansion, held=0)] if block.expansion > 1 else []
    depthwise = _depthwise(block, expand[-1].outputs if expand else inputs, stride, held=kept)
    return [*expand, depthwise, _convolution(block, depthwise.outputs, block.channels, shortcut=kept)]


def _layers(block: Block, inputs: Shape, stride: Any) -> list[Layer]:
    match block.kind:
        case "conv":
            return [_convolution(block, inputs, block.channels, block.kernel, stride)]
        case "depthwise":
            return [_depthwise(block, inputs, stride)]
        case "separable":
            depthwise = _depthwise(block, inputs, stride)
            return [depthwise, _convolution(block, depthwise.outputs, block.channels)]
        case "bottleneck":
            return _bottleneck(block, inputs, stride)
        case "inverted_residual":
            return _inverted_residual(block, inputs, stride)
        case "linear":
            flat = Shape(1, 1, inputs.elements)
            return [
                Layer("linear", flat, Shape(1, 1, block.channels), flat.channels * block.channels, block.channels, 0, 0)
            ]
        case "global_pool":
            return [Layer("pool", inputs, Shape(1, 1, inputs.channels), 0, 0, 0, 0)]
        case "pool":
            down, across = _pair(stride)
            outputs = Shape(-(-inputs.height // down), -(-inputs.width // across), inputs.channels)
            return [Layer("pool", inputs, outputs, 0, 0, 0, 0)]


class CNNWorkload(Workload):
    """A convolutional network by its table of blocks.

    Parameters
    ----------
    input
        Height, width and channels of one sample.
    blocks
        The rows of its table, see `Block`.

    Raises
    ------
    UnknownName, InputError
        For a misspelt field, a missing one, or a value that a block may not have.

    Examples
    --------
    >>> from mlsysim import Models
    >>> print(f"{Models.ResNet50.flops().to('GFLOP'):.1f}")
    8.2 GFLOP
    """

    input: Annotated[tuple[Count, Count, Count], Field(description="height, width, channels")]
    blocks: Annotated[tuple[Block, ...], Field(min_length=1)]

    @property
    def phases(self) -> tuple[str, ...]:
        """The kinds of forward pass: one."""
        return ("forward",)

    @cached_property
    def layers(self) -> tuple[Layer, ...]:
        """The operators, in order."""
        layers: list[Layer] = []
        shape = Shape(*self.input)
        for block in self.blocks:
            for repeat in range(block.repeat):
                layers += _layers(block, shape, block.stride if repeat == 0 else 1)
                shape = layers[-1].outputs
        return tuple(layers)

    @cached_property
    def parameter_count(self) -> int:
        """Parameters, counted from the layers."""
        return sum(layer.weights + layer.other_parameters for layer in self.layers)

    @cached_property
    def _per_sample(self) -> tuple[int, int, int]:
        flops = sum(layer.flops for layer in self.layers)
        return flops, sum(layer.traffic for layer in self.layers), max(layer.live for layer in self.layers)

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
        for name, value in {"seq_len": seq_len, "kv_precision": kv_precision}.items():
            if value is not None:
                raise InputError(f"{name} does not apply to {self.name}, which reads no sequence; got {value!r}")
        batch, size = positive_integer("batch_size", batch_size), element_size(precision)
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
