"""Whether training data arrive as fast as the devices consume them."""

from __future__ import annotations

from typing import Any

from mlsysim.core.result import Field, Result
from mlsysim.core.solver.base import Solver, check_hardware
from mlsysim.core.solver.data.inputs import amount, portion
from mlsysim.errors import InputError, positive_integer
from mlsysim.hardware.types import HardwareNode, StorageHierarchy
from mlsysim.physics import ingestion

STORAGE, NETWORK, HOST_LINK = "Storage", "Network", "Host link"
"""The stages that data pass, in order; `bottleneck` is one of them."""


class DataResult(Result):
    """How fast data arrive at devices, and which stage limits them."""

    hardware = Field("Device", kind=str)
    devices = Field("Devices", kind=int)
    demand_bw = Field("Data demand", "byte/s", "MB/s")
    supply_bw = Field("Data supply", "byte/s", "GB/s")
    storage_bw = Field("  through storage", "byte/s", "GB/s", kind=float | None)
    network_bw = Field("  through the network", "byte/s", "GB/s", optional=True)
    host_bw = Field("  through the host link", "byte/s", "GB/s", kind=float | None)
    margin = Field("Supply less demand", "byte/s", "GB/s")
    utilization = Field("Demand over supply", kind=float)
    is_stalled = Field("Devices wait for data", kind=bool)
    stall_fraction = Field("Share of the time that they wait", kind=float)
    bottleneck = Field("Slowest stage", kind=str)
    cache_hit_rate = Field("Share served from the cache", kind=float)
    step_time = Field("Time of a step, fed with data", "s", "ms", optional=True)
    notes = Field("Notes", kind=tuple[str, ...])


class DataModel(Solver):
    """Wall 8: devices wait where the slowest stage delivers less than they consume.

    u = D / F; stall = max(0, 1 - 1/u): demand over the supply of the slowest stage [mohan2021stalls].

    Examples
    --------
    >>> from mlsysim import Q_, DataModel, Hardware
    >>> result = DataModel().solve(Q_("2 GB/s"), Hardware.H100, storage=Q_("1 GB/s"))
    >>> result.bottleneck, result.stall_fraction
    ('Storage', 0.5)
    """

    def solve(
        self,
        workload_data_rate: Any,
        hardware: HardwareNode,
        *,
        storage: Any = None,
        network_bandwidth: Any = None,
        devices: int = 1,
        cache_hit_rate: float | None = None,
        cache_capacity: Any = None,
        dataset_size: Any = None,
        step_time: Any = None,
    ) -> DataResult:
        """Return demand over supply, what limits supply, and how long the devices wait.

        Parameters
        ----------
        workload_data_rate
            D, rate at which all devices together would consume data if they never waited [byte/s].
        hardware
            The device: an entry of `Hardware` or one of your own. Its host link is the last stage; where its record
            has storage of its own, that is the first.
        storage
            Where the data lie, in place of the device's own: a `StorageHierarchy` or a bandwidth [byte/s].
        network_bandwidth
            Bandwidth between storage and hosts, where data cross a network [byte/s].
        devices
            Devices that share the demand. Each has a host link of its own; storage and network serve them all.
        cache_hit_rate
            Share of the data that comes from the memory of the hosts, in [0, 1]: only the rest is read from storage
            and crosses the network.
        cache_capacity, dataset_size
            Instead of `cache_hit_rate`: the size of the cache, and of the data that an epoch reads [byte]. The share
            is then that of a cache which never evicts, min(1, cache / dataset); one that evicts the least recently
            used sample serves less [mohan2021stalls].
        step_time
            Time of a step that never waits, to get that of a step which does [s].

        Returns
        -------
        DataResult
            A stage without a figure does not limit; the notes name it.

        Raises
        ------
        InputError, InputTypeError, UnitError, UnknownName
            For an argument of the wrong kind or an impossible value, or if no stage has a figure; the message names
            what to give.
        """
        demand = amount("workload_data_rate", workload_data_rate, "byte/s")
        check_hardware(hardware)
        devices = positive_integer("devices", devices)
        step = None if step_time is None else amount("step_time", step_time, "s")
        hit_rate = _hit_rate(cache_hit_rate, cache_capacity, dataset_size)
        read = _storage_bandwidth(storage, hardware)
        carried = None if network_bandwidth is None else amount("network_bandwidth", network_bandwidth, "byte/s")
        link = None if hardware.host is None else hardware.host.bandwidth.m_as("byte/s")
        if (read, carried, link) == (None, None, None):
            raise InputError(
                f"{hardware.name} has neither storage nor a host link on record: give storage= or network_bandwidth="
            )
        stages = {STORAGE: _past_cache(read, hit_rate), NETWORK: _past_cache(carried, hit_rate)}
        stages[HOST_LINK] = None if link is None else ingestion.combined_bandwidth.plain(devices, link)
        limits = {stage: rate for stage, rate in stages.items() if rate is not None}
        if not limits:
            raise InputError(
                f"cache_hit_rate must be below 1 for {hardware.name}, which has no host link on record: nothing would"
                f" limit the data; got {hit_rate:g}"
            )
        slowest = min(limits, key=limits.__getitem__)
        supply = limits[slowest]
        utilization = ingestion.data_utilization.plain(demand, supply)
        return DataResult(
            hardware=hardware.name,
            devices=devices,
            demand_bw=demand,
            supply_bw=supply,
            storage_bw=stages[STORAGE],
            network_bw=stages[NETWORK],
            host_bw=stages[HOST_LINK],
            margin=ingestion.data_margin.plain(demand, supply),
            utilization=utilization,
            is_stalled=utilization > 1,
            stall_fraction=ingestion.stall_fraction.plain(demand, supply),
            bottleneck=slowest,
            cache_hit_rate=hit_rate,
            step_time=None if step is None else ingestion.fed_step_time.plain(step, demand, supply),
            notes=_notes(hardware, devices, read, link, hit_rate, cache_capacity is not None),
        )


