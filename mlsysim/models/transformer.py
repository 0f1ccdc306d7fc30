"""Transformers by their shape."""

from __future__ import annotations

from functools import cached_property
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from mlsysim.errors import InputError, positive_integer
from mlsysim.models.types import Demand, Workload
from mlsysim.physics import memory
from mlsysim.physics import transformer as physics
from mlsysim.physics.precision import element_size
from mlsysim.records import Count
from mlsysim.units import wrap


class TransformerWorkload(Workload):
    """A transformer by its shape: a decoder that generates, or an encoder that reads a sequence once.

    Parameters
    ----------
    architecture
        ``"decoder"`` (phases decode and prefill) or ``"encoder"`` (phase encode).
    layers, hidden, heads, kv_heads, head_dim, intermediate, vocab, max_context
        The shape; `kv_heads` defaults to `heads`, `head_dim` to `hidden / heads`.
    gated
        Whether the feed-forward block has a third, gating matrix.
    tied_embeddings
        Whether the output head is the embedding table.
    biases
        Whether the products of the layers have biases.
    norm
        ``"rms"`` (one vector) or ``"layer"`` (two).
    learned_positions, segments
        Rows of the tables of positions and of segments.
    embedding_norm, final_norm, pooler
        Whether there is a norm after the embedding, one after the last layer, a dense layer on the first token.

    Raises
    ------
    UnknownName, InputError
        For a misspelt field, a missing one, or a shape that does not hold together.

    Examples
    --------
    >>> from mlsysim import Models
    >>> print(f"{Models.Llama3_70B.parameters.to('Bparam'):.1f~}")
    70.6 Bparam
    """

    architecture: Literal["decoder", "encoder"] = "decoder"
    layers: Count
    hidden: Count
    heads: Count
    kv_heads: Count
    head_dim: Count
    intermediate: Count
    vocab: Count
    max_context: Count
    gated: bool = False
    tied_embeddings: bool = False
    biases: bool = False
    norm: Literal["rms", "layer"] = "rms"
    learned_positions: Annotated[int, Field(ge=0, strict=True)] = 0
    segments: Annotated[int, Field(ge=0, strict=True)] = 0
    embedding_norm: bool = False
    final_norm: bool = True
    pooler: bool = False

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
    def _grouped(self) -> TransformerWorkload:
        if self.heads % self.kv_heads:
            raise ValueError(f"heads {self.heads} must be a multiple of kv_heads {self.kv_heads}")
        return self

    @property
    def phases(self) -> tuple[str, ...]:
        """The kinds of forward pass, the default one first."""
        return ("decode", "prefill") if self.architecture == "decoder" else ("encode",)

    @property
    def mlp_matrices(self) -> int:
        """Matrices of the feed-forward block: 3 if it is gated, else 2."""
        return 3 if self.gated else 2

    @cached_property
    def layer_parameters(self) -> int:
        """Weights of the matrix products of all layers, biases and norms left out."""
        attention = physics.attention_parameters.plain(self.hidden, self.heads, self.kv_heads, self.head_dim)
        return self.layers * (
            attention + physics.mlp_parameters.plain(self.hidden, self.intermediate, self.mlp_matrices)
        )

    @property
    def head_parameters(self) -> int:
        """Weights of the output head of a decoder, tied or not."""
        return self.vocab * self.hidden if self.architecture == "decoder" else 0

    @cached_property
    def parameter_count(self) -> int:
        """Parameters, counted from the shape."""
        hidden, norm = self.hidden, self.hidden * (2 if self.norm == "layer" else 1)
        tables = (self.vocab + self.learned_positions + self.segments) * hidden
        head = 0 if self.tied_embeddings else self.head_parameters
        heads = self.heads + 2 * self.kv_heads
        biases = heads * self.head_dim + hidden + (self.mlp_matrices - 1) * self.intermediate + hidden
        layers = self.layer_parameters + self.layers * (2 * norm + (biases if self.biases else 0))
        pooler = hidden * hidden + hidden if self.pooler else 0
        return tables + head + layers + pooler + norm * (self.embedding_norm + self.final_norm)

    @property
    def default_context(self) -> int:
        """Tokens of a sequence where none are given: 2048, or the whole context where that is shorter."""
        return min(2048, self.max_context)

    @property
    def lookup_count(self) -> int:
        """Parameters of the embedding tables that are not also the output head."""
        words = 0 if self.tied_embeddings else self.vocab
        return (words + self.learned_positions + self.segments) * self.hidden

    def kv_cache_size(self, seq_len: int, batch_size: int = 1, precision: str = "fp16") -> Any:
        """Return the size of the KV cache [byte].

        Parameters
        ----------
        seq_len
            Tokens kept of each sequence.
        batch_size
            Sequences.
        precision
            Format of the keys and values.

        Raises
        ------
        InputError, InputTypeError, UnknownName
            For a count that is no whole number above zero, or an unknown precision.

        Examples
        --------
        >>> from mlsysim import Models
        >>> print(Models.Llama3_70B.kv_cache_size(seq_len=1))
        327680.0 B
        """
        tokens = self._context(seq_len) * positive_integer("batch_size", batch_size)
        return wrap(self._kv_bytes(tokens, element_size(precision)), "byte")

    def _context(self, seq_len: Any) -> int:
        tokens = positive_integer("seq_len", seq_len)
        if tokens > self.max_context:
            raise InputError(f"seq_len must be at most {self.max_context}, the context of {self.name}; got {tokens}")
        return tokens

    def _kv_bytes(self, tokens: Any, size: Any) -> Any:
        return memory.kv_cache_bytes.plain(self.layers, self.kv_heads, self.head_dim, tokens, size)

    def demand(
        self,
        batch_size: int = 1,
        precision: str = "fp16",
        phase: str | None = None,
        seq_len: int | None = None,
        kv_precision: str | None = None,
    ) -> Demand:
        """Return what one forward pass demands; see `Workload.demand`.

        `decode` makes one token for each sequence, whose context is `seq_len` tokens, that one included. `prefill`
        reads `seq_len` tokens of each sequence and gives logits for the last; `encode` reads all of them, and each
        sees all. Without `seq_len`, a sequence has `default_context` tokens.
        """
        phase = self._phase(phase)
        batch = positive_integer("batch_size", batch_size)
        context = self._context(self.default_context if seq_len is None else seq_len)
        size = element_size(precision)
        kv_size = size if kv_precision is None else element_size(kv_precision, "kv_precision")
        return self._demand(batch, phase, context, size, kv_size)

    def _demand(self, batch: Any, phase: str, context: Any, size: Any, kv_size: Any) -> Demand:
        cached = batch * context
        tokens = batch if phase == "decode" else cached
        pairs = physics.causal_pairs.plain(batch, context) if phase == "prefill" else tokens * context
        head_parameters = self.head_parameters or self.pooler * self.hidden**2
        layers = physics.layer_flops.plain(self.layer_parameters, tokens)
        head = physics.head_flops.plain(head_parameters, batch) if head_parameters else 0
        attention = physics.attention_flops.plain(self.layers, self.heads, self.head_dim, pairs)
        logits = batch * self.vocab if self.head_parameters else 0
        width = (self.hidden, self.heads, self.head_dim, self.intermediate)
        wide = (self.hidden, self.heads, self.kv_heads, self.head_dim, self.intermediate, self.mlp_matrices)
        return Demand(
            samples=batch,
            flops=physics.forward_flops.plain(layers, head, attention),
            weights=memory.weight_bytes.plain(self.parameter_count, size),
            activations=physics.activation_bytes.plain(tokens, self.layers, *width, logits, size),
            kv_traffic=memory.kv_traffic_bytes.plain(
                self.layers, self.kv_heads, self.head_dim, cached, tokens, kv_size
            ),
            kv_cache=self._kv_bytes(cached, kv_size) if self.architecture == "decoder" else 0,
            live=physics.live_bytes.plain(tokens, *wide, logits, size),
        )
