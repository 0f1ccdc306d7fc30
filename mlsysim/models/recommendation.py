"""Recommendation models by their tables and layers."""

from __future__ import annotations

from itertools import pairwise
from typing import Annotated, Any

from pydantic import Field, model_validator

from mlsysim.errors import whole_numbers
from mlsysim.models.backward import with_backward
from mlsysim.models.operators import Operator, Operators
from mlsysim.models.types import Demand, Workload
from mlsysim.physics import recommendation as physics
from mlsysim.physics.convolution import activation_bytes, live_bytes
from mlsysim.physics.equation import kept
from mlsysim.physics.memory import weight_bytes
from mlsysim.physics.operators import product_flops
from mlsysim.physics.precision import element_sizes
from mlsysim.records import Count

Widths = Annotated[tuple[Count, ...], Field(min_length=1)]


class RecommendationWorkload(Workload):
    """A deep recommendation model (DLRM) whose features cross in low-rank layers (DCN v2).

    The embedding tables are held; of them a pass reads the rows that it looks up.

    Parameters
    ----------
    table_rows
        Rows of each embedding table.
    lookups
        Rows that one sample looks up in each table, and sums.
    width
        Width of a row, and of what the bottom layers make of the dense features.
    dense_features
        Features that are numbers.
    bottom, top
        Widths of the dense layers before and after the crossing; the last bottom one is `width`.
    cross_layers, cross_rank
        Cross layers, and the rank of their matrices.

    Raises
    ------
    UnknownName, InputError
        For a misspelt field, a missing one, or layers that do not fit together.

    Examples
    --------
    >>> from mlsysim import Models
    >>> model = Models.DLRM_DCNv2
    >>> print(f"{model.parameters.to('Bparam'):.1f~}, {model.flops().to('MFLOP'):.1f}")
    26.2 Bparam, 32.1 MFLOP
    """

    table_rows: Widths
    lookups: Widths
    width: Count
    dense_features: Count
    bottom: Widths
    cross_layers: Count
    cross_rank: Count
    top: Widths

    @model_validator(mode="after")
    def _fits_together(self) -> RecommendationWorkload:
        if len(self.lookups) != len(self.table_rows):
            raise ValueError(f"lookups must have one number a table, {len(self.table_rows)}; got {len(self.lookups)}")
        if self.bottom[-1] != self.width:
            raise ValueError(f"bottom must end in the width of a row, {self.width}; got {self.bottom[-1]}")
        return self

    @property
    def phases(self) -> tuple[str, ...]:
        """The kinds of forward pass: one."""
        return ("forward",)

    @property
    def crossed_width(self) -> int:
        """Width of all features side by side: one row of each table, and the dense ones."""
        return (len(self.table_rows) + 1) * self.width

    @property
    def _dense_layers(self) -> list[tuple[int, int]]:
        return [*pairwise((self.dense_features, *self.bottom)), *pairwise((self.crossed_width, *self.top))]

    @kept
    def dense_weights(self) -> int:
        """Weights of the dense and the cross layers, biases left out."""
        cross = physics.cross_parameters.plain(self.cross_layers, self.crossed_width, self.cross_rank)
        return cross + sum(inputs * outputs for inputs, outputs in self._dense_layers)

    @kept
    def dense_count(self) -> int:
        """Parameters outside the tables."""
        biases = self.cross_layers * self.crossed_width + sum(outputs for _, outputs in self._dense_layers)
        return self.dense_weights + biases

    @kept
    def table_count(self) -> int:
        """Parameters of the embedding tables."""
        return physics.table_parameters.plain(sum(self.table_rows), self.width)

    @kept
    def parameter_count(self) -> int:
        """Parameters, counted from the shape."""
        return self.table_count + self.dense_count

    @kept
    def _traffic(self) -> int:
        """Elements of activations for one sample: a cross layer also reads the features as they were at first."""
        crossed = self.crossed_width
        dense = sum(inputs + outputs for inputs, outputs in self._dense_layers)
        pooled = len(self.table_rows) * self.width
        return dense + pooled + self.cross_layers * (2 * self.cross_rank + 4 * crossed)

    def demand(
        self,
        batch_size: int = 1,
        precision: str = "fp16",
        phase: str | None = None,
        seq_len: int | None = None,
        kv_precision: str | None = None,
    ) -> Demand:
        """Return what one forward pass over `batch_size` samples demands; see `Workload.demand`."""
        self._phase(phase)
        self._reads("no sequence", seq_len=seq_len, kv_precision=kv_precision)
        batch, size = whole_numbers("batch_size", batch_size), element_sizes(precision)
        widest = max(3 * self.crossed_width + self.cross_rank, *(i + o for i, o in self._dense_layers))
        return Demand(
            samples=batch,
            flops=physics.dense_flops.plain(self.dense_weights, batch),
            weights=weight_bytes.plain(self.parameter_count, size),
            activations=activation_bytes.plain(batch, self._traffic, size),
            kv_traffic=0,
            kv_cache=0,
            live=live_bytes.plain(batch, widest, size),
            weights_read=physics.read_bytes.plain(self.dense_count, batch, sum(self.lookups), self.width, size),
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
        """Return the kernels of one pass over `batch_size` samples; see `Workload.lower`.

        Training takes 16 bits or more.

        Examples
        --------
        >>> from mlsysim import Models
        >>> row = Models.DLRM_DCNv2.lower(batch_size=2048, precision="fp32")["lookup"]
        >>> f"{row.weights / 1e6:.1f} MB"
        '224.4 MB'
        """
        phase = self._lowered(phase)
        self._reads("no sequence", seq_len=seq_len, kv_precision=kv_precision)
        self._undivided(tensor_parallel)
        batch, size = whole_numbers("batch_size", batch_size), element_sizes(precision)
        return self._lower(batch, phase, self._trainable(size, precision) if phase == "training" else size)

    def _lower(self, batch: Any, phase: str, size: Any) -> Operators:
        crossed, pooled = self.crossed_width, len(self.table_rows) * self.width
        read = {"weights": batch * sum(self.lookups) * self.width * size, "outputs": batch * pooled * size}
        rows = [Operator("lookup", "lookup", m=batch, **read, phase="forward")]
        bottom = pairwise((self.dense_features, *self.bottom))
        rows += [self._product(f"bottom {at}", batch, n, k, size) for at, (k, n) in enumerate(bottom, 1)]
        down = self._product("cross down", batch, self.cross_rank, crossed, size, bias=False)
        up = self._product("cross up", batch, crossed, self.cross_rank, size)
        up = up._replace(inputs=up.inputs + 2 * batch * crossed * size)
        rows += [down._replace(count=self.cross_layers), up._replace(count=self.cross_layers)]
        top = pairwise((crossed, *self.top))
        rows += [self._product(f"top {at}", batch, n, k, size) for at, (k, n) in enumerate(top, 1)]
        return with_backward(rows, size) if phase == "training" else Operators(rows)

    @staticmethod
    def _product(name: str, batch: Any, n: int, k: int, size: Any, bias: bool = True) -> Operator:
        moved = {
            "flops": product_flops.plain(batch, n, k),
            "weights": weight_bytes.plain(n * k + n * bias, size),
            "inputs": batch * k * size,
            "outputs": batch * n * size,
        }
        return Operator(name, "gemm", m=batch, n=n, k=k, **moved, phase="forward")
