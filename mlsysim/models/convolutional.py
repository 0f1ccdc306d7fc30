"""Convolutional networks by their tables of blocks."""

from __future__ import annotations

from math import ceil
from typing import Annotated, Any

from pydantic import Field

from mlsysim.errors import InputError, unknown
from mlsysim.models.blocks import Block, lower
from mlsysim.models.layered import LayeredWorkload, Map, Shape, Tape
from mlsysim.records import Count

Factor = Annotated[float, Field(gt=0)]
_UNSCALED = {"linear", "detect"}


class CNNWorkload(LayeredWorkload):
    """A convolutional network by its table of blocks.

    Parameters
    ----------
    input
        Height, width and channels of one sample.
    blocks
        The rows of its table, see `Block`.
    fused
        Whether norms, activation functions and added shortcuts share the kernel of the convolution before them, as
        compilers arrange it; without, each is a kernel of its own, as frameworks run it eagerly [ivanov2021data].
    width, depth, max_channels
        Compound scaling: channels, at most `max_channels`, times `width`, rounded up to a multiple of 8; repeats times
        `depth`, rounded, at least 1. Classes are not scaled.

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
    fused: bool = True
    width: Factor = 1.0
    depth: Factor = 1.0
    max_channels: Count | None = None

    @property
    def eager(self) -> bool:
        """Whether norms, activation functions and added shortcuts are kernels of their own."""
        return not self.fused

    def _scaled(self, block: Block) -> Block:
        if self.width == self.depth == 1 and self.max_channels is None:
            return block
        channels, repeat = block.channels, max(1, round(block.repeat * self.depth))
        if block.kind not in _UNSCALED:
            channels = 8 * ceil(min(channels, self.max_channels or channels) * self.width / 8)
        return block.model_copy(update={"channels": channels, "repeat": repeat})

    def _lay_out(self) -> Tape:
        tape, named = Tape(), {}
        last = Map(Shape(*self.input))
        for block in map(self._scaled, self.blocks):
            for name in block.of:
                if name not in named:
                    raise unknown(f"map of {self.name}", name, named)
            maps: list[Any] = [named[name] for name in block.of] or [last]
            for repeat in range(1 if block.kind == "c2f" else block.repeat):
                last = lower(block, tape, [last] if repeat else maps, 1 if repeat else block.stride)
            if block.name:
                if block.name in named:
                    raise InputError(f"{self.name} has two maps of the name {block.name!r}")
                named[block.name] = last
        return tape