def _hit_rate(given: Any, capacity: Any, dataset: Any) -> float:
    if given is not None:
        if capacity is not None or dataset is not None:
            raise InputError("cache_hit_rate must be given without cache_capacity and dataset_size, which imply it")
        return portion("cache_hit_rate", given)
    if capacity is None and dataset is None:
        return 0.0
    if capacity is None or dataset is None:
        missing, there = ("cache_capacity", "dataset_size") if capacity is None else ("dataset_size", "cache_capacity")
        raise InputError(f"{missing} must be given with {there}: the share that a cache serves depends on both")
    held, read = amount("cache_capacity", capacity, "byte", zero=True), amount("dataset_size", dataset, "byte")
    return ingestion.cached_share.plain(held, read)


def _storage_bandwidth(storage: Any, hardware: HardwareNode) -> float | None:
    if storage is None:
        storage = hardware.storage
    if isinstance(storage, StorageHierarchy):
        return storage.bandwidth.m_as("byte/s")
    return None if storage is None else amount("storage", storage, "byte/s")


def _past_cache(bandwidth: float | None, hit_rate: float) -> float | None:
    """The rate at which data arrive through a stage behind the cache; None where it does not limit."""
    if bandwidth is None or hit_rate == 0:
        return bandwidth
    return None if hit_rate == 1 else ingestion.fetch_rate.plain(bandwidth, 1 - hit_rate)


def _notes(
    hardware: HardwareNode, devices: int, read: float | None, link: float | None, hit_rate: float, sized: bool
) -> tuple[str, ...]:
    notes = []
    if read is None:
        notes.append(f"no storage is recorded for {hardware.name}: it does not limit; storage= gives one")
    if link is None:
        notes.append(f"no host link is recorded for {hardware.name}: it does not limit")
    if devices > 1:
        notes.append("each device has a host link of its own; storage and network serve all of them together")
    if sized:
        notes.append(
            "the cache never evicts: in each epoch after the first it serves what it holds; one that evicts the least"
            " recently used sample serves less"
        )
    if hit_rate == 1:
        notes.append("all data come from the cache: storage and network do not limit after the first epoch")
    return tuple(notes)
