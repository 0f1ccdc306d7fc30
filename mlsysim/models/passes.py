"""One pass, as one device of a tensor-parallel group sees it, and the kernels of which the models make it.

Each kernel reads its inputs and writes its outputs once. Where weights are narrower than 16 bits, activations stay at
16 and are narrowed in a pass before each product.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any, NamedTuple

from mlsysim.models.backward import backward_of
from mlsysim.models.operators import Operator, Operators
from mlsysim.physics import memory
from mlsysim.physics import operators as physics
from mlsysim.physics.elementwise import maximum, some


class Pass(NamedTuple):
    """A pass through a stack as one device of a group sees it."""

    tokens: Any
    phase: str
    size: Any
    """Bytes of a weight."""
    kv_size: Any
    """Bytes of an element of the cache."""
    act: Any
    """Bytes of an activation outside the products."""
    group: Any = 1
    rope: bool = True
    training: bool = False
    """Whether the pass is the forward one of training."""

    @classmethod
    def of(cls, phase: str, tokens: Any, size: Any, kv_size: Any, group: Any = 1, rope: bool = True) -> Pass:
        """Return a pass of some phase; in training, keys and values are activations like others."""
        act = maximum(size, 2.0)
        if phase != "training":
            return cls(tokens, phase, size, kv_size, act, group, rope)
        return cls(tokens, "forward", size, act, act, group, rope, training=True)

    def gemm(self, name: str, runs: Any, n: Any, k: Any, bias: Any = 0, rows: Any = None, **more: Any) -> Operator:
        """A product with weights, of the tokens or of other rows."""
        m = self.tokens if rows is None else rows
        flops, weights = physics.product_flops.plain(m, n, k), memory.weight_bytes.plain(n * k + bias, self.size)
        inputs, outputs = m * k * self.size, m * n * self.act
        return Operator(name, "gemm", runs, m, n, k, flops, weights, inputs, outputs, phase=self.phase, **more)

    def products(self, name: str, runs: Any, n: Any, k: Any, bias: Any = 0, rows: Any = None) -> Iterator[Operator]:
        """A product, with the pass before it that narrows its inputs where weights are narrow."""
        m = self.tokens if rows is None else rows
        if some(self.size < 2):
            yield from self.narrowed(name, runs, m * k)
        yield self.gemm(name, runs, n, k, bias, rows)

    def convolution(self, name: str, m: Any, n: int, weights: int, elements: Any) -> Iterator[Operator]:
        """A convolution with a bias, of `m` output positions, that reads some elements."""
        yield from self.narrowed(name, 1, elements)
        yield self.gemm(name, 1, n, weights // n, n, m)._replace(kind="conv", inputs=elements * self.size)

    def embedding(self, tables: int, hidden: int) -> Operator:
        """The row of each token in some tables, added up."""
        wide = self.tokens * hidden
        read, written = {"weights": tables * wide * self.size}, {"outputs": wide * self.act}
        return Operator("embedding", "lookup", m=self.tokens, **read, **written, phase=self.phase)

    def narrowed(self, name: str, runs: Any, elements: Any) -> Iterator[Operator]:
        """The pass that narrows some activations."""
        if some(narrow := self.size < 2):
            moved = {"inputs": narrow * elements * self.act, "outputs": narrow * elements * self.size}
            yield Operator(f"{name} quantize", "quantize", count=runs, **moved, phase=self.phase)

    def elementwise(
        self, name: str, runs: Any, reads: Any, writes: Any, weights: Any = 0, rows: Any = None
    ) -> Operator:
        """A kernel that does one thing to each element."""
        return Operator(
            name,
            "elementwise",
            count=runs,
            m=self.tokens if rows is None else rows,
            weights=weights * self.size,
            inputs=reads * self.act,
            outputs=writes * self.act,
            phase=self.phase,
        )

    def summed(self, name: str, runs: Any, elements: Any) -> Iterator[Operator]:
        """The all-reduce of an output that each device has a part of."""
        if some(shared := self.group > 1):
            message = shared * elements * self.act
            yield Operator(name, "all_reduce", count=runs, message=message, group=self.group, phase=self.phase)

    def table(self, rows: Sequence[Operator], shared: Mapping[str, Any] = MappingProxyType({})) -> Operators:
        """The kernels of the pass; in training, those of the backward pass after them.

        In a group, the gradients of the inputs of some `shared` products, elements by name, are summed besides those of
        the layers.
        """
        if not self.training:
            return Operators(rows)
        backward = self._replace(phase="backward")
        sums = [
            one for name, elements in shared.items() for one in backward.summed(f"{name} gradient sum", 1, elements)
        ]
        return Operators([*rows, *sums, *backward_of(rows, self.size)])
