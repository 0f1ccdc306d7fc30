"""Sweeps larger than memory: cut into blocks, evaluated side by side, written as Parquet; a stopped one goes on."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Executor
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple
from uuid import uuid4

import mlsysim
from mlsysim.core.columns import check_inputs, columns_of, text_of
from mlsysim.core.progress import ahead, progress
from mlsysim.core.solver.base import Solver
from mlsysim.core.space import Space
from mlsysim.core.sweep import Sweep, axes_of, claims_of
from mlsysim.errors import InputError, InputTypeError, positive_integer, shown
from mlsysim.physics.elementwise import Labels
from mlsysim.records import Record

BLOCK = 1_000_000
"""Configurations of a block, which is one file."""
IN_FLIGHT = 32
"""Blocks that an executor holds at once."""
MANIFEST = "_sweep.json"
"""What the folder is for; readers of Parquet pass over names that begin with an underscore or a dot."""


class Block(NamedTuple):
    """A part of a sweep, as it is sent to whoever evaluates it."""

    solver: Solver
    space: Space
    fixed: Mapping[str, Any]
    figures: tuple[str, ...] | None
    where: str | None
    path: str

    def write(self) -> int:
        """Evaluate the block and write its file, whole or not at all; return how many rows it has."""
        import pyarrow.parquet as parquet

        needed = self.figures and (*self.figures, *(claim.metric for claim in claims_of(self.where or "")))
        sweep = Sweep(self.solver, self.space, self.fixed, columns_of(self.solver, self.space, self.fixed, needed))
        table = _table(sweep if self.where is None else sweep.where(self.where), self.figures)
        unfinished = Path(self.path).with_name(f".{Path(self.path).name}.{uuid4().hex}")
        kinds = {field.name: str(field.type) for field in table.schema}
        parquet.write_table(
            table,
            unfinished,
            compression="lz4",
            use_dictionary=[name for name, kind in kinds.items() if kind.startswith("dictionary")],
            use_byte_stream_split=[name for name, kind in kinds.items() if kind == "double"],
        )
        os.replace(unfinished, self.path)
        return table.num_rows


def _table(sweep: Sweep, figures: tuple[str, ...] | None) -> Any:
    import numpy as np
    import pyarrow as pa

    columns: dict[str, Any] = {}
    for name, values in sweep.space.items():
        if all(isinstance(value, int | float) for value in values[:1]) or hasattr(values, "dtype"):
            columns[name] = pa.array(sweep.column(name))
        else:
            texts = pa.array([text_of(value) for value in values])
            columns[name] = pa.DictionaryArray.from_arrays(sweep.codes(name), texts)
    for name in figures or sweep.columns:
        values = sweep.columns.get(name)
        if isinstance(values, Labels):
            columns[name] = pa.DictionaryArray.from_arrays(values.codes.astype(np.int32), pa.array(values.names))
        elif values is not None:
            columns[name] = pa.array(values)
    return pa.table(columns)


class Stream:
    """A sweep on disk: a folder of Parquet files, one for each block, that any reader of Parquet takes as one table.

    Parameters
    ----------
    folder
        Where `stream` wrote it.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @property
    def files(self) -> list[Path]:
        """The files, in the order of the sweep."""
        return sorted(self.folder.glob("part-*.parquet"))

    @cached_property
    def manifest(self) -> dict[str, Any]:
        """What was asked: solver, inputs, figures, condition, blocks."""
        return json.loads((self.folder / MANIFEST).read_text(encoding="utf-8"))

    def dataset(self) -> Any:
        """Return the files as a `pyarrow.dataset.Dataset`, which reads the columns and rows that are asked for."""
        import pyarrow as pa
        import pyarrow.dataset as dataset
        import pyarrow.parquet as parquet

        files = self.files
        schema = pa.unify_schemas([parquet.read_schema(file) for file in files], promote_options="permissive")
        return dataset.dataset([str(file) for file in files], schema=schema)

    @cached_property
    def rows(self) -> int:
        """How many rows were kept."""
        return self.dataset().count_rows()

    def to_frame(self, columns: Sequence[str] | None = None) -> Any:
        """Return all rows, or some columns of them, as a pandas DataFrame."""
        return self.dataset().to_table(columns=None if columns is None else [*columns]).to_pandas()

    def __len__(self) -> int:
        return self.rows

    def __repr__(self) -> str:
        asked = self.manifest["configurations"]
        return f"Stream({self.rows:,} rows of {asked:,} configurations in {len(self.files)} files of {self.folder})"


