"""Whether a host prepares samples as fast as its device trains on them."""

from __future__ import annotations

import math
from typing import Any

from mlsysim.core.result import Field, Result
from mlsysim.core.solver.base import Solver
from mlsysim.core.solver.data.inputs import amount, portion
from mlsysim.errors import InputTypeError, positive_integer, shown
from mlsysim.physics import ingestion, roofline, transformation
from mlsysim.units import Quantity, UnitError


class TransformationResult(Result):
    """How long the preparation of a batch takes, and what it does to the step."""

    batch_size = Field("Batch size", kind=int)
    workers = Field("Workers of the host", kind=int)
    transform_time = Field("Preparation of a batch", "s", "ms")
    accelerator_step_time = Field("Step of the accelerator alone", "s", "ms")
    step_time = Field("Step", "s", "ms")
    is_bottleneck = Field("Preparation takes longer", kind=bool)
    accelerator_utilization = Field("Share of the step that the accelerator works", kind=float)
    slowdown_factor = Field("Slowdown of the step", kind=float)
    workers_needed = Field("Workers that would keep up", kind=int)
    throughput = Field("Samples trained on", "1/s")
    workload_data_rate = Field("Data demand, if it never waits", "byte/s", "MB/s")
    cache_hit_rate = Field("Share of the samples cached", kind=float)
    prefetch = Field("Preparation beside training", kind=bool)
    notes = Field("Notes", kind=tuple[str, ...])


class TransformationModel(Solver):
    """Wall 9: a step lasts as long as the slower of its device and of the host that prepares the next batch.

    T_step = max(T_device, B·t_sample / w): with prefetching, w workers prepare B samples while the device trains on
    the batch before [murray2021tfdata]; without it, the two times add up.

    Examples
    --------
    >>> from mlsysim import Q_, TransformationModel
    >>> result = TransformationModel().solve(256, Q_("110 kB"), Q_("100 / s"), Q_("100 ms"), workers=16)
    >>> print(f"{result.step_time:.0f}", result.workers_needed)
    160 ms 26
    """

    def solve(
        self,
        batch_size: int,
        sample_size_bytes: Any,
        cpu_throughput: Any,
        accelerator_step_time: Any,
        workers: int = 1,
        *,
        prefetch: bool = True,
        cache_hit_rate: float = 0.0,
    ) -> TransformationResult:
        """Return the time of preparing a batch, the time of the step, and the workers that would keep up.

        Parameters
        ----------
        batch_size
            B, samples of a batch on this host.
        sample_size_bytes
            Stored size of a sample: a quantity, or a plain number of bytes.
        cpu_throughput
            What one worker prepares: samples [1/s], or stored bytes [byte/s].
        accelerator_step_time
            T_device, time of a step that never waits [s].
        workers
            w, workers that prepare samples side by side, each at full rate.
        prefetch
            Whether the next batch is prepared while the device trains on this one.
        cache_hit_rate
            Share of the samples that lie in memory prepared, in [0, 1]; they take no time. What is random in the
            preparation is then the same in each epoch.

        Returns
        -------
        TransformationResult
            Its `workload_data_rate` is what `DataModel` asks for.

        Raises
        ------
        InputError, InputTypeError, UnitError
            For an argument of the wrong kind or an impossible value; the message names it and what is allowed.
        """
        batch = positive_integer("batch_size", batch_size)
        size = amount("sample_size_bytes", _as_bytes(sample_size_bytes), "byte")
        rate = _samples_per_second(cpu_throughput, size)
        device = amount("accelerator_step_time", accelerator_step_time, "s")
        workers = positive_integer("workers", workers)
        if not isinstance(prefetch, bool):
            raise InputTypeError(f"prefetch must be True or False; got {shown(prefetch)}")
        miss = 1 - portion("cache_hit_rate", cache_hit_rate)
        host = transformation.preparation_time.plain(batch, miss, workers, rate)
        step_of = transformation.pipelined_step_time if prefetch else transformation.serial_step_time
        step = step_of.plain(device, host)
        busy = transformation.workers_kept_busy.plain(batch, miss, rate, device)
        consumed = roofline.throughput.plain(batch, device)
        return TransformationResult(
            batch_size=batch,
            workers=workers,
            transform_time=host,
            accelerator_step_time=device,
            step_time=step,
            is_bottleneck=host > device,
            accelerator_utilization=transformation.fed_share.plain(device, step),
            slowdown_factor=transformation.slowdown.plain(device, step),
            workers_needed=_next_whole(busy),
            throughput=roofline.throughput.plain(batch, step),
            workload_data_rate=ingestion.data_demand.plain(1, consumed, size),
            cache_hit_rate=cache_hit_rate,
            prefetch=prefetch,
            notes=_notes(prefetch, cache_hit_rate),
        )


def _as_bytes(size: Any) -> Any:
    plain = isinstance(size, (int, float)) and not isinstance(size, bool)
    return Quantity(size, "byte") if plain else size


def _samples_per_second(throughput: Any, size: float) -> float:
    if isinstance(throughput, Quantity) and throughput.is_compatible_with("byte/s"):
        return transformation.worker_rate.plain(amount("cpu_throughput", throughput, "byte/s"), size)
    if isinstance(throughput, Quantity) and not throughput.is_compatible_with("1/s"):
        raise UnitError("cpu_throughput", throughput, "1/s or byte/s")
    return amount("cpu_throughput", throughput, "1/s")


def _next_whole(busy: float) -> int:
    """The next whole number, unless it is only the rounding of the last digits that lies above one."""
    nearest = round(busy)
    return nearest if math.isclose(busy, nearest, rel_tol=1e-12) else math.ceil(busy)


def _notes(prefetch: bool, cache_hit_rate: float) -> tuple[str, ...]:
    notes = []
    if prefetch:
        notes.append("each batch takes the mean time to prepare: where that varies, enough batches wait to even it out")
    else:
        notes.append("preparation and training take turns: more workers shorten the step, but never to the device's")
    if cache_hit_rate:
        notes.append("what is random in the preparation of a cached sample is the same in each epoch")
    return tuple(notes)
