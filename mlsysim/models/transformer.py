"""Transformers by their shape: decoders and encoders."""

from __future__ import annotations

from functools import cached_property
from typing import Annotated, Any, Literal

from pydantic import Field

from mlsysim.errors import InputError, positive_integer
from mlsysim.models.stack import Stack
from mlsysim.models.types import Demand, Workload
from mlsysim.physics import memory
from mlsysim.physics import transformer as physics
from mlsysim.physics.precision import element_size
from mlsysim.records import Count
from mlsysim.units import wrap


class TransformerWorkload(Stack, Workload):
    """A transformer by its shape: a decoder that generates, or an encoder that reads a sequence once.

    Parameters
    ----------
    architecture
        ``"decoder"`` (phases decode and prefill) or ``"encoder"`` (phase encode).
    layers, hidden, heads, kv_heads, head_dim, intermediate, gated, biases, norm, norms_per_layer, qk_norm, parallel
        The shape of its layers, see `Stack`.
    window, global_every, attention_sinks, latent, experts
        Sliding windows, latent attention, mixtures of experts: see `Stack`.
    vocab, max_context
        Rows of the table of tokens, and tokens of the longest sequence.
    tied_embeddings
        Whether the output head is the embedding table.
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
    vocab: Count
    max_context: Count
    tied_embeddings: bool = False
    learned_positions: Annotated[int, Field(ge=0, strict=True)] = 0
    segments: Annotated[int, Field(ge=0, strict=True)] = 0
    embedding_norm: bool = False
    final_norm: bool = True
    pooler: bool = False

    @property
    def phases(self) -> tuple[str, ...]:
        """The kinds of forward pass, the default one first."""
        return ("decode", "prefill") if self.architecture == "decoder" else ("encode",)

    @property
    def head_parameters(self) -> int:
        """Weights of the output head of a decoder, tied or not."""
        return self.vocab * self.hidden if self.architecture == "decoder" else 0

    @cached_property
    def parameter_count(self) -> int:
        """Parameters, counted from the shape."""
        tables = (self.vocab + self.learned_positions + self.segments) * self.hidden
        head = (0 if self.tied_embeddings else self.head_parameters) + self.vocab * ("head" in self.biases)
        pooler = self.hidden * self.hidden + self.hidden if self.pooler else 0
        norms = self.norm_parameters * (self.embedding_norm + self.final_norm)
        return tables + head + self.stack_parameters + pooler + norms

    @cached_property
    def active_parameter_count(self) -> int:
        """Parameters without the experts that a token does not meet: all of them where there are no experts."""
        return self._read(self.parameter_count, self.experts.active if self.experts else 0)

    @property
    def active_parameters(self) -> Any:
        """Parameters without the experts that a token does not meet [param].

        Examples
        --------
        >>> from mlsysim import Models
        >>> print(f"{Models.Mixtral_8x7B.active_parameters.to('Bparam'):.2f~}")
        12.88 Bparam
        """
        return wrap(self.active_parameter_count, "param")

    def read_count(self, tokens: Any) -> Any:
        """Return the parameters that a pass over some tokens reads, a plain number: all, or those of touched experts.

        Examples
        --------
        >>> from mlsysim import Models
        >>> print(f"{Models.Mixtral_8x7B.read_count(tokens=2) / 1e9:.1f}")
        21.3
        """
        return self._read(self.parameter_count, self.experts.touched(tokens)) if self.experts else self.parameter_count

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
            Tokens of each sequence; a layer with a window keeps only as many of them as it sees.
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
        tokens = self.kept_tokens(positive_integer("batch_size", batch_size), self._context(seq_len))
        return wrap(self.cache_bytes(tokens, element_size(precision)), "byte")

    def _context(self, seq_len: Any) -> int:
        tokens = positive_integer("seq_len", seq_len)
        if tokens > self.max_context:
            raise InputError(f"seq_len must be at most {self.max_context}, the context of {self.name}; got {tokens}")
        return tokens

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
        decode, everything = phase == "decode", batch * context
        tokens = batch if decode else everything
        kept = self.kept_tokens(batch, context)
        pairs = kept if decode else tokens * context
        if phase == "prefill":
            pairs = self.causal_pairs(batch, context)
        head_parameters = self.head_parameters or self.pooler * self.hidden**2
        layers = physics.layer_flops.plain(self.active_layer_parameters, tokens)
        head = physics.head_flops.plain(head_parameters, batch) if head_parameters else 0
        attention = self.attention_flops(pairs, absorbed=decode)
        logits = batch * self.vocab if self.head_parameters else 0
        return Demand(
            samples=batch,
            flops=physics.forward_flops.plain(layers, head, attention),
            weights=memory.weight_bytes.plain(self.parameter_count, size),
            activations=self.activation_bytes(tokens, logits, size),
            kv_traffic=self.cache_traffic(kept if decode else everything, tokens, kv_size),
            kv_cache=self.cache_bytes(kept, kv_size) if self.architecture == "decoder" else 0,
            live=self.live_bytes(tokens, logits, size),
            weights_read=memory.weight_bytes.plain(self.read_count(tokens), size) if self.experts else None,
        )
