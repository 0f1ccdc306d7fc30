"""The same question over many configurations: one array call, and an object for a row only when it is touched."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from importlib import import_module
from typing import Any, get_origin, overload

from mlsysim.core.assertions import SIGNS, Assertion, Metric
from mlsysim.core.columns import check_inputs, columns_of, fields_of, item, named
from mlsysim.core.objective import Objective, direction
from mlsysim.core.progress import progress
from mlsysim.core.result import Field
from mlsysim.core.signatures import alternatives, inputs_of
from mlsysim.core.solver.base import Solver
from mlsysim.core.solver.node.single import SingleNodeModel
from mlsysim.core.space import Space, array_of
from mlsysim.errors import InputError, InputTypeError, shown, unknown
from mlsysim.hardware.types import HardwareNode
from mlsysim.models.types import Workload
from mlsysim.physics.elementwise import Labels
from mlsysim.tables import html_table, text_table

SHOWN = 20
"""Rows of a sweep that are shown; all are there."""


class Row(Mapping[str, Any]):
    """One configuration: the value of each input, records by their name, and under `sweep.key` the whole answer."""

    def __init__(self, sweep: Sweep, at: int, number: int) -> None:
        self._sweep, self._at, self._number = sweep, at, number

    @cached_property
    def result(self) -> Any:
        """The answer, made when it is first asked for."""
        return self._sweep.solver.solve(**self.inputs)

    @property
    def inputs(self) -> dict[str, Any]:
        """What the solver is asked, by the names of its inputs."""
        return self._sweep.fixed | self._sweep.space.at(self._number)

    def __getitem__(self, name: str) -> Any:
        if name == self._sweep.key:
            return self.result
        if name not in self._sweep.space:
            raise unknown("column of a row", name, [*self])
        return named(self._sweep.space.at(self._number)[name])

    def __iter__(self) -> Iterator[str]:
        return iter((*self._sweep.space, self._sweep.key))

    def __len__(self) -> int:
        return len(self._sweep.space) + 1

    def __repr__(self) -> str:
        inputs = [f"{name}={self[name]}" for name in self._sweep.space]
        figures = [f"{name}={self._sweep.text(name, self._at)}" for name in self._sweep.headlines[:4]]
        return f"Row({', '.join([*inputs, *figures])})"


class Sweep(Sequence[Row]):
    """Rows of a sweep, and the figures of all of them as columns.

    Examples
    --------
    >>> from mlsysim import Engine, Hardware, Models
    >>> devices = [Hardware.A100, Hardware.H100]
    >>> sweep = Engine.sweep(Models.Llama3_8B, devices, batch_sizes=[1, 8, 64], precisions=["fp16", "int8"])
    >>> len(sweep), sweep.best("latency")["hardware"]
    (12, 'NVIDIA H100 SXM5 80GB')
    >>> len(sweep.where("latency < 6 ms and feasible"))
    7
    """

    def __init__(
        self,
        solver: Solver,
        space: Space,
        fixed: Mapping[str, Any],
        columns: Mapping[str, Any],
        key: str = "result",
        numbers: Any = None,
    ) -> None:
        self.solver, self.space, self.fixed, self.columns, self.key = solver, space, dict(fixed), columns, key
        self._numbers = numbers

    @cached_property
    def _fields(self) -> Mapping[str, Field]:
        return fields_of(self.solver)

    def __len__(self) -> int:
        return self.space.size if self._numbers is None else len(self._numbers)

    @overload
    def __getitem__(self, at: int) -> Row: ...
    @overload
    def __getitem__(self, at: slice) -> Sweep: ...
    def __getitem__(self, at: Any) -> Any:
        if isinstance(at, slice):
            return self._taken(range(len(self))[at])
        at = range(len(self))[at]
        return Row(self, at, at if self._numbers is None else int(self._numbers[at]))

    def _taken(self, rows: Any) -> Sweep:
        import numpy as np

        rows = np.asarray(rows, dtype=int)
        numbers = rows if self._numbers is None else self._numbers[rows]
        columns = {
            name: values._replace(codes=values.codes[rows]) if isinstance(values, Labels) else values[rows]
            for name, values in self.columns.items()
        }
        return Sweep(self.solver, self.space, self.fixed, columns, self.key, numbers)

    def codes(self, axis: str) -> Any:
        """Return the place of each row on an axis."""
        import numpy as np

        if self._numbers is not None:
            return (self._numbers // self.space.strides[axis] % len(self.space[axis])).astype(np.int32)
        sides = [len(values) if name == axis else 1 for name, values in self.space.items()]
        places = np.arange(len(self.space[axis]), dtype=np.int32).reshape(sides)
        return np.broadcast_to(places, self.space.shape).reshape(-1)

    def column(self, name: str) -> Any:
        """Return one figure of all rows as an array of plain numbers in SI units, or of names or flags.

        Raises
        ------
        UnknownName
            For a name that is no figure, with the nearest.
        """
        import numpy as np

        if name in self.space:
            values = self.space[name]
            if not isinstance(values, range) and not hasattr(values, "dtype"):
                kept = [named(value) for value in values]
                simple = all(isinstance(value, int | float | str) for value in kept)
                values = np.array(kept, None if simple else object)
            return array_of(values)[self.codes(name)]
        if name not in self.columns:
            raise unknown("figure of a sweep", name, (*self.columns, *self.space))
        values = self.columns[name]
        return values.text() if isinstance(values, Labels) else values

    def where(self, claim: str) -> Sweep:
        """Return the rows for which claims hold, such as ``"latency < 50 ms and feasible"``; read, never run as code.

        Raises
        ------
        InputError, InputTypeError, UnknownName
            For a claim that cannot be read, an unknown figure, or a limit of another dimension.
        """
        import numpy as np

        kept = np.ones(len(self), dtype=bool)
        for one in claims_of(claim):
            kept &= self.holds(one)
        return self._taken(np.flatnonzero(kept))

    def holds(self, claim: Assertion) -> Any:
        """Return whether each row meets a claim; a figure that it does not have meets none."""
        values = self.column(claim.metric)
        first = next(iter(values[:1].tolist()), 0.0)
        limit = claim.in_unit_of(Metric(claim.metric, self.field(claim.metric), first))
        there = values != "" if values.dtype.kind == "U" else values == values  # NaN: there is no value
        return SIGNS[claim.sign](values, limit) & there

    def best(self, figure: str) -> Row:
        """Return the row with the best value of a figure, the first of equal ones.

        Parameters
        ----------
        figure
            Its name; whether less or more is better follows from what it measures, or is said:
            ``"maximize: batch_size"``.

        Raises
        ------
        InputError, UnknownName
            If there is no row, or for a figure that has no order.
        """
        import numpy as np

        values = self.scores(figure)
        if not len(self):
            raise InputError("no row is left to choose from")
        if np.isnan(values).all():
            raise InputError(f"no row has a value of {figure}")
        return self[int(np.nanargmin(values))]

    def scores(self, figure: str) -> Any:
        """Return the values of a figure as an array in which less is better."""
        objective = Objective.parse(figure) if ":" in figure else None
        name = objective.metric if objective else figure
        values = self.column(name)
        if values.dtype.kind not in "fiu":
            numeric = [other for other in self.columns if self.column(other).dtype.kind in "fiu"]
            raise InputError(f"{name} has no order: choose one of {', '.join(numeric)}")
        return values * (objective.sign if objective else direction(self.field(name)))

    def pareto(self, *figures: str) -> Sweep:
        """Return the rows that no other beats in one of some figures without being beaten in another.

        Parameters
        ----------
        *figures
            Two or more, as `best` takes them.

        Raises
        ------
        InputError, UnknownName
            For fewer than two figures, or one that has no order.
        """
        import numpy as np

        if len(figures) < 2:
            raise InputError(f"pareto needs two figures or more; got {shown(figures)}")
        return self._taken(front(np.column_stack([self.scores(figure) for figure in figures]).astype(float)))

    def to_frame(self) -> Any:
        """Return all rows as a pandas DataFrame; figures are plain numbers in SI units, names are categories."""
        import pandas as pd

        frame: dict[str, Any] = {}
        for name, values in self.space.items():
            if hasattr(values, "dtype") or isinstance(values, range):
                frame[name] = self.column(name)
            else:
                names = [named(value) for value in values]
                distinct = len(set(map(str, names))) == len(names) and all(isinstance(one, str) for one in names)
                frame[name] = pd.Categorical.from_codes(self.codes(name), names) if distinct else self.column(name)
        for name, column in self.columns.items():
            label = isinstance(column, Labels)
            frame[name] = pd.Categorical.from_codes(column.codes, list(column.names)) if label else column
        return pd.DataFrame(frame)

    def plot(self, figure: str, over: str | None = None, **options: Any) -> Any:
        """Draw a figure over an axis, a line for each combination of the other axes; see `mlsysim.viz.plot_sweep`."""
        return import_module("mlsysim.viz").plot_sweep(self, figure, over, **options)  # faces stand above this floor

    def field(self, name: str) -> Field:
        """Return what a figure measures; an axis has no unit."""
        return self._fields.get(name) or _axis(name)

    @property
    def varied(self) -> list[str]:
        """The axes on which rows differ."""
        axes = [name for name, values in self.space.items() if len(values) > 1]
        return axes if self._numbers is None else [name for name in axes if len(set(self.codes(name).tolist())) > 1]

    @property
    def headlines(self) -> list[str]:
        """The figures that a listing shows."""
        return [name for name in HEADLINES if name in self.columns] or [*self.columns][:6]

    def text(self, name: str, at: int) -> str:
        """Return a figure of one row as a reader wants it."""
        values = self.columns[name]
        value = item(values.names[values.codes[at]] if isinstance(values, Labels) else values[at])
        return "no value" if value is None else self.field(name).text(value)

    def _text(self) -> tuple[list[str], list[list[str]]]:
        figures, axes = self.headlines, self.varied or [*self.space][-1:]
        rows = [
            [str(self[at][name]) for name in axes] + [self.text(name, at) for name in figures]
            for at in range(min(len(self), SHOWN))
        ]
        return [*axes, *(self.field(name).label.strip() for name in figures)], rows

    def __str__(self) -> str:
        rest = len(self) - SHOWN
        return text_table(*self._text()) + (f"\n… and {rest:,} more rows" if rest > 0 else "")

    def __repr__(self) -> str:
        return f"Sweep({len(self)} rows)"

    def _repr_html_(self) -> str:
        rest = len(self) - SHOWN
        return html_table(*self._text()) + (f"<p>… and {rest:,} more rows</p>" if rest > 0 else "")


HEADLINES = (
    "latency",
    "ttft",
    "itl",
    "tpot",
    "step_time",
    "step_latency_total",
    "throughput",
    "token_rate",
    "effective_throughput",
    "bottleneck",
    "feasible",
    "mfu",
    "tco_usd",
    "cost_per_million_tokens_usd",
    "total_energy_kwh",
    "carbon_footprint_kg",
)
"""The figures that a listing shows, where a sweep has them."""


def front(values: Any) -> list[int]:
    """Return the rows of an array that no other beats in one column without being beaten in another; less is better.

    Examples
    --------
    >>> import numpy as np
    >>> front(np.array([[1.0, 5.0], [2.0, 3.0], [2.0, 4.0], [3.0, 3.0]]))
    [0, 1]
    """
    import numpy as np

    order = np.lexsort(values.T[::-1])
    order = order[~np.isnan(values[order]).any(axis=1)]
    if values.shape[1] == 2:  # sorted by the first, only the best so far of the second stays
        ordered = values[order]
        best = np.minimum.accumulate(ordered[:, 1])
        before = np.concatenate(([np.inf], best[:-1]))
        twin = np.concatenate(([False], (ordered[1:] == ordered[:-1]).all(axis=1)))
        kept = ordered[:, 1] < before
        for at in np.flatnonzero(twin):
            kept[at] = kept[at - 1]
        return sorted(order[kept].tolist())
    kept_rows: list[int] = []
    least = np.empty((0, values.shape[1]))
    for at in order:
        beaten = (least <= values[at]).all(axis=1)
        if not beaten.any() or (least[beaten] == values[at]).all(axis=1).any():
            kept_rows.append(int(at))
            least = np.vstack([least, values[at]])
    return sorted(kept_rows)


def _axis(name: str) -> Field:
    """A field for an axis, which no result has."""
    field = Field(name)
    field.name = name
    return field


def sweep(solver: Solver, /, **inputs: Any) -> Sweep:
    """Return the answers of a solver for every combination of the values given.

    Parameters
    ----------
    solver
        A solver such as ``ServingModel()``. Where its formulas take arrays, a sweep is a few array calls; any other
        solver is asked row by row, with a bar that shows how far it is.
    **inputs
        The inputs of its `solve`. A list, a range or an array is an axis, of which every value is tried; anything else
        is the same for all rows.

    Returns
    -------
    Sweep
        Rows in the order of the axes as they are given; the last varies fastest.

    Raises
    ------
    InputError, InputTypeError, UnknownName
        For an input that the solver does not take or lacks, an empty axis, and for a value that it refuses.

    Examples
    --------
    >>> from mlsysim import Hardware, Models, ServingModel, sweep
    >>> served = sweep(
    ...     ServingModel(), model=Models.Llama3_70B, hardware=[Hardware.H100, Hardware.H200], tensor_parallel=[4, 8],
    ...     batch_size=range(1, 257), precision="fp8", fidelity="operator", output_tokens=512,
    ... )
    >>> len(served), served.where("tpot < 25 ms and feasible").best("throughput")["tensor_parallel"]
    (1024, 8)
    """
    check_inputs(solver, [*inputs])
    axes, fixed = axes_of(solver, inputs)
    return _swept(solver, Space(axes, "sweep"), fixed)


def _swept(solver: Solver, space: Space, fixed: Mapping[str, Any], key: str = "result") -> Sweep:
    with progress("Sweeping", space.size) as advance:
        return Sweep(solver, space, fixed, columns_of(solver, space, fixed, advance=advance), key)


def axes_of(solver: Solver, inputs: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the inputs that are axes, and those that are the same for all; one of them is an axis in any case."""
    axes = {name: values for name, values in inputs.items() if _is_axis(solver, name, values)}
    fixed = {name: value for name, value in inputs.items() if name not in axes}
    if not axes and fixed:
        first = next(iter(fixed))
        axes[first] = [fixed.pop(first)]
    return axes, fixed


