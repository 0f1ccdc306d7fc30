"""What a device is made of: compute, memory, links. Quantities outside, plain numbers in `HardwareNode.plain`."""

from __future__ import annotations

from functools import cached_property
from typing import Annotated, Any, NamedTuple

from pydantic import ConfigDict, Field, ValidationInfo, field_validator, model_validator

from mlsysim.errors import InputError, fraction, unknown
from mlsysim.hardware.kernels import KERNELS, Kernels
from mlsysim.physics.precision import ELEMENT_SIZE, compute_format, element_size
from mlsysim.physics.roofline import ridge_point
from mlsysim.records import (
    Bandwidth,
    Emission,
    Figure,
    Fraction,
    Frozen,
    FrozenDict,
    Money,
    Power,
    Rate,
    Record,
    Size,
    Sourced,
    TimeOrZero,
)


class ComputeCore(Record):
    """The arithmetic of a device: dense peaks by precision, sparse ones apart.

    Give `peak_flops`, `precision_flops` or both. `peak_flops` is the peak in `peak_precision`.

    Examples
    --------
    >>> core = ComputeCore(peak_flops="128 MFLOP/s", precision_flops={"int8": "256 MFLOP/s"})
    >>> sorted(core.precision_flops)
    ['fp32', 'int8']
    """

    model_config = ConfigDict(json_schema_extra=lambda schema: schema.pop("required"))

    peak_flops: Rate
    peak_precision: str = "fp32"
    precision_flops: Annotated[dict[str, Rate], Frozen] = FrozenDict()
    sparse_flops: Annotated[dict[str, Rate], Frozen] = FrozenDict()

    @model_validator(mode="before")
    @classmethod
    def _complete(cls, fields: Any) -> Any:
        if not isinstance(fields, dict) or not isinstance(fields.get("precision_flops", {}), dict):
            return fields
        precision = fields.get("peak_precision", "fp32")
        peaks = dict(fields.get("precision_flops", {}))
        if "peak_flops" in fields:
            peaks.setdefault(precision, fields["peak_flops"])
        elif precision in peaks:
            fields = fields | {"peak_flops": peaks[precision]}
        return fields | {"precision_flops": peaks}

    @field_validator("precision_flops", "sparse_flops")
    @classmethod
    def _known(cls, peaks: dict[str, Any]) -> dict[str, Any]:
        for precision in peaks:
            element_size(precision)
        return peaks


class MemoryHierarchy(Record):
    """The memories of a device.

    `capacity` and `bandwidth` are those of the main memory; a `bandwidth` of None says that none is published. Where
    `flash_capacity` is given, weights lie in flash and activations in the on-chip memory `sram_capacity`, as on a
    microcontroller [lai2018cmsisnn]; all four figures of flash and SRAM are then needed, and flash is the main memory.

    Examples
    --------
    >>> print(MemoryHierarchy(capacity="80 GiB", bandwidth="3.35 TB/s").capacity)
    80 GiB
    """

    model_config = ConfigDict(json_schema_extra=lambda schema: schema.pop("required"))

    capacity: Size
    bandwidth: Bandwidth | None
    sram_capacity: Size | None = None
    sram_bandwidth: Bandwidth | None = None
    flash_capacity: Size | None = None
    flash_bandwidth: Bandwidth | None = None

    @model_validator(mode="before")
    @classmethod
    def _flash_is_main(cls, fields: Any) -> Any:
        if not isinstance(fields, dict) or fields.get("flash_capacity") is None:
            return fields
        for name in ("flash_bandwidth", "sram_capacity", "sram_bandwidth"):
            if fields.get(name) is None:
                raise ValueError(f"{name} must be given where flash_capacity is")
        return {"capacity": fields["flash_capacity"], "bandwidth": fields["flash_bandwidth"]} | fields


class StorageHierarchy(Record):
    """Local storage of a node.

    Examples
    --------
    >>> print(StorageHierarchy(capacity="30 TB", bandwidth="7 GB/s").bandwidth)
    7.0 GB/s
    """

    capacity: Size
    bandwidth: Bandwidth


class IOInterconnect(Record):
    """A link of a device; `bandwidth` is per direction.

    Examples
    --------
    >>> print(IOInterconnect(name="NVLink 4", bandwidth="450 GB/s").bandwidth)
    450.0 GB/s
    """

    name: str
    bandwidth: Bandwidth


class PlainHardware(NamedTuple):
    """The figures that solvers use, as plain numbers: FLOP/s by precision, byte, byte/s, W, s."""

    peaks: dict[str, float]
    capacity: float
    bandwidth: float | None
    sram_capacity: float | None
    sram_bandwidth: float | None
    flash_capacity: float | None
    flash_bandwidth: float | None
    tdp: float | None
    dispatch_tax: float | None

    @property
    def overhead(self) -> float:
        """Fixed time of starting a forward pass, 0 where none is recorded [s]."""
        return 0.0 if self.dispatch_tax is None else self.dispatch_tax


