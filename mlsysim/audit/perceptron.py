"""The work that is predicted and timed: a perceptron of several layers in NumPy."""

from __future__ import annotations

from typing import Any, NamedTuple

from mlsysim.audit.machine import Team, best_time
from mlsysim.errors import positive_integer
from mlsysim.models.operators import Operator, Operators
from mlsysim.models.types import Demand, Workload
from mlsysim.physics.precision import element_size
from mlsysim.records import Count


class Case(NamedTuple):
    """One size of the work, and what it shows."""

    batch: int
    width: int
    layers: int
    shows: str


CASES = (
    Case(1, 4096, 4, "weights used once"),
    Case(65536, 256, 2, "small products"),
    Case(2048, 2048, 3, "large products"),
)


class Perceptron(Workload):
    """Layers of one width: a product, a bias that is added, a rectifier, each a pass of its own as NumPy runs them.

    Parameters
    ----------
    name
        What it is called.
    width, layers
        Elements of each layer, and how many there are.

    Examples
    --------
    >>> Perceptron(name="small", width=256, layers=2).parameter_count
    131584
    """

    width: Count
    layers: Count

    @property
    def phases(self) -> tuple[str, ...]:
        """The kinds of forward pass: one."""
        return ("forward",)

    @property
    def parameter_count(self) -> int:
        """Weights and biases."""
        return self.layers * (self.width**2 + self.width)

    def demand(
        self,
        batch_size: int = 1,
        precision: str = "fp16",
        phase: str | None = None,
        seq_len: int | None = None,
        kv_precision: str | None = None,
    ) -> Demand:
        """Return what one pass demands; see `Workload.demand`."""
        rows = self.lower(batch_size, precision, phase, seq_len, kv_precision)
        held = self.parameter_count * element_size(precision)
        moved = rows.total("inputs") + rows.total("outputs")
        return Demand(batch_size, rows.total("flops"), held, moved, 0, 0, rows[0].inputs + rows[0].outputs)

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
        """Return the passes over memory that it makes; see `Workload.lower`."""
        phase = self._phase(phase)
        self._reads("no sequence", seq_len=seq_len, kv_precision=kv_precision)
        self._undivided(tensor_parallel)
        batch, width, size = positive_integer("batch_size", batch_size), self.width, element_size(precision)
        flops, weights = 2 * batch * width**2, width**2 * size
        moved = {"inputs": batch * width * size, "outputs": batch * width * size, "count": self.layers, "phase": phase}
        return Operators(
            [
                Operator("product", "gemm", m=batch, n=width, k=width, flops=flops, weights=weights, **moved),
                Operator("bias", "elementwise", weights=width * size, **moved),
                Operator("rectifier", "elementwise", **moved),
            ]
        )


def measured(case: Case, threads: int, repeats: int) -> float:
    """Return the time of one pass in NumPy [s], the best of several; each pass over memory is shared by all threads."""
    import numpy as np

    rng = np.random.default_rng(0)
    weights = [rng.standard_normal((case.width, case.width), np.float32) / case.width**0.5 for _ in range(case.layers)]
    biases = [rng.standard_normal(case.width, np.float32) for _ in range(case.layers)]
    inputs = rng.standard_normal((case.batch, case.width), np.float32)
    other = np.empty_like(inputs)
    with Team(threads) as team:
        parts = team.parts(case.batch)

        def forward() -> Any:
            read, write = inputs, other
            for weight, bias in zip(weights, biases, strict=True):
                np.matmul(read, weight, out=write)
                team.run(lambda part, x=write, b=bias: np.add(x[part], b, out=x[part]), parts)
                team.run(lambda part, x=write: np.maximum(x[part], 0, out=x[part]), parts)
                read, write = write, read
            return read

        return best_time(forward, repeats)
