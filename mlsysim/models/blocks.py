"""The rows of the tables by which convolutional networks are published, and the layers that each stands for."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, WithJsonSchema

from mlsysim.errors import InputError
from mlsysim.models.layered import Map, Shape, Tape, concatenated, in_a_row, pair
from mlsysim.records import Count, Record

Pair = tuple[Count, Count]
Stride = int | tuple[int, int]
Kind = Literal[
    "conv",
    "depthwise",
    "separable",
    "basic",
    "bottleneck",
    "inverted_residual",
    "c2f",
    "sppf",
    "detect",
    "pool",
    "global_pool",
    "upsample",
    "linear",
]
_Names = Annotated[
    tuple[str, ...],
    BeforeValidator(lambda names: (names,) if isinstance(names, str) else names),
    WithJsonSchema({"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]}),
]


class Block(Record):
    """One row of a network's table, repeated; only the first repeat has the stride.

    Parameters
    ----------
    kind
        ``"conv"``, ``"depthwise"``, ``"separable"`` (depthwise, then pointwise), ``"basic"`` (two convolutions with a
        shortcut), ``"bottleneck"`` (1x1, 3x3 with the stride, 1x1, with a shortcut), ``"inverted_residual"``
        (pointwise, depthwise, pointwise), ``"pool"``, ``"global_pool"``, ``"upsample"`` (nearest neighbour; a second
        map of `of` is added) or ``"linear"``. Of YOLOv8: ``"c2f"`` (bottlenecks, `repeat` of them, whose outputs are
        all read together), ``"sppf"`` (three poolings, likewise) and ``"detect"`` (the head on each map of `of`).
    channels
        Output channels; for a bottleneck those of its 3x3 convolution, for a detection head the classes.
    kernel, stride
        A number, or height and width.
    padding
        ``"same"``, or a number of elements on each side.
    groups
        Of a convolution, or of the 3x3 one of a bottleneck.
    expansion
        Output channels of a bottleneck over its 3x3 ones; inner channels of an inverted residual over its inputs.
    squeeze
        Input channels of an inverted residual over those to which its squeeze-and-excitation narrows, if it has one.
    shortcut
        Whether the bottlenecks of a ``"c2f"`` have one.
    norm, bias
        Whether each convolution is followed by a batch norm, whether it has a bias.
    name
        Of the output, for later rows.
    of
        Names of the maps that the row reads, their channels together; by default that of the row before.
    shared
        Whether the maps of `of` are read one after another with the same weights.
    """

    kind: Kind
    channels: Count = 1
    kernel: Count | Pair = 3
    stride: Count | Pair = 1
    padding: Literal["same"] | Annotated[int, Field(ge=0, strict=True)] = "same"
    groups: Count = 1
    expansion: Count = 1
    squeeze: Count | None = None
    shortcut: bool = True
    repeat: Count = 1
    norm: bool = True
    bias: bool = False
    name: str | None = None
    of: _Names = ()
    shared: bool = False


def lower(block: Block, tape: Tape, maps: Sequence[Map], stride: Stride) -> Map:
    """Note the layers of one repeat of a row that reads some maps; return what it writes."""
    if block.kind == "detect":
        return _detect(block, tape, maps)
    if block.kind == "upsample":
        return _upsample(tape, maps, stride)
    reads = in_a_row(maps) if block.shared else concatenated(maps)
    return _LOWER[block.kind](block, tape, reads, stride)


def _conv(block: Block, tape: Tape) -> Callable[..., Map]:
    return partial(tape.convolution, norm=block.norm, bias=block.bias)


def _plain(block: Block, tape: Tape, reads: Map, stride: Stride) -> Map:
    return _conv(block, tape)(reads, block.channels, block.kernel, stride, block.groups, block.padding)


def _depthwise(block: Block, tape: Tape, reads: Map, stride: Stride) -> Map:
    channels = reads.shape.channels
    return _conv(block, tape)(reads, channels, block.kernel, stride, channels, block.padding)


def _separable(block: Block, tape: Tape, reads: Map, stride: Stride) -> Map:
    return _conv(block, tape)(_depthwise(block, tape, reads, stride), block.channels)


def _shortcut(block: Block, tape: Tape, reads: Map, channels: int, stride: Stride) -> Map:
    """The input of a residual block, or its projection where the shape changes."""
    if reads.shape.channels == channels and stride in (1, (1, 1)):
        return reads
    return _conv(block, tape)(reads, channels, 1, stride, activation=False)


def _basic(block: Block, tape: Tape, reads: Map, stride: Stride) -> Map:
    conv, kept = _conv(block, tape), _shortcut(block, tape, reads, block.channels, stride)
    first = conv(reads, block.channels, block.kernel, stride)
    return conv(first, block.channels, block.kernel, added=[kept])


def _bottleneck(block: Block, tape: Tape, reads: Map, stride: Stride) -> Map:
    conv, channels = _conv(block, tape), block.channels * block.expansion
    kept = _shortcut(block, tape, reads, channels, stride)
    second = conv(conv(reads, block.channels), block.channels, block.kernel, stride, block.groups)
    return conv(second, channels, added=[kept])


def _inverted_residual(block: Block, tape: Tape, reads: Map, stride: Stride) -> Map:
    conv, channels = _conv(block, tape), reads.shape.channels
    inner = conv(reads, channels * block.expansion) if block.expansion > 1 else reads
    inner = _depthwise(block, tape, inner, stride)
    if block.squeeze:
        narrow = tape.linear(tape.global_pool(inner), max(1, channels // block.squeeze))
        factors = tape.linear(narrow, inner.shape.channels)
        inner = tape.add("scale", inner, inner.shape, [factors])
    residual = stride in (1, (1, 1)) and channels == block.channels
    return conv(inner, block.channels, added=[reads] if residual else [], activation=False)


def _c2f(block: Block, tape: Tape, reads: Map, stride: Stride) -> Map:
    conv, half = _conv(block, tape), block.channels // 2
    first = conv(reads, block.channels)
    maps, last = [first], first.seen_as(*first.shape[:2], half)
    for _ in range(block.repeat):
        last = conv(conv(last, half, block.kernel), half, block.kernel, added=[last] if block.shortcut else [])
        maps.append(last)
    return conv(concatenated(maps), block.channels)


def _sppf(block: Block, tape: Tape, reads: Map, stride: Stride) -> Map:
    conv = _conv(block, tape)
    maps = [conv(reads, reads.shape.channels // 2)]
    for _ in range(3):
        maps.append(tape.pool(maps[-1], block.kernel, 1))
    return conv(concatenated(maps), block.channels)


def _detect(block: Block, tape: Tape, maps: Sequence[Map]) -> Map:
    """The head of YOLOv8: on each map a branch for boxes, with 16 bins a side, and one for classes."""
    conv, bins, finest = _conv(block, tape), 16, maps[0].shape.channels
    box_width, class_width = max(16, finest // 4, 4 * bins), max(finest, min(block.channels, 100))
    boxes, classes = [], []
    for one in maps:
        for found, channels, width in ((boxes, 4 * bins, box_width), (classes, block.channels, class_width)):
            inner = conv(conv(one, width, block.kernel), width, block.kernel)
            found.append(tape.convolution(inner, channels, bias=True, activation=False))
    positions = in_a_row(boxes).shape.height
    sides = tape.convolution(Map(Shape(positions, 4, bins), tuple(boxes)), 1, activation=False)
    return Map(Shape(positions, 1, 4 + block.channels), (sides, *classes))


def _upsample(tape: Tape, maps: Sequence[Map], stride: Stride) -> Map:
    (reads, *added), (down, across) = maps, pair(stride)
    outputs = Shape(reads.shape.height * down, reads.shape.width * across, reads.shape.channels)
    if any(one.shape != outputs for one in added):
        raise InputError(f"a map that is added must be {outputs[:]}; got {[one.shape[:] for one in added]}")
    return tape.add("upsample", reads, outputs, added)


def _linear(block: Block, tape: Tape, reads: Map, stride: Stride) -> Map:
    return tape.linear(reads.seen_as(1, 1, reads.shape.elements), block.channels)


_LOWER: dict[str, Callable[[Block, Tape, Map, Stride], Map]] = {
    "conv": _plain,
    "depthwise": _depthwise,
    "separable": _separable,
    "basic": _basic,
    "bottleneck": _bottleneck,
    "inverted_residual": _inverted_residual,
    "c2f": _c2f,
    "sppf": _sppf,
    "linear": _linear,
    "pool": lambda block, tape, reads, stride: tape.pool(reads, block.kernel, stride, block.padding),
    "global_pool": lambda block, tape, reads, stride: tape.global_pool(reads),
}
