"""Encoder-decoder transformers by their shape: one stack reads, the other writes and looks at what was read."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from mlsysim.errors import InputError, whole_numbers
from mlsysim.models.experts import CountOrZero
from mlsysim.models.lowering import Seen, cross_operators, head_operators, layer_operators, tensor_parallel_degree
from mlsysim.models.operators import Operator, Operators
from mlsysim.models.passes import Pass
from mlsysim.models.stack import Biases, Norm, Stack
from mlsysim.models.types import Demand, Workload
from mlsysim.physics import attention as attention_physics
from mlsysim.physics import convolution, memory
from mlsysim.physics import transformer as physics
from mlsysim.physics.elementwise import some
from mlsysim.physics.equation import kept
from mlsysim.physics.precision import element_sizes
from mlsysim.records import Count


class _Part(NamedTuple):
    """What one of the two stacks holds: weights that multiply each token, and everything else."""

    weights: int
    other: int

    @property
    def parameters(self) -> int:
        return self.weights + self.other


class EncoderDecoderWorkload(Workload):
    """An encoder-decoder transformer by its shape.

    Phase ``encode`` reads the source and makes the keys and values that the decoder will look at; phase ``decode``
    makes one token.

    Parameters
    ----------
    encoder_layers, decoder_layers
        Layers of the two stacks.
    hidden, heads, head_dim, intermediate, gated, biases, norm
        The shape of both, see `Stack`.
    vocab, max_context
        Rows of the table of tokens, which is also the output head, and tokens of the longest output.
    max_source
        Positions that the encoder reads: all of them where no other number is given.
    source_positions, learned_positions
        Rows of the tables of positions of the encoder and of the decoder.
    relative_buckets
        Rows of each stack's table of relative positions, one column a head.
    audio_channels
        Channels of a spectrogram: two convolutions before the encoder, the second of which halves the length.

    Raises
    ------
    UnknownName, InputError
        For a misspelt field, a missing one, or a shape that does not hold together.

    Examples
    --------
    >>> from mlsysim import Models
    >>> print(f"{Models.Whisper_Small.flops(phase='encode').to('GFLOP'):.1f}")
    386.6 GFLOP
    """

    encoder_layers: Count
    decoder_layers: Count
    hidden: Count
    heads: Count
    head_dim: Count
    intermediate: Count
    gated: bool = False
    biases: Biases = ()
    norm: Norm = "rms"
    vocab: Count
    max_context: Count
    max_source: Count
    source_positions: CountOrZero = 0
    learned_positions: CountOrZero = 0
    relative_buckets: CountOrZero = 0
    audio_channels: CountOrZero = 0

    @property
    def phases(self) -> tuple[str, ...]:
        """The kinds of forward pass, the default one first."""
        return ("encode", "decode")

    @property
    def default_context(self) -> int:
        """Positions that the encoder reads where none are given."""
        return self.max_source

    def _stack(self, layers: int, norms: int) -> Stack:
        shape = self.model_dump(include={"hidden", "heads", "head_dim", "intermediate", "gated", "biases", "norm"})
        return Stack(layers=layers, norms_per_layer=norms, **shape)

    @kept
    def encoder(self) -> Stack:
        """The stack that reads."""
        return self._stack(self.encoder_layers, norms=2)

    @kept
    def decoder(self) -> Stack:
        """The stack that writes, its attention to the source left out."""
        return self._stack(self.decoder_layers, norms=3)

    @property
    def _cross_weights(self) -> int:
        """Weights of one of the two halves of attention to the source: queries and output, keys and values."""
        return self.decoder_layers * 2 * self.hidden * self.heads * self.head_dim

    @property
    def _cross_biases(self) -> int:
        """Biases of the keys and values of one layer's attention to the source."""
        return self.heads * self.head_dim * (2 * ("qkv" in self.biases) + ("qv" in self.biases))

    @kept
    def _convolutions(self) -> tuple[int, int]:
        if not self.audio_channels:
            return 0, 0
        return tuple(
            int(convolution.convolution_parameters.plain(3, 1, channels, self.hidden, 1))
            for channels in (self.audio_channels, self.hidden)
        )

    @kept
    def _encoder_part(self) -> _Part:
        tables = self.source_positions * self.hidden + self.relative_buckets * self.heads
        front = sum(self._convolutions) + 2 * self.hidden * bool(self.audio_channels)
        other = self.encoder.stack_parameters - self.encoder.layer_parameters + self.encoder.norm_parameters
        return _Part(self.encoder.layer_parameters, other + tables + front)

    @kept
    def _decoder_part(self) -> _Part:
        tables = self.learned_positions * self.hidden + self.relative_buckets * self.heads
        cross = self._cross_weights + self.decoder_layers * self.decoder.attention_biases
        other = self.decoder.stack_parameters - self.decoder.layer_parameters + self.decoder.norm_parameters
        return _Part(self.decoder.layer_parameters + self._cross_weights, other + tables + cross)

    @kept
    def parameter_count(self) -> int:
        """Parameters, counted from the shape."""
        return self.vocab * self.hidden + self._encoder_part.parameters + self._decoder_part.parameters

    def demand(
        self,
        batch_size: int = 1,
        precision: str = "fp16",
        phase: str | None = None,
        seq_len: int | None = None,
        kv_precision: str | None = None,
    ) -> Demand:
        """Return what one forward pass demands; see `Workload.demand`.

        `encode` reads `seq_len` positions of each sample, by default `max_source`. `decode` makes one token for each,
        of an output of `seq_len` tokens, that one included, by default `max_context`; it looks at `max_source`
        positions.
        """
        asked = self._asked(batch_size, precision, self._phase(phase), seq_len, kv_precision)
        return (self._encode if asked[1] == "encode" else self._decode)(asked[0], *asked[2:])

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
        """Return the kernels of one pass on one device of a tensor-parallel group; see `Workload.lower` and `demand`.

        `training` reads `max_source` positions of each sample, and an output of `seq_len` tokens, by default
        `max_context`, each of which sees those before it. There, the names of the encoder's kernels begin so.

        Examples
        --------
        >>> from mlsysim import Models
        >>> row = Models.Whisper_Small.lower(phase="decode", seq_len=100)["cross attention"]
        >>> row.count, row.m, row.n, row.k
        (12, 1, 1500, 64)
        """
        asked = self._asked(batch_size, precision, self._lowered(phase, kv_precision), seq_len, kv_precision)
        return self._lower(*asked, tensor_parallel_degree(self.encoder, tensor_parallel, self.name))

    def _asked(
        self, batch_size: int, precision: str, phase: str, seq_len: int | None, kv_precision: str | None
    ) -> tuple[int, str, int, float, float]:
        """The arguments of a question, checked, as plain numbers."""
        name, most = ("max_source", self.max_source) if phase == "encode" else ("max_context", self.max_context)
        context = whole_numbers("seq_len", most if seq_len is None else seq_len)
        if some(context > most):
            raise InputError(f"seq_len must be at most {most}, the {name} of {self.name}; got {context}")
        batch = whole_numbers("batch_size", batch_size)
        size = element_sizes(precision)
        kv_size = size if kv_precision is None else element_sizes(kv_precision, "kv_precision")
        return batch, phase, context, size, kv_size

    def _cross_bytes(self, batch: Any, context: Any, size: Any) -> Any:
        return memory.kv_cache_bytes.plain(self.decoder_layers, self.heads, self.head_dim, batch * context, size)

    def _encode(self, batch: Any, context: Any, size: Any, kv_size: Any) -> Demand:
        tokens = batch * context
        first, second = self._convolutions
        products = physics.layer_flops.plain(self._encoder_part.weights + self._cross_weights, tokens)
        front = convolution.convolution_flops.plain(first, 2 * context, 1) if first else 0
        front = batch * (front + convolution.convolution_flops.plain(second, context, 1)) if first else 0
        crossing = self._cross_bytes(batch, context, kv_size)
        spectrogram = 2 * self.audio_channels + 5 * self.hidden * bool(self.audio_channels)
        around = context * (spectrogram + self.decoder_layers * self.hidden)
        read = self._encoder_part.parameters + self._cross_weights + self.decoder_layers * self._cross_biases
        return Demand(
            samples=batch,
            flops=physics.forward_flops.plain(products, front, self.encoder.attention_flops(tokens * context)),
            weights=memory.weight_bytes.plain(self.parameter_count, size),
            activations=self.encoder.activation_bytes(tokens, 0, size)
            + convolution.activation_bytes.plain(batch, around, size),
            kv_traffic=self.encoder.cache_traffic(tokens, tokens, size) + crossing,
            kv_cache=crossing,
            live=self.encoder.live_bytes(tokens, 0, size),
            weights_read=memory.weight_bytes.plain(read, size),
        )

    def _decode(self, batch: Any, context: Any, size: Any, kv_size: Any) -> Demand:
        kept, source = batch * context, batch * self.max_source
        logits = batch * self.vocab
        shape = (self.decoder_layers, self.hidden, self.heads, self.head_dim)
        own = self.decoder.activation_bytes(batch, logits, size)
        crossing = self._cross_bytes(batch, self.max_source, kv_size)
        read = self.vocab * self.hidden + self._decoder_part.parameters - self._cross_weights
        read -= self.decoder_layers * self._cross_biases
        return Demand(
            samples=batch,
            flops=physics.forward_flops.plain(
                physics.layer_flops.plain(self._decoder_part.weights, batch),
                physics.head_flops.plain(self.vocab * self.hidden, batch),
                self.decoder.attention_flops(kept + source),
            ),
            weights=memory.weight_bytes.plain(self.parameter_count, size),
            activations=own + attention_physics.cross_activation_bytes.plain(batch, *shape, size),
            kv_traffic=self.decoder.cache_traffic(kept, batch, kv_size) + crossing,
            kv_cache=self.decoder.cache_bytes(kept, kv_size) + crossing,
            live=self.decoder.live_bytes(batch, logits, size),
            weights_read=memory.weight_bytes.plain(read, size),
        )

    def _lower(self, batch: Any, phase: str, context: Any, size: Any, kv_size: Any, group: int = 1) -> Operators:
        positions, tokens = batch * (context if phase == "encode" else self.max_source), batch
        if phase == "training":
            tokens = batch * context
        source = Pass.of(phase, positions, size, size, group, rope=False)
        run = Pass.of(phase, tokens, size, kv_size, group, rope=False)
        if phase == "encode":
            return Operators(self._encoding(source, context, kv_size))
        if phase == "decode":
            return Operators(self._decoding(run, batch, context))
        encoding = self._encoding(source, self.max_source, source.kv_size)
        rows = [row._replace(name=f"encoder {row.name}") for row in encoding] + self._decoding(run, batch, context)
        return run.table(
            rows, {"output head": tokens * self.hidden, "encoder cross keys and values": positions * self.hidden}
        )

    def _encoding(self, run: Pass, context: Any, kv_size: Any) -> list[Operator]:
        """The encoder, and the keys and values that the decoder looks at: inference keeps them in the cache."""
        wide, group = run.tokens * self.hidden, run.group
        seen = Seen("attention", self.encoder_layers, run.tokens * context, run.tokens, context)
        width = 2 * self.heads * self.head_dim // group
        keys = run.products(
            "cross keys and values", self.decoder_layers, width, self.hidden, self._cross_biases // group
        )
        kept = {} if run.training else {"outputs": 0, "kv": run.tokens * width * kv_size}
        return [
            *self._front(run, context),
            *self._relative_positions(run, 2 * context - 1),
            *layer_operators(self.encoder, run, [seen]),
            run.elementwise("final norm", 1, 2 * wide, wide, self.encoder.norm_parameters),
            *(row._replace(**kept) if row.kind == "gemm" else row for row in keys),
        ]

    def _front(self, run: Pass, context: Any) -> Iterator[Operator]:
        """What makes the encoder's tokens: of text a lookup, of a spectrogram two convolutions."""
        if not self.audio_channels:
            yield run.embedding(1 + bool(self.source_positions), self.hidden)
            return
        (first, second), hidden, frames, wide = (
            self._convolutions,
            self.hidden,
            2 * run.tokens,
            run.tokens * self.hidden,
        )
        yield from run.convolution("convolution 1", frames, hidden, first, frames * self.audio_channels)
        yield from run.convolution("convolution 2", run.tokens, hidden, second, 2 * wide)
        if self.source_positions:
            yield run.elementwise("positions", 1, wide, wide, context * hidden)

    def _decoding(self, run: Pass, batch: Any, context: Any) -> list[Operator]:
        """The decoder and its head."""
        pairs = physics.causal_pairs.plain(batch, context) if run.training else batch * context
        seen, wide = Seen("attention", self.decoder_layers, pairs, batch * context, context), run.tokens * self.hidden
        return [
            run.embedding(1 + bool(self.learned_positions), self.hidden),
            *self._relative_positions(run, context),
            *layer_operators(self.decoder, run, [seen]),
            *cross_operators(self.decoder, run, batch * self.max_source, self.max_source),
            run.elementwise("final norm", 1, 2 * wide, wide, self.decoder.norm_parameters),
            *head_operators(run, run.tokens, self.vocab, self.hidden),
        ]

    def _relative_positions(self, run: Pass, distances: Any) -> Iterator[Operator]:
        """The bias of each distance, one a head."""
        if self.relative_buckets:
            heads = self.heads // run.group
            read, written = heads * self.relative_buckets * run.size, heads * distances * run.act
            yield Operator("relative positions", "lookup", weights=read, outputs=written, phase=run.phase)