def stream(
    solver: Solver,
    folder: str | Path,
    inputs: Mapping[str, Any],
    *,
    figures: Sequence[str] | None = None,
    where: str | None = None,
    block_size: int = BLOCK,
    executor: Executor | None = None,
    scheduler: str | None = None,
) -> Stream:
    """Sweep a space that need not fit in memory, and write it to a folder as Parquet.

    Each block is a file that is there whole or not at all. The same call goes on where a stopped one left off; one that
    asks anything else of the same folder is refused.

    Parameters
    ----------
    solver
        As of `sweep`.
    folder
        Where the files go; it is made. On a cluster, a folder that all machines see.
    inputs
        The inputs of the solver by name; a list, a range or an array is an axis.
    figures
        The figures that are written beside the axes; by default all.
    where
        Claims that a row must meet to be written, as of `Sweep.where`.
    block_size
        Configurations of a block.
    executor
        Evaluates blocks side by side: any `concurrent.futures.Executor`.
    scheduler
        The address of a Dask cluster, such as ``"tcp://10.0.0.1:8786"``, that evaluates blocks instead.

    Returns
    -------
    Stream

    Raises
    ------
    InputError, InputTypeError, UnknownName
        For whatever `sweep` refuses; for a folder with another sweep; for both an executor and a scheduler.
    ImportError
        Without pyarrow, or for a scheduler without Dask.

    Examples
    --------
    >>> import tempfile
    >>> from mlsysim import Hardware, Models, SingleNodeModel, stream
    >>> inputs = {"model": Models.Llama3_8B, "hardware": [Hardware.A100, Hardware.H100], "batch_size": range(1, 1001)}
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     kept = stream(SingleNodeModel(), folder, inputs, figures=["latency"], where="feasible", block_size=500)
    ...     len(kept.files), kept.rows, [*kept.to_frame()]
    (4, 517, ['hardware', 'batch_size', 'latency'])
    """
    _need("pyarrow", "frames")
    check_inputs(solver, [*inputs])
    axes, fixed = axes_of(solver, inputs)
    space, folder = Space(axes, "inputs"), Path(folder)
    if executor is not None and not isinstance(executor, Executor):
        raise InputTypeError(f"executor must be a concurrent.futures.Executor; got {shown(executor)}")
    if executor is not None and scheduler is not None:
        raise InputError("give an executor or a scheduler, not both")
    chosen = None if figures is None else _names(figures)
    if where is not None:
        claims_of(where)
    size = positive_integer("block_size", block_size)
    folder.mkdir(parents=True, exist_ok=True)
    _claim(folder, _manifest(solver, space, fixed, chosen, where, size))
    blocks = (
        (Block(solver, block, fixed, chosen, where, str(folder / f"part-{number:06d}.parquet")), block.size)
        for number, (_, block) in enumerate(space.blocks(size))
    )
    with progress("Sweeping to disk", space.size) as advance, _executor(executor, scheduler) as workers:
        _run(blocks, workers, advance)
    for left in folder.glob(".part-*"):  # by a run that was cut short
        left.unlink()
    return Stream(folder)


def _names(figures: Any) -> tuple[str, ...]:
    if isinstance(figures, str) or not isinstance(figures, Sequence) or not figures:
        raise InputTypeError(f"figures must be a list of names such as ['latency']; got {shown(figures)}")
    return tuple(dict.fromkeys(figures))


def _run(blocks: Iterator[tuple[Block, int]], workers: Executor | None, advance: Callable[[int], None]) -> None:
    """Write the blocks that are not there yet."""

    def lacking() -> Iterator[tuple[Block, int]]:
        for block, size in blocks:
            if Path(block.path).exists():
                advance(size)
            else:
                yield block, size

    if workers is None:
        for block, size in lacking():
            block.write()
            advance(size)
        return
    for size, future in ahead(((size, workers.submit(Block.write, block)) for block, size in lacking()), IN_FLIGHT):
        future.result()
        advance(size)


@contextmanager
def _executor(executor: Executor | None, scheduler: str | None) -> Iterator[Executor | None]:
    if scheduler is None:
        yield executor
        return
    _need("distributed", "cluster")
    from distributed import Client

    with Client(scheduler) as client, client.get_executor() as workers:
        yield workers


def _manifest(
    solver: Solver, space: Space, fixed: Mapping[str, Any], figures: Any, where: str | None, size: int
) -> dict[str, Any]:
    """What is asked, in words, and a digest of all of it."""

    def told(values: Any) -> Any:
        if isinstance(values, Record):
            return text_of(values)
        return f"{len(values)} values" if isinstance(values, Sequence) and not isinstance(values, str) else str(values)

    digest = hashlib.sha256()
    for name, values in (*space.items(), *fixed.items()):
        digest.update(f"{name}={_exact(values)};".encode())
    return {
        "solver": type(solver).__name__,
        "version": mlsysim.__version__,
        "axes": {name: told(values) for name, values in space.items()},
        "fixed": {name: told(value) for name, value in fixed.items()},
        "figures": None if figures is None else [*figures],
        "where": where,
        "block_size": size,
        "configurations": space.size,
        "inputs": digest.hexdigest(),
    }


def _exact(value: Any) -> str:
    """A text that differs where a value does."""
    if isinstance(value, Record):
        return value.model_dump_json()
    if hasattr(value, "dtype"):
        return f"{value.dtype}{hashlib.sha256(value.tobytes()).hexdigest()}"
    if isinstance(value, tuple):
        return f"({','.join(map(_exact, value))})"
    return repr(value)


def _claim(folder: Path, asked: Mapping[str, Any]) -> None:
    """Note what a folder is for, or check that it is for that."""
    manifest = folder / MANIFEST
    if not manifest.exists():
        if any(folder.iterdir()):
            raise InputError(f"folder must be empty, or have a stopped sweep; {folder} has other files")
        manifest.write_text(json.dumps(asked, indent=2), encoding="utf-8")
        return
    there = json.loads(manifest.read_text(encoding="utf-8"))
    if differing := [name for name, value in asked.items() if there.get(name) != value]:
        name = differing[0]
        raise InputError(
            f"{folder} has another sweep: its {name} is {shown(there.get(name))}, and {shown(asked[name])} is asked;"
            " give another folder"
        )


def _need(module: str, extra: str) -> None:
    from importlib.util import find_spec

    if find_spec(module) is None:
        raise ImportError(f"this needs {module}: pip install 'mlsysim[{extra}]'")