class HardwareNode(Sourced):
    """One device: an accelerator, a system on chip, a microcontroller.

    Parameters
    ----------
    name
        The vendor's name.
    compute, memory
        See `ComputeCore` and `MemoryHierarchy`.
    tdp
        Thermal design power [W].
    dispatch_tax
        Fixed time of starting a forward pass [s].
    efficiency
        Reachable fraction of the dense peak by precision, where it was measured and no kernels were timed.
    kernel_fits
        The entry of `mlsysim.hardware.kernels.KERNELS` with the constants of kernels timed on this device, or on one
        whose chip has another memory: they are fractions of its own peak and bandwidth.
    price
        Price of one device; the figure has its date and its kind [USD].
    embodied_carbon
        Emissions of making one device [gCO2e].
    note
        What a reader should know of the record.
    figures
        Where each figure comes from, by its dotted path: ``"memory.bandwidth"``.

    Raises
    ------
    UnknownName, InputError
        For a misspelt field, a missing one, a wrong unit, or a value that is not positive.

    Examples
    --------
    >>> core = ComputeCore(peak_flops="312 TFLOP/s", peak_precision="fp16")
    >>> node = HardwareNode(name="A100", compute=core, memory={"capacity": "80 GiB", "bandwidth": "2039 GB/s"})
    >>> print(f"{node.ridge_point('fp16'):.0f}")
    153 FLOP/B
    """

    name: str
    vendor: str | None = None
    release_year: Annotated[int, Field(ge=1940, le=2100)] | None = None
    compute: ComputeCore
    memory: MemoryHierarchy
    storage: StorageHierarchy | None = None
    interconnect: IOInterconnect | None = None
    host: IOInterconnect | None = None
    tdp: Power | None = None
    dispatch_tax: TimeOrZero | None = None
    efficiency: Annotated[dict[str, Fraction], Frozen] = FrozenDict()
    kernel_fits: str | None = None
    price: Money | None = None
    embodied_carbon: Emission | None = None
    note: str | None = None

    @field_validator("efficiency", mode="before")
    @classmethod
    def _fractions(cls, values: Any, about: ValidationInfo) -> Any:
        if not isinstance(values, dict):
            raise ValueError("must be fractions by precision, such as {'fp16': 0.8}")
        plain = {precision: getattr(value, "magnitude", value) for precision, value in values.items()}
        for precision, value in plain.items():
            element_size(precision)
            fraction(f"{about.field_name}[{precision!r}]", value)
        return plain

    @cached_property
    def plain(self) -> PlainHardware:
        """The figures that solvers use, as plain numbers, converted once."""

        def number(quantity: Any, unit: str) -> Any:
            if quantity is None:
                return None
            plain = quantity.m_as(unit)
            return plain if getattr(plain, "ndim", 0) else float(plain)

        memory = self.memory
        return PlainHardware(
            peaks={precision: number(peak, "flop/s") for precision, peak in self.compute.precision_flops.items()},
            capacity=number(memory.capacity, "byte"),
            bandwidth=number(memory.bandwidth, "byte/s"),
            sram_capacity=number(memory.sram_capacity, "byte"),
            sram_bandwidth=number(memory.sram_bandwidth, "byte/s"),
            flash_capacity=number(memory.flash_capacity, "byte"),
            flash_bandwidth=number(memory.flash_bandwidth, "byte/s"),
            tdp=number(self.tdp, "W"),
            dispatch_tax=number(self.dispatch_tax, "s"),
        )

    @cached_property
    def kernels(self) -> Kernels | None:
        """The constants of kernels timed on this device, read when first asked for; None where none were."""
        return None if self.kernel_fits is None else KERNELS[self.kernel_fits]

    @property
    def all_figures(self) -> dict[str, Figure]:
        """The figures of the record and the constants of its kernels, such as ``"kernels.gemm.bf16.floor"``."""
        return self.figures if self.kernels is None else self.figures | self.kernels.figures

    def compute_format(self, precision: str) -> str:
        """Return the precision in which this device computes on operands of another.

        Raises
        ------
        UnknownName, InputTypeError, InputError
            For an unknown precision, or if the device has none wide enough.
        """
        return compute_format(precision, self.plain.peaks, self.name)

    def peak(self, precision: str | None = None) -> Any:
        """Return the dense peak rate in a precision that the device has; by default its headline precision.

        Raises
        ------
        UnknownName
            If the device has no arithmetic in that precision.
        """
        precision = precision or self.compute.peak_precision
        if precision not in ELEMENT_SIZE or precision not in self.compute.precision_flops:
            raise unknown(f"precision of {self.name}", precision, self.compute.precision_flops)
        return self.compute.precision_flops[precision]

    def ridge_point(self, precision: str | None = None) -> Any:
        """Return the intensity above which this device is limited by its arithmetic, in FLOP/byte.

        Raises
        ------
        UnknownName, InputError
            If the device has no arithmetic in that precision, or no published memory bandwidth.
        """
        if self.memory.bandwidth is None:
            raise InputError(f"{self.name} has no ridge point: the bandwidth of its memory is not published")
        return ridge_point(self.peak(precision), self.memory.bandwidth)
