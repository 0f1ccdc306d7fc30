"""A stack of equal transformer layers: its shape, its parameters, and what passes through it.

Language models, encoder-decoders and vision transformers are such stacks with tables and heads around them.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, get_args

from pydantic import BeforeValidator, ConfigDict, WithJsonSchema, model_validator

from mlsysim.models.attention import LatentAttention
from mlsysim.models.experts import Experts
from mlsysim.physics import attention as attention_physics
from mlsysim.physics import experts as expert_physics
from mlsysim.physics import memory
from mlsysim.physics import transformer as physics
from mlsysim.physics.equation import kept
from mlsysim.records import Count, Record

Bias = Literal["qkv", "qv", "output", "mlp", "router", "head"]
Biases = Annotated[
    tuple[Bias, ...],
    BeforeValidator(lambda given: ("qkv", "output", "mlp") if given is True else () if given is False else given),
    WithJsonSchema({"anyOf": [{"type": "boolean"}, {"type": "array", "items": {"enum": list(get_args(Bias))}}]}),
]
Norm = Literal["rms", "layer", "layer_without_bias"]


def _optional(schema: dict[str, Any]) -> None:
    schema["required"] = [name for name in schema["required"] if name not in {"kv_heads", "head_dim"}]


class Stack(Record):
    """A stack of transformer layers.

    Parameters
    ----------
    layers, hidden, heads, kv_heads, head_dim, intermediate
        The shape; `kv_heads` defaults to `heads`, `head_dim` to `hidden / heads`.
    gated
        Whether the feed-forward block has a third, gating matrix.
    biases
        Which products have a bias: ``"qkv"``, ``"qv"`` (the keys none), ``"output"``, ``"mlp"``, ``"router"``,
        ``"head"``; ``True`` for those of queries, keys and values, the output and the feed-forward block.
    norm, norms_per_layer
        ``"rms"`` and ``"layer_without_bias"`` (one vector each) or ``"layer"`` (two), and how many a layer has, those
        of queries and keys left out.
    qk_norm
        Whether queries and keys are normalised: ``"head"`` by one vector for all heads, ``"projection"`` by one as wide
        as the projection.
    parallel
        Whether attention and feed-forward block read the same input, side by side.
    window, global_every
        Tokens that a layer sees, and every which layer sees all; without the latter none does.
    attention_sinks
        Whether each head has one more score, a parameter.
    latent
        Latent attention in place of keys and values by head.
    experts
        A mixture of experts in place of some or all feed-forward blocks.
    """

    model_config = ConfigDict(json_schema_extra=_optional)

    layers: Count
    hidden: Count
    heads: Count
    kv_heads: Count
    head_dim: Count
    intermediate: Count
    gated: bool = False
    biases: Biases = ()
    norm: Norm = "rms"
    norms_per_layer: Count = 2
    qk_norm: Literal["head", "projection"] | None = None
    parallel: bool = False
    window: Count | None = None
    global_every: Count | None = None
    attention_sinks: bool = False
    latent: LatentAttention | None = None
    experts: Experts | None = None

    @model_validator(mode="before")
    @classmethod
    def _defaults(cls, fields: Any) -> Any:
        if not isinstance(fields, dict):
            return fields
        heads, hidden = fields.get("heads"), fields.get("hidden")
        fields = {"kv_heads": heads} | fields if heads else fields
        if isinstance(heads, int) and isinstance(hidden, int) and heads and "head_dim" not in fields:
            if hidden % heads:
                raise ValueError(f"head_dim must be given: hidden {hidden} is no multiple of heads {heads}")
            fields = fields | {"head_dim": hidden // heads}
        return fields

    @model_validator(mode="after")
    def _consistent(self) -> Stack:
        if self.heads % self.kv_heads:
            raise ValueError(f"heads {self.heads} must be a multiple of kv_heads {self.kv_heads}")
        if self.latent and self.head_dim != self.latent.query_dim:
            raise ValueError(f"head_dim must be {self.latent.query_dim}, nope_dim + rope_dim; got {self.head_dim}")
        if self.global_every and not self.window:
            raise ValueError("global_every needs a window, which the other layers have")
        if self.experts and self.experts.layers_of(self.layers) < 1:
            raise ValueError(f"experts leave none of the {self.layers} layers with experts")
        return self

    @kept
    def local_layers(self) -> int:
        """Layers with a window."""
        if self.window is None:
            return 0
        return self.layers - (self.layers // self.global_every if self.global_every else 0)

    @kept
    def moe_layers(self) -> int:
        """Layers with a mixture of experts."""
        return self.experts.layers_of(self.layers) if self.experts else 0

    @kept
    def mlp_matrices(self) -> int:
        """Matrices of the feed-forward block: 3 if it is gated, else 2."""
        return 3 if self.gated else 2

    @kept
    def attention_width(self) -> float:
        """Elements of a head's query and of its value, the mean of both."""
        return (self.latent.query_dim + self.latent.value_dim) / 2 if self.latent else self.head_dim

    @kept
    def active_intermediate(self) -> float:
        """Width of the feed-forward block that a token meets, the mean over the layers."""
        if not self.experts:
            return self.intermediate
        wide = (self.experts.active + self.experts.shared) * self.experts.intermediate
        return ((self.layers - self.moe_layers) * self.intermediate + self.moe_layers * wide) / self.layers

    @kept
    def attention_parameters(self) -> int:
        """Weights of the matrix products of one layer's attention."""
        if self.latent:
            return self.latent.parameters(self.hidden, self.heads)
        return physics.attention_parameters.plain(self.hidden, self.heads, self.kv_heads, self.head_dim)

    def _mlp(self, intermediate: int) -> int:
        return physics.mlp_parameters.plain(self.hidden, intermediate, self.mlp_matrices)

    def _mlp_biases(self, intermediate: int) -> int:
        return ((self.mlp_matrices - 1) * intermediate + self.hidden) * ("mlp" in self.biases)

    @kept
    def expert_parameters(self) -> int:
        """Parameters of one expert, its biases included."""
        return self._mlp(self.experts.intermediate) + self._mlp_biases(self.experts.intermediate) if self.experts else 0

    def _weights(self, experts: int) -> int:
        dense = (self.layers - self.moe_layers) * self._mlp(self.intermediate)
        if not self.experts:
            return self.layers * self.attention_parameters + dense
        moe = self.hidden * self.experts.experts + (experts + self.experts.shared) * self._mlp(
            self.experts.intermediate
        )
        return self.layers * self.attention_parameters + dense + self.moe_layers * moe

    @kept
    def layer_parameters(self) -> int:
        """Weights of the matrix products of all layers, biases and norms left out."""
        return self._weights(self.experts.experts if self.experts else 0)

    @kept
    def active_layer_parameters(self) -> int:
        """Those of them that one token meets: of the experts only the active and the shared ones."""
        return self._weights(self.experts.active if self.experts else 0)

    @kept
    def norm_parameters(self) -> int:
        """Parameters of one norm."""
        return self.hidden * (2 if self.norm == "layer" else 1)

    @kept
    def attention_biases(self) -> int:
        """Biases of one layer's attention."""
        query, key = self.heads * self.head_dim, self.kv_heads * self.head_dim
        inner = query + 2 * key if "qkv" in self.biases else (query + key) * ("qv" in self.biases)
        return inner + self.hidden * ("output" in self.biases)

    @property
    def _bias_parameters(self) -> int:
        attention = self.attention_biases
        dense = (self.layers - self.moe_layers) * self._mlp_biases(self.intermediate)
        if not self.experts:
            return self.layers * attention + dense
        moe = (self.experts.experts + self.experts.shared) * self._mlp_biases(self.experts.intermediate)
        router = self.experts.experts * ("router" in self.biases)
        return self.layers * attention + dense + self.moe_layers * (moe + router)

    @kept
    def stack_parameters(self) -> int:
        """Parameters of all layers: weights, biases, norms and attention sinks."""
        norms = self.norms_per_layer * self.norm_parameters + self.heads * self.attention_sinks
        if self.latent:
            norms += self.latent.norm_parameters
        elif self.qk_norm:
            norms += self.head_dim * (2 if self.qk_norm == "head" else self.heads + self.kv_heads)
        return self.layer_parameters + self._bias_parameters + self.layers * norms

    def _read(self, parameters: int, touched: Any) -> Any:
        """Of a number of parameters, those that are left if only some experts of each layer are read."""
        if not self.experts:
            return parameters
        rest = parameters - self.moe_layers * self.expert_parameters * self.experts.experts
        return expert_physics.parameters_read.plain(rest, self.moe_layers, self.expert_parameters, touched)

    def kept_tokens(self, batch: Any, context: Any) -> Any:
        """Return the tokens that a layer keeps, the mean over the layers."""
        if not self.local_layers:
            return batch * context
        return attention_physics.kept_tokens.plain(
            batch, context, self.window, self.layers - self.local_layers, self.local_layers
        )

    def causal_pairs(self, batch: Any, context: Any) -> Any:
        """Return the pairs of a query and a key in a layer of a prefill, the mean over the layers."""
        pairs = physics.causal_pairs.plain(batch, context)
        if not self.local_layers:
            return pairs
        local = attention_physics.window_pairs.plain(batch, context, self.window)
        return attention_physics.mean_pairs.plain(self.layers - self.local_layers, self.local_layers, pairs, local)

    def attention_flops(self, pairs: Any, absorbed: bool = False) -> Any:
        """Return the operations of all layers' attention; `absorbed`: on the compressed cache, as decoding does."""
        if self.latent:
            widths = self.latent.absorbed_widths if absorbed else (self.latent.query_dim, self.latent.value_dim)
            return attention_physics.latent_attention_flops.plain(self.layers, self.heads, *widths, pairs)
        return physics.attention_flops.plain(self.layers, self.heads, self.head_dim, pairs)

    def cache_bytes(self, tokens: Any, size: Any) -> Any:
        """Return the size of the cache of some tokens, with elements of `size` bytes."""
        if self.latent:
            width = (self.latent.kv_rank, self.latent.rope_dim)
            return attention_physics.latent_cache_bytes.plain(self.layers, *width, tokens, size)
        return memory.kv_cache_bytes.plain(self.layers, self.kv_heads, self.head_dim, tokens, size)

    def cache_traffic(self, read: Any, new: Any, size: Any) -> Any:
        """Return what a pass reads of and writes to the cache."""
        if self.latent:
            width = (self.latent.kv_rank, self.latent.rope_dim)
            return attention_physics.latent_traffic_bytes.plain(self.layers, *width, read, new, size)
        return memory.kv_traffic_bytes.plain(self.layers, self.kv_heads, self.head_dim, read, new, size)

    def activation_bytes(self, tokens: Any, logits: Any, size: Any) -> Any:
        """Return the activations that a pass reads and writes."""
        shape = (self.layers, self.hidden, self.heads, self.attention_width, self.active_intermediate)
        return physics.activation_bytes.plain(tokens, *shape, logits, size)

    def live_bytes(self, tokens: Any, logits: Any, size: Any) -> Any:
        """Return the most activations alive at once."""
        shape = (self.hidden, self.heads, self.kv_heads, self.head_dim, self.widest_intermediate, self.mlp_matrices)
        return physics.live_bytes.plain(tokens, *shape, logits, size)

    @kept
    def widest_intermediate(self) -> int:
        """Width of the widest feed-forward block that a token meets."""
        dense = self.intermediate if self.moe_layers < self.layers else 0
        if not self.experts:
            return dense
        return max(dense, (self.experts.active + self.experts.shared) * self.experts.intermediate)