def claims_of(text: Any) -> list[Assertion]:
    """Return the claims of a text such as ``"latency < 50 ms and feasible"``; an empty one makes none.

    Raises
    ------
    InputTypeError, InputError
        If it is no text, or a part of it is no claim.

    Examples
    --------
    >>> [claim.metric for claim in claims_of("latency < 50 ms and feasible")]
    ['latency', 'feasible']
    """
    if not isinstance(text, str):
        raise InputTypeError(f"a claim must be text such as 'latency < 50 ms and feasible'; got {shown(text)}")
    parts = text.split(" and ") if text.strip() else []
    return [Assertion.parse(f"{part} == true" if part.strip().isidentifier() else part) for part in parts]


def _is_axis(solver: Solver, name: str, values: Any) -> bool:
    several = any(
        get_origin(kind) in (list, tuple, Sequence) for kind in alternatives(inputs_of(type(solver))[name].kind)
    )
    if several:
        return isinstance(values, list) and all(isinstance(one, list | tuple) for one in values)
    listed = getattr(getattr(values, "magnitude", values), "ndim", 0) == 1
    return listed or isinstance(values, list | range)


def sweep_node(
    model: Workload | Sequence[Workload],
    hardware: HardwareNode | Sequence[HardwareNode],
    batch_sizes: Sequence[int] = (1,),
    precisions: Sequence[str] = ("fp16",),
    efficiency: float | Sequence[float] | None = None,
    *,
    seq_lens: Sequence[int] | None = None,
    phase: str | None = None,
    kv_precision: str | None = None,
    fidelity: str = "roofline",
    calibration: str | None = None,
    tensor_parallel: int | Sequence[int] = 1,
) -> Sweep:
    """Return the answers of `SingleNodeModel.solve` for every combination of the values given.

    Parameters
    ----------
    model, hardware
        One of each, or sequences of them.
    batch_sizes, precisions, seq_lens
        The values of the other axes; without `seq_lens` a sequence has the default length of its model.
    efficiency, tensor_parallel, phase, kv_precision, fidelity, calibration
        As in `SingleNodeModel.solve`, the same for all; a list of values is an axis too.

    Returns
    -------
    Sweep
        Rows in the order of the axes model, hardware, further lists, precision, length, batch; the answer of each under
        ``"profile"``.

    Raises
    ------
    InputError, InputTypeError, UnknownName
        For an empty axis, and for a value that `SingleNodeModel.solve` refuses.
    """
    others = {
        "efficiency": efficiency,
        "tensor_parallel": tensor_parallel,
        "phase": phase,
        "kv_precision": kv_precision,
        "fidelity": fidelity,
        "calibration": calibration,
    }
    listed = {name: values for name, values in others.items() if isinstance(values, list)}
    axes = {
        "model": [model] if isinstance(model, Workload) else _several("model", model),
        "hardware": [hardware] if isinstance(hardware, HardwareNode) else _several("hardware", hardware),
        **listed,
        "precision": _several("precisions", precisions),
        "seq_len": [None] if seq_lens is None else _several("seq_lens", seq_lens),
        "batch_size": _several("batch_sizes", batch_sizes),
    }
    fixed = {name: value for name, value in others.items() if name not in listed}
    return _swept(SingleNodeModel(), Space(axes, "sweep"), fixed, "profile")


def _several(name: str, values: Any) -> Any:
    if isinstance(values, str) or not (isinstance(values, Sequence) or hasattr(values, "__array__")):
        raise InputTypeError(f"{name} must be a sequence such as a list; got {shown(values)}")
    if not len(values):
        raise InputError(f"{name} must have at least one value; got {shown(values)}")
    return values
