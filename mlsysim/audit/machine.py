"""Measurements of this machine: products, a stream through memory, a file. Each takes the best of several runs."""

from __future__ import annotations

import os
import platform
import shutil
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from tempfile import NamedTemporaryFile
from time import perf_counter
from typing import Any, NamedTuple

from mlsysim.errors import InputError

LEAST_ARRAY = 128 * 2**20
"""Bytes of each array of the stream where no cache asks for more."""
TIMES_THE_CACHE = 4
"""How many times the last cache each array must hold, as the rules of STREAM ask [mccalpin1995stream]."""
CHUNK = 8 * 2**20
"""Bytes of one write or read of the disk."""


class Machine(NamedTuple):
    """What the system says of itself."""

    name: str
    cores: int
    memory: int
    cache: int | None
    """Bytes of the last-level cache; None where the system does not say."""
    blas: str
    threads: int | None
    """Threads of the BLAS; None where its library cannot be asked."""
    load: float | None
    """Programs that ran in the last minute, on average; None where the system does not say."""


def machine() -> Machine:
    """Return what the system says of this machine.

    Raises
    ------
    ImportError
        Without psutil or threadpoolctl.
    """
    try:
        import psutil
        from threadpoolctl import threadpool_info
    except ImportError as error:
        raise ImportError("an audit needs psutil and threadpoolctl: pip install mlsysim[audit]") from error
    import numpy  # noqa: F401  loads the BLAS that is asked for

    found = next((one for one in threadpool_info() if one["user_api"] == "blas"), None)
    blas = "not known" if found is None else f"{found['internal_api']} {found['version']}"
    threads = None if found is None else int(found["num_threads"])
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else None
    return Machine(_name(), _cores(), int(psutil.virtual_memory().total), _cache(), blas, threads, load)


def _name() -> str:
    lines = _text("/proc/cpuinfo").splitlines()
    named = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(named, "") or platform.processor() or platform.machine()


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _cache() -> int | None:
    found = [_text(path) for path in Path("/sys/devices/system/cpu/cpu0/cache").glob("index*/size")]
    sizes = [int(size.strip().removesuffix("K")) * 1024 for size in found if size.strip().endswith("K")]
    return max(sizes, default=None)


def _text(path: str | Path) -> str:
    try:
        return Path(path).read_text("utf-8")
    except OSError:
        return ""


def best_time(work: Callable[[], object], repeats: int) -> float:
    """Return the shortest of several runs [s], after one that is not counted."""
    work()
    times = []
    for _ in range(repeats):
        began = perf_counter()
        work()
        times.append(perf_counter() - began)
    return min(times)


class Team:
    """Threads that share a pass over an array; NumPy lets go of its lock meanwhile.

    Examples
    --------
    >>> with Team(2) as team:
    ...     team.parts(5)
    [slice(0, 2, None), slice(2, 5, None)]
    """

    def __init__(self, threads: int) -> None:
        self.threads, self._pool = threads, ThreadPoolExecutor(threads)

    def __enter__(self) -> Team:
        return self

    def __exit__(self, *about: Any) -> None:
        self._pool.shutdown()

    def parts(self, length: int) -> list[slice]:
        """Return a slice for each thread; fewer where there is less to share."""
        number = min(self.threads, length)
        ends = [length * at // number for at in range(number + 1)]
        return [slice(first, last) for first, last in pairwise(ends)]

    def run(self, work: Callable[[slice], object], parts: list[slice]) -> None:
        """Do the work on each part, all at once."""
        for _ in self._pool.map(work, parts):
            pass


def array_size(cache: int | None, memory: int) -> int:
    """Return the bytes of each array of the stream: well above the cache, and a small part of the memory."""
    return min(max(LEAST_ARRAY, TIMES_THE_CACHE * (cache or 0)), memory // 16)


def stream_bandwidth(size: int, threads: int, repeats: int) -> float:
    """Return the bytes that an addition of two arrays into a third moves in a second, each array of `size` bytes.

    As STREAM counts, two arrays are read and one written [mccalpin1995stream]; what a processor reads of a line before
    it writes to it is not counted.
    """
    import numpy as np

    length = size // 8
    left, right, total = np.ones(length), np.ones(length), np.empty(length)
    with Team(threads) as team:
        parts = team.parts(length)

        def add() -> None:
            team.run(lambda part: np.add(left[part], right[part], out=total[part]), parts)

        return 3 * total.nbytes / best_time(add, repeats)


def product_rate(precision: str, repeats: int, patience: float = 0.4) -> tuple[float, int]:
    """Return the operations a second of a product of square matrices, and the side of the largest.

    Sides double up to 4096 while a product is expected to take at most `patience` seconds; the best of all counts.
    """
    import numpy as np

    kind, rng, side, rate = {"fp32": np.float32, "fp64": np.float64}[precision], np.random.default_rng(0), 1024, 0.0
    while True:
        left, right = rng.standard_normal((side, side), kind), rng.standard_normal((side, side), kind)
        out = np.empty_like(left)
        time = best_time(lambda a=left, b=right, c=out: np.matmul(a, b, out=c), repeats)
        rate = max(rate, 2 * side**3 / time)
        if side == 4096 or 8 * time > patience:
            return rate, side
        side *= 2


class Disk(NamedTuple):
    """What a file was written and read with [byte/s], the size of its disk, and what must be known of it."""

    write: float
    read: float
    capacity: int
    notes: tuple[str, ...]


@contextmanager
def _file(folder: Path) -> Iterator[Any]:
    try:
        with NamedTemporaryFile(dir=folder, prefix="mlsysim-audit-", buffering=0) as file:
            yield file
    except OSError as error:
        raise InputError(f"folder {folder} cannot be written to: {error}") from error


def disk(folder: Path, size: int) -> Disk:
    """Write a file, flush it to the disk, let go of its pages and read it again.

    Raises
    ------
    InputError
        If the folder cannot be written to, or has not twice the space.
    """
    import numpy as np

    if not folder.is_dir():
        raise InputError(f"folder must be a folder; got {str(folder)!r}")
    space = shutil.disk_usage(folder)
    if space.free < 2 * size:
        raise InputError(f"folder {folder} must have {2 * size / 1e6:.0f} MB free; it has {space.free / 1e6:.0f} MB")
    chunk, room = np.random.default_rng(0).bytes(CHUNK), bytearray(CHUNK)
    with _file(folder) as file:
        began = perf_counter()
        for _ in range(size // CHUNK):
            file.write(chunk)
        os.fsync(file.fileno())
        written = perf_counter() - began
        dropped = hasattr(os, "posix_fadvise")
        if dropped:
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
        file.seek(0)
        began = perf_counter()
        while file.readinto(room):
            pass
        read = perf_counter() - began
    return Disk(size / written, size / read, space.total, tuple(_disk_notes(folder, dropped)))


def _disk_notes(folder: Path, dropped: bool) -> Iterator[str]:
    import psutil

    mounted = [one for one in psutil.disk_partitions(all=True) if folder.resolve().is_relative_to(one.mountpoint)]
    kind = max(mounted, key=lambda one: len(one.mountpoint)).fstype if mounted else ""
    if kind in ("tmpfs", "ramfs"):
        yield f"{folder} lies in memory ({kind}): its speed is none of a disk"
    if dropped:
        yield (
            "the system was told to let go of the file before it was read; caches below it, of a disk or a host, may"
            " still have held it"
        )
    else:
        yield "this system cannot be told to let go of a file: it may have been read from memory"
