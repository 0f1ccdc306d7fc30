"""Long work: how far it is, shown in a terminal and nowhere else, and what of it is submitted ahead."""

from __future__ import annotations

import sys
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from time import monotonic
from typing import Any, TypeVar

T = TypeVar("T")

PATIENCE = 1.0
"""Seconds after which work in a terminal shows how far it is."""


def ahead(tasks: Iterable[tuple[T, Future[Any]]], most: int) -> Iterator[tuple[T, Future[Any]]]:
    """Yield submitted tasks in their order, of which at most so many wait; those that are not asked for are cancelled.

    Parameters
    ----------
    tasks
        Each with what tells it from others; a task is submitted when it is drawn.
    most
        How many are submitted before the first of them is waited for.

    Examples
    --------
    >>> from concurrent.futures import ThreadPoolExecutor
    >>> with ThreadPoolExecutor(2) as workers:
    ...     submitted = ((base, workers.submit(pow, base, 2)) for base in (3, 1, 2))
    ...     [(base, future.result()) for base, future in ahead(submitted, most=2)]
    [(3, 9), (1, 1), (2, 4)]
    """
    waiting: deque[tuple[T, Future[Any]]] = deque()
    try:
        for task in tasks:
            waiting.append(task)
            if len(waiting) == most:
                yield waiting.popleft()
        while waiting:
            yield waiting.popleft()
    finally:
        for _, future in waiting:
            future.cancel()


@contextmanager
def progress(title: str, total: int) -> Iterator[Callable[[int], None]]:
    """Hand out a function that is told how much more was done; a bar appears where that takes long.

    Examples
    --------
    >>> with progress("Counting", total=3) as advance:
    ...     for _ in range(3):
    ...         advance(1)
    """
    if not sys.stderr.isatty():
        yield lambda more: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    began, done = monotonic(), 0
    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()
    bar = Progress(*columns, console=Console(file=sys.stderr), transient=True)
    task = bar.add_task(title, total=total)

    def advance(more: int) -> None:
        nonlocal done
        done += more
        if not bar.live.is_started and monotonic() - began >= PATIENCE:
            bar.start()
        bar.update(task, completed=done)

    try:
        yield advance
    finally:
        bar.stop()
