"""Vision transformers by their shape."""

from __future__ import annotations

from math import prod
from typing import Annotated, Any

from pydantic import Field, model_validator

from mlsysim.errors import whole_numbers
from mlsysim.models.lowering import Seen, head_operators, layer_operators, tensor_parallel_degree
from mlsysim.models.operators import Operators
from mlsysim.models.passes import Pass
from mlsysim.models.stack import Stack
from mlsysim.models.types import Demand, Workload
from mlsysim.physics import convolution, memory
from mlsysim.physics import transformer as physics
from mlsysim.physics.equation import kept
from mlsysim.physics.precision import element_sizes
from mlsysim.records import Count


class VisionTransformerWorkload(Stack, Workload):
    """A vision transformer: an image cut into patches, a stack that reads them and a class token, a head on that token.

    Parameters
    ----------
    layers, hidden, heads, kv_heads, head_dim, intermediate, gated, biases, norm, norms_per_layer, qk_norm, parallel
        The shape of its layers, see `Stack`.
    window, global_every, attention_sinks, latent, experts
        As in `Stack`.
    image
        Height, width and channels of one image.
    patch
        Side of a patch.
    classes
        Outputs of the head.

    Raises
    ------
    UnknownName, InputError
        For a misspelt field, a missing one, or an image that its patches do not fill.

    Examples
    --------
    >>> from mlsysim import Models
    >>> print(f"{Models.ViT_B16.flops().to('GFLOP'):.1f}")
    35.1 GFLOP
    """

    image: Annotated[tuple[Count, Count, Count], Field(description="height, width, channels")]
    patch: Count
    classes: Count

    @model_validator(mode="after")
    def _filled(self) -> VisionTransformerWorkload:
        height, width, _ = self.image
        if height % self.patch or width % self.patch:
            raise ValueError(f"image {height} x {width} must be a multiple of patch {self.patch}")
        return self

    @property
    def phases(self) -> tuple[str, ...]:
        """The kinds of forward pass: one."""
        return ("forward",)

    @property
    def patches(self) -> int:
        """Patches of an image."""
        return (self.image[0] // self.patch) * (self.image[1] // self.patch)

    @property
    def tokens(self) -> int:
        """Tokens of an image: its patches and the class token."""
        return self.patches + 1

    @kept
    def _patch_weights(self) -> int:
        return int(convolution.convolution_parameters.plain(self.patch, self.patch, self.image[2], self.hidden, 1))

    @kept
    def parameter_count(self) -> int:
        """Parameters, counted from the shape."""
        front = self._patch_weights + self.hidden + self.hidden + self.tokens * self.hidden
        head = self.hidden * self.classes + self.classes
        return front + self.stack_parameters + self.norm_parameters + head

    def demand(
        self,
        batch_size: int = 1,
        precision: str = "fp16",
        phase: str | None = None,
        seq_len: int | None = None,
        kv_precision: str | None = None,
    ) -> Demand:
        """Return what one forward pass over `batch_size` images demands; see `Workload.demand`."""
        self._phase(phase)
        self._reads("images", seq_len=seq_len, kv_precision=kv_precision)
        batch, size = whole_numbers("batch_size", batch_size), element_sizes(precision)
        height, width, channels = self.image
        tokens, logits = batch * self.tokens, batch * self.classes
        front = batch * convolution.convolution_flops.plain(self._patch_weights, self.patches, 1)
        layers = physics.layer_flops.plain(self.active_layer_parameters, tokens) + front
        head = physics.head_flops.plain(self.hidden * self.classes, batch)
        image = convolution.activation_bytes.plain(batch, height * width * channels + self.patches * self.hidden, size)
        return Demand(
            samples=batch,
            flops=physics.forward_flops.plain(layers, head, self.attention_flops(tokens * self.tokens)),
            weights=memory.weight_bytes.plain(self.parameter_count, size),
            activations=self.activation_bytes(tokens, logits, size) + image,
            kv_traffic=self.cache_traffic(tokens, tokens, size),
            kv_cache=0,
            live=self.live_bytes(tokens, logits, size),
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
        """Return the kernels of one pass over `batch_size` images on one device of a group; see `Workload.lower`.

        Examples
        --------
        >>> from mlsysim import Models
        >>> row = Models.ViT_B16.lower(batch_size=8)["patch embedding"]
        >>> row.m, row.n, row.k
        (1568, 768, 768)
        """
        phase = self._lowered(phase)
        self._reads("images", seq_len=seq_len, kv_precision=kv_precision)
        batch, size = whole_numbers("batch_size", batch_size), element_sizes(precision)
        return self._lower(batch, phase, size, tensor_parallel_degree(self, tensor_parallel, self.name))

    def _lower(self, batch: Any, phase: str, size: Any, group: int = 1) -> Operators:
        tokens, patches, hidden = batch * self.tokens, batch * self.patches, self.hidden
        run = Pass.of(phase, tokens, size, size, group, rope=False)
        tables = hidden + self.tokens * hidden
        rows = [
            *run.convolution("patch embedding", patches, hidden, self._patch_weights, batch * prod(self.image)),
            run.elementwise("class token and positions", 1, patches * hidden, tokens * hidden, tables),
            *layer_operators(self, run, [Seen("attention", self.layers, tokens * self.tokens, tokens, self.tokens)]),
            run.elementwise("final norm", 1, 2 * tokens * hidden, tokens * hidden, self.norm_parameters),
            *head_operators(run, batch, self.classes, hidden, bias=True),
        ]
        return run.table(rows, {"output head": batch * hidden})
