"""Transformers by their shape: decoders and encoders."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from mlsysim.errors import InputError, positive_integer, whole_numbers
from mlsysim.models.lowering import Seen, head_operators, layer_operators, tensor_parallel_degree
from mlsysim.models.operators import Operators
from mlsysim.models.passes import Pass
from mlsysim.models.stack import Stack
from mlsysim.models.types import Demand, Workload
from mlsysim.physics import attention as attention_physics
from mlsysim.physics import memory
from mlsysim.physics import transformer as physics
from mlsysim.physics.elementwise import minimum, some
from mlsysim.physics.equation import kept
from mlsysim.physics.precision import element_sizes
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

    @kept
    def phases(self) -> tuple[str, ...]:
        """The kinds of forward pass, the default one first."""
        return ("decode", "prefill") if self.architecture == "decoder" else ("encode",)

    @kept
    def head_parameters(self) -> int:
        """Weights of the output head of a decoder, tied or not."""
        return self.vocab * self.hidden if self.architecture == "decoder" else 0

    @kept
    def parameter_count(self) -> int:
        """Parameters, counted from the shape."""
        tables = (self.vocab + self.learned_positions + self.segments) * self.hidden
        head = (0 if self.tied_embeddings else self.head_parameters) + self.vocab * ("head" in self.biases)
        pooler = self.hidden * self.hidden + self.hidden if self.pooler else 0
        norms = self.norm_parameters * (self.embedding_norm + self.final_norm)
        return tables + head + self.stack_parameters + pooler + norms

    @kept
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

    @kept
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
        tokens = self.kept_tokens(whole_numbers("batch_size", batch_size), self._context(seq_len))
        return wrap(self.cache_bytes(tokens, element_sizes(precision)), "byte")

    def _context(self, seq_len: Any) -> Any:
        tokens = whole_numbers("seq_len", seq_len)
        if some(tokens > self.max_context):
            raise InputError(f"seq_len must be at most {self.max_context}, the context of {self.name}; got {tokens}")
        return tokens

    def held(self, demand: Demand, group: int) -> Demand:
        """Return a demand with the memory of one device of a tensor-parallel group in place of that of all.

        Norms, and the compressing products and the cache of latent attention, are on each device, and each has at least
        one key-value head.
        """
        kv_heads, attention = max(1, self.kv_heads // group), self.attention_parameters
        if self.latent:
            down = self.hidden * ((self.latent.query_rank or 0) + self.latent.kv_rank + self.latent.rope_dim)
            own, cache = down + (attention - down) / group, 1.0
        else:
            own = physics.attention_parameters.plain(self.hidden, self.heads / group, kv_heads, self.head_dim)
            cache = kv_heads / self.kv_heads
        norms = self.layers * self.norms_per_layer * self.norm_parameters
        split = self.parameter_count - self.layers * attention - norms
        widest = self.widest_intermediate, self.mlp_matrices, 0, 1
        whole = physics.live_bytes.plain(1, self.hidden, self.heads, self.kv_heads, self.head_dim, *widest)
        widest = self.widest_intermediate / group, self.mlp_matrices, 0, 1
        part = physics.live_bytes.plain(1, self.hidden, self.heads / group, kv_heads, self.head_dim, *widest)
        share = (self.layers * own + split / group + norms) / self.parameter_count
        return demand._replace(
            weights=demand.weights * share,
            weights_read=None if demand.weights_read is None else demand.weights_read * share,
            kv_cache=demand.kv_cache * cache,
            live=demand.live * part / whole,
        )

    def demand(
        self,
        batch_size: int = 1,
        precision: str = "fp16",
        phase: str | None = None,
        seq_len: int | None = None,
        kv_precision: str | None = None,
        *,
        cached_tokens: int = 0,
    ) -> Demand:
        """Return what one forward pass demands; see `Workload.demand`.

        `decode` makes one token for each sequence, whose context is `seq_len` tokens, that one included. `prefill`
        reads `seq_len` tokens of each sequence, of which `cached_tokens` have their keys and values already, and gives
        logits for the last; `encode` reads all of them, and each sees all. Without `seq_len`, a sequence has
        `default_context` tokens.
        """
        asked = self._asked(batch_size, precision, self._phase(phase), seq_len, kv_precision, cached_tokens)
        return self._demand(*asked)

    def lower(
        self,
        batch_size: int = 1,
        precision: str = "fp16",
        phase: str | None = None,
        seq_len: int | None = None,
        kv_precision: str | None = None,
        *,
        cached_tokens: int = 0,
        tensor_parallel: int = 1,
    ) -> Operators:
        """Return the kernels of one pass on one device of a tensor-parallel group; see `Workload.lower` and `demand`.

        `training` reads `seq_len` tokens of each sequence, each of which sees those before it, or all in an encoder; a
        decoder gives logits for all of them. A group takes the loss of the parts of the logits where they are; the few
        numbers a token that it exchanges for that are left out [shoeybi2019megatron].

        Examples
        --------
        >>> from mlsysim import Models
        >>> row = Models.Llama3_8B.lower(phase="prefill", seq_len=1024, tensor_parallel=4)["gate and up"]
        >>> row.count, row.m, row.n, row.k
        (32, 1024, 7168, 4096)
        """
        phase = self._lowered(phase, kv_precision)
        asked = self._asked(batch_size, precision, phase, seq_len, kv_precision, cached_tokens)
        return self._lower(*asked, tensor_parallel_degree(self, tensor_parallel, self.name))

    def _asked(
        self,
        batch_size: int,
        precision: str,
        phase: str,
        seq_len: int | None,
        kv_precision: str | None,
        cached_tokens: int,
    ) -> tuple[int, str, int, float, float, int]:
        """The arguments of a question, checked, as plain numbers."""
        batch = whole_numbers("batch_size", batch_size)
        context = self._context(self.default_context if seq_len is None else seq_len)
        size = element_sizes(precision)
        kv_size = size if kv_precision is None else element_sizes(kv_precision, "kv_precision")
        cached = cached_tokens and positive_integer("cached_tokens", cached_tokens)
        if cached and (phase != "prefill" or some(cached >= context)):
            raise InputError(f"cached_tokens must be fewer than the {context} tokens of a prefill; got {cached}")
        return batch, phase, context, size, kv_size, cached

    def _demand(self, batch: Any, phase: str, context: Any, size: Any, kv_size: Any, cached: Any = 0) -> Demand:
        decode, everything = phase == "decode", batch * context
        tokens = batch if decode else everything - batch * cached
        kept = self.kept_tokens(batch, context)
        pairs = kept if decode else everything * context
        if phase == "prefill":
            pairs = self.causal_pairs(batch, context)
            if cached:
                pairs = pairs - self.causal_pairs(batch, cached)
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

    def _lower(
        self, batch: Any, phase: str, context: Any, size: Any, kv_size: Any, cached: Any = 0, group: int = 1
    ) -> Operators:
        tokens = batch if phase == "decode" else batch * (context - cached)
        run = Pass.of(phase, tokens, size, kv_size, group, rope=not self.learned_positions)
        if run.training:
            phase = self.phases[-1]
        wide = tokens * self.hidden
        tables = 1 + bool(self.learned_positions) + bool(self.segments)
        rows = [run.embedding(tables, self.hidden)]
        if self.embedding_norm:
            rows.append(run.elementwise("embedding norm", 1, wide, wide, self.norm_parameters))
        rows += layer_operators(self, run, self._seen(batch, phase, context, cached))
        if self.final_norm:
            rows.append(run.elementwise("final norm", 1, 2 * wide, wide, self.norm_parameters))
        if self.head_parameters:
            samples = tokens if run.training else batch
            rows += head_operators(run, samples, self.vocab, self.hidden, bias="head" in self.biases)
        elif self.pooler:
            rows += run.products("pooler", 1, self.hidden, self.hidden, self.hidden, rows=batch)
        return run.table(rows, {"output head": wide} if self.head_parameters else {})

    def _seen(self, batch: Any, phase: str, context: Any, cached: Any) -> list[Seen]:
        """What the layers without and with a window see."""
        everywhere, local = self.layers - self.local_layers, self.local_layers

        def causal(pairs: Any) -> Any:
            return pairs(context) - pairs(cached) if cached else pairs(context)

        seen = []
        if everywhere:
            pairs = batch * context if phase == "decode" else batch * context * context
            if phase == "prefill":
                pairs = causal(lambda length: physics.causal_pairs.plain(batch, length))
            seen.append(Seen("attention", everywhere, pairs, batch * context, context))
        if local:
            keys = minimum(context, self.window)
            pairs = batch * keys
            if phase == "prefill":
                pairs = causal(lambda length: attention_physics.window_pairs.plain(batch, length, self.window))
            elif phase == "encode":
                pairs = batch * context * context
            cache = batch * (keys if phase == "decode" else context)
            seen.append(Seen("window attention", local, pairs, cache, keys))
        return seen
