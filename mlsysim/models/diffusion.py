"""Diffusion models by the plan of their U-Net."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, model_validator

from mlsysim.models.layered import LayeredWorkload, Map, Shape, Tape, concatenated
from mlsysim.records import Count

Depth = Annotated[int, Field(ge=0, strict=True)]


class UNetWorkload(LayeredWorkload):
    """The U-Net of a latent diffusion model: a pass is one evaluation, of which each step of the sampler takes one.

    With classifier-free guidance a step takes two, which run as a batch of two.

    Parameters
    ----------
    latent
        Height, width and channels of the latent image.
    channels
        Channels of each level, the finest first; each further one has half the height and width.
    transformer_depth
        Transformer blocks after each residual block of a level; 0 for none.
    middle_depth
        Transformer blocks between the two residual blocks in the middle.
    heads
        Attention heads of each level.
    residual_blocks
        Residual blocks of a level on the way down; one more on the way up.
    context_tokens, context_width
        Tokens of the text that each position attends to, and their width.
    condition_width
        Width of a vector of image size and pooled text that is added to the embedding of the step; 0 for none.

    Raises
    ------
    UnknownName, InputError
        For a misspelt field, a missing one, or levels that do not match.

    Examples
    --------
    >>> from mlsysim import Models
    >>> print(f"{Models.SD15_UNet.flops().to('GFLOP'):.0f}")
    803 GFLOP
    """

    latent: Annotated[tuple[Count, Count, Count], Field(description="height, width, channels")]
    channels: Annotated[tuple[Count, ...], Field(min_length=1)]
    transformer_depth: tuple[Depth, ...]
    middle_depth: Depth
    heads: tuple[Count, ...]
    residual_blocks: Count = 2
    context_tokens: Count
    context_width: Count
    condition_width: Depth = 0

    @model_validator(mode="after")
    def _levels_match(self) -> UNetWorkload:
        levels = len(self.channels)
        for name in ("transformer_depth", "heads"):
            if len(getattr(self, name)) != levels:
                raise ValueError(f"{name} must have {levels} levels, as channels has; got {len(getattr(self, name))}")
        for channels, heads in zip(self.channels, self.heads, strict=True):
            if channels % heads:
                raise ValueError(f"channels {channels} must be a multiple of heads {heads}")
        return self

    @property
    def phases(self) -> tuple[str, ...]:
        """The kinds of forward pass: one."""
        return ("denoise",)

    def _lay_out(self) -> Tape:
        return _Plan(self).lay_out()


class _Plan:
    """The layers of a U-Net; a group norm counts with the product that reads it."""

    def __init__(self, model: UNetWorkload) -> None:
        self.model, self.tape = model, Tape()
        self.text = Map(Shape(model.context_tokens, 1, model.context_width))
        self.step = self._step_embedding()

    def _step_embedding(self) -> Map:
        tape, model, inner = self.tape, self.model, 4 * self.model.channels[0]
        step = tape.linear(tape.linear(Map(Shape(1, 1, model.channels[0])), inner), inner)
        if not model.condition_width:
            return step
        condition = tape.linear(Map(Shape(1, 1, model.condition_width)), inner)
        return tape.linear(condition, inner, added=[step])

    def lay_out(self) -> Tape:
        model, tape = self.model, self.tape
        last = tape.convolution(Map(Shape(*model.latent)), model.channels[0], 3, bias=True)
        skips, lowest = [last], len(model.channels) - 1
        for level, channels in enumerate(model.channels):
            for _ in range(model.residual_blocks):
                last = self._block(last, channels, level, model.transformer_depth[level])
                skips.append(last)
            if level < lowest:
                last = tape.convolution(last, channels, 3, 2, bias=True)
                skips.append(last)
        last = self._block(last, model.channels[-1], lowest, model.middle_depth)
        last = self._block(last, model.channels[-1], lowest, 0)
        for level, channels in reversed(list(enumerate(model.channels))):
            for _ in range(model.residual_blocks + 1):
                last = self._block(concatenated([last, skips.pop()]), channels, level, model.transformer_depth[level])
            if level:
                high, wide, deep = last.shape
                last = tape.add("upsample", last, Shape(2 * high, 2 * wide, deep))
                last = tape.convolution(last, channels, 3, bias=True)
        tape.convolution(last, model.latent[2], 3, bias=True, other=2 * last.shape.channels)
        return tape

    def _block(self, reads: Map, channels: int, level: int, depth: int) -> Map:
        """A residual block, told which step it is, and the transformer after it."""
        tape, before = self.tape, reads.shape.channels
        step = tape.linear(self.step, channels)
        inner = tape.convolution(reads, channels, 3, bias=True, other=2 * before, added=[step])
        kept = reads if before == channels else tape.convolution(reads, channels, bias=True)
        last = tape.convolution(inner, channels, 3, bias=True, other=2 * channels, added=[kept])
        return self._transformer(last, self.model.heads[level], depth) if depth else last

    def _transformer(self, reads: Map, heads: int, depth: int) -> Map:
        tape, channels = self.tape, reads.shape.channels
        norm = 2 * channels
        last = tape.linear(reads, channels, other=norm)
        for _ in range(depth):
            for context in (None, self.text):
                queries = tape.linear(last, channels, bias=False, other=norm)
                keys, values = (tape.linear(context or last, channels, bias=False) for _ in range(2))
                seen = tape.attention(queries, keys, values, heads)
                last = tape.linear(seen, channels, added=[last])
            both = tape.linear(last, 8 * channels, other=norm)
            gated = tape.add("gate", both, Shape(*both.shape[:2], 4 * channels))
            last = tape.linear(gated, channels, added=[last])
        return tape.linear(last, channels, added=[reads])
