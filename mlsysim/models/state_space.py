"""Selective state-space models by their shape."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from mlsysim.errors import whole_numbers
from mlsysim.models.lowering import head_operators
from mlsysim.models.operators import Operator, Operators
from mlsysim.models.passes import Pass
from mlsysim.models.types import Demand, Workload
from mlsysim.physics import state_space as physics
from mlsysim.physics.equation import kept
from mlsysim.physics.memory import weight_bytes
from mlsysim.physics.precision import element_sizes
from mlsysim.physics.transformer import head_flops, layer_flops
from mlsysim.records import Count
from mlsysim.units import wrap


class StateSpaceWorkload(Workload):
    """A language model of selective state-space layers (Mamba): a state of fixed size takes the place of a KV cache.

    Parameters
    ----------
    layers, hidden, inner, state, kernel, rank, vocab
        The shape: channels `inner` inside a layer, each with a `state`; width of the convolution `kernel`; width `rank`
        to which the step is compressed.
    tied_embeddings
        Whether the output head is the embedding table.

    Raises
    ------
    UnknownName, InputError
        For a misspelt field, a missing one, or a count that is no whole number above zero.

    Examples
    --------
    >>> from mlsysim import Models
    >>> print(f"{Models.Mamba_2_8B.state_size(batch_size=64).to('MB'):.1f}")
    838.9 MB
    """

    layers: Count
    hidden: Count
    inner: Count
    state: Count
    kernel: Count
    rank: Count
    vocab: Count
    tied_embeddings: bool = True

    @property
    def phases(self) -> tuple[str, ...]:
        """The kinds of forward pass, the default one first."""
        return ("decode", "prefill")

    @kept
    def layer_parameters(self) -> int:
        """Weights of the products of all layers."""
        shape = self.hidden, self.inner, self.rank, self.state, self.kernel
        return self.layers * physics.product_parameters.plain(*shape)

    @property
    def head_parameters(self) -> int:
        """Weights of the output head, tied or not."""
        return self.vocab * self.hidden

    @kept
    def parameter_count(self) -> int:
        """Parameters, counted from the shape."""
        tables = self.head_parameters * (1 if self.tied_embeddings else 2)
        other = self.layers * physics.other_parameters.plain(self.hidden, self.inner, self.state)
        return self.layer_parameters + other + tables + self.hidden

    @property
    def lookup_count(self) -> int:
        """Parameters of the embedding table, where it is not also the output head."""
        return 0 if self.tied_embeddings else self.head_parameters

    @property
    def default_context(self) -> int:
        """Tokens of a sequence where none are given."""
        return 2048

    def state_size(self, batch_size: int = 1, precision: str = "fp16") -> Any:
        """Return the size of the recurrent state [byte]; the length of the sequences does not matter.

        Parameters
        ----------
        batch_size
            Sequences.
        precision
            Format of the state.

        Raises
        ------
        InputError, InputTypeError, UnknownName
            For a count that is no whole number above zero, or an unknown precision.

        Examples
        --------
        >>> from mlsysim import Models
        >>> print(Models.Mamba_2_8B.state_size())
        13107200.0 B
        """
        batch = whole_numbers("batch_size", batch_size)
        return wrap(self._state_bytes(batch, element_sizes(precision)), "byte")

    def _state_bytes(self, batch: Any, size: Any) -> Any:
        return physics.state_bytes.plain(self.layers, self.inner, self.state, self.kernel, batch, size)

    def demand(
        self,
        batch_size: int = 1,
        precision: str = "fp16",
        phase: str | None = None,
        seq_len: int | None = None,
        kv_precision: str | None = None,
    ) -> Demand:
        """Return what one forward pass demands; see `Workload.demand`.

        `decode` makes one token for each sequence, at the same cost whatever its length. `prefill` reads `seq_len`
        tokens of each and gives logits for the last. `kv_precision` is the format of the state.
        """
        return self._demand(*self._asked(batch_size, precision, self._phase(phase), seq_len, kv_precision))

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
        """Return the kernels of one pass; see `Workload.lower` and `demand`.

        `training` reads `seq_len` tokens of each sequence and gives logits for all of them; no state leaves the chip.

        Examples
        --------
        >>> from mlsysim import Models
        >>> row = Models.Mamba_2_8B.lower(batch_size=8)["projection in"]
        >>> row.count, row.m, row.n, row.k
        (64, 8, 10240, 2560)
        """
        asked = self._asked(batch_size, precision, self._lowered(phase, kv_precision), seq_len, kv_precision)
        self._undivided(tensor_parallel)
        return self._lower(*asked)

    def _asked(
        self, batch_size: int, precision: str, phase: str, seq_len: int | None, kv_precision: str | None
    ) -> tuple[int, str, int, float, float]:
        """The arguments of a question, checked, as plain numbers."""
        batch = whole_numbers("batch_size", batch_size)
        length = self.default_context if seq_len is None else whole_numbers("seq_len", seq_len)
        size = element_sizes(precision)
        return batch, phase, length, size, size if kv_precision is None else element_sizes(kv_precision, "kv_precision")

    def _demand(self, batch: Any, phase: str, length: Any, size: Any, kv_size: Any) -> Demand:
        state = self._state_bytes(batch, kv_size)
        tokens, logits = batch if phase == "decode" else batch * length, batch * self.vocab
        layers = layer_flops.plain(self.layer_parameters, tokens)
        head = head_flops.plain(self.head_parameters, batch)
        scan = physics.scan_flops.plain(self.layers, self.inner, self.state, tokens)
        shape = self.hidden, self.inner, self.rank, self.state
        return Demand(
            samples=batch,
            flops=physics.forward_flops.plain(layers, head, scan),
            weights=weight_bytes.plain(self.parameter_count, size),
            activations=physics.activation_bytes.plain(tokens, self.layers, *shape, logits, size),
            kv_traffic=physics.state_traffic_bytes.plain(state, 2 if phase == "decode" else 1),
            kv_cache=state,
            live=physics.live_bytes.plain(tokens, self.hidden, self.inner, self.state, logits, size),
        )

    def _lower(self, batch: Any, phase: str, length: Any, size: Any, kv_size: Any) -> Operators:
        tokens = batch if phase == "decode" else batch * length
        run = Pass.of(phase, tokens, size, kv_size)
        wide, moves = tokens * self.hidden, 0 if run.training else 2 if phase == "decode" else 1
        rows = [
            run.embedding(1, self.hidden),
            *self._layers(run, batch * kv_size * moves),
            run.elementwise("final norm", 1, 2 * wide, wide, self.hidden),
            *head_operators(run, tokens if run.training else batch, self.vocab, self.hidden),
        ]
        return run.table(rows)

    def _layers(self, run: Pass, moved: Any) -> Iterator[Operator]:
        """The kernels of all layers; `moved` are the bytes of one element of each sequence's state."""
        layers, inner, tokens, wide = self.layers, self.inner, run.tokens, run.tokens * self.hidden
        vectors = self.rank + 2 * self.state
        yield run.elementwise("norm", layers, 2 * wide, 2 * wide, self.hidden)
        yield from run.products("projection in", layers, 2 * inner, self.hidden)
        yield from run.narrowed("convolution", layers, tokens * inner)
        convolution = run.gemm("convolution", layers, inner, self.kernel, inner)
        reads = {"inputs": tokens * inner * run.size, "kv": inner * self.kernel * moved}
        yield convolution._replace(kind="depthwise", **reads)
        yield from run.products("step and vectors", layers, vectors, inner)
        yield from run.products("step of each channel", layers, inner, self.rank, inner)
        yield Operator(
            "scan",
            "scan",
            count=layers,
            m=tokens,
            n=inner,
            k=self.state,
            flops=physics.scan_flops.plain(1, inner, self.state, tokens),
            weights=inner * (self.state + 1) * run.size,
            inputs=tokens * (3 * inner + 2 * self.state) * run.act,
            outputs=tokens * inner * run.act,
            kv=inner * self.state * moved,
            phase=run.phase,
        )
        yield from run.products("projection out", layers, self.hidden, inner)
