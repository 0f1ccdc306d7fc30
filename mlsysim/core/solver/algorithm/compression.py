"""How small a model can become, how much faster that makes it, and what is published of its accuracy then."""

from __future__ import annotations

from numbers import Real
from typing import Any, NamedTuple

from mlsysim.core.result import Field, Result
from mlsysim.core.solver.algorithm.accuracies import Setting, nearest
from mlsysim.core.solver.base import Solver, check_hardware, check_model
from mlsysim.core.solver.capacity import Account
from mlsysim.core.solver.node.machine import Machine, time_of
from mlsysim.errors import InputError, InputTypeError, positive_integer, shown, unknown
from mlsysim.hardware.types import HardwareNode
from mlsysim.models.types import Demand, Workload
from mlsysim.physics import compression as physics
from mlsysim.physics.equation import part
from mlsysim.physics.memory import weight_bytes
from mlsysim.physics.precision import element_size

METHODS = ("quantization", "pruning")
PATTERNS = ("unstructured", "2:4", "structured")
STORAGE = {"bitmask": (0, 1), "csr": (16, 0), "dense": None}
"""Bits of the index of a kept weight, and of the mark of every weight, by the form in which zeros are stored."""
INDEX_2_OF_4 = 2
"""Bits that say where a kept weight stood among its four [mishra2021sparse]."""
WIDTHS = (2, 3, 4, 5, 6, 7, 8, 16, 32)


class CompressionResult(Result):
    """A model before and after compression on one device."""

    model = Field("Model", kind=str)
    hardware = Field("Device", kind=str)
    method = Field("Method", kind=str)
    setting = Field("  how", kind=str)
    compression_ratio = Field("Compression ratio", kind=float)
    original_size_gb = Field("Weights before", "byte", "GB")
    compressed_size_gb = Field("  after", "byte", "GB")
    memory_savings_pct = Field("Memory saved [%]", kind=float)
    inference_speedup = Field("Speed-up", kind=float | None)
    baseline_latency = Field("Latency before", "s", "ms")
    compressed_latency = Field("  after", "s", "ms")
    baseline_bottleneck = Field("Limited before by", kind=str)
    compressed_bottleneck = Field("  after by", kind=str)
    accuracy_delta = Field("Change of the accuracy [points]", kind=float | None)
    accuracy_source = Field("  published by", optional=True, kind=str)
    baseline_feasible = Field("Fits in memory before", kind=bool)
    feasible = Field("  after", kind=bool)
    baseline_precision = Field("Precision before", kind=str)
    compute_precision = Field("Computed in after", kind=str)
    batch_size = Field("Batch size", kind=int)
    efficiency = Field("Efficiency of the arithmetic", kind=float)
    efficiency_source = Field("  from", kind=str)
    notes = Field("Notes", kind=tuple[str, ...])

    @property
    def estimated_accuracy_delta(self) -> float | None:
        """The same as `accuracy_delta`: nothing is estimated, a published figure is looked up."""
        return self.accuracy_delta


class Form(NamedTuple):
    """A compressed form: what a weight takes in memory, how a pass runs, and what to know of it."""

    setting: Setting
    width: float
    demand: Demand
    machine: Machine
    notes: tuple[str, ...]
    runs_as_dense: bool = False


class CompressionModel(Solver):
    """Wall 13: narrower or fewer weights take less memory and less time to read, at the price of accuracy.

    Sizes count what goes with the weights: the scales of groups, the indices of kept weights. Times are rooflines of
    the same device before and after. The accuracy is a published figure of this model in this form, with its
    conditions, or None; there is no formula for it.

    Examples
    --------
    >>> from mlsysim import CompressionModel, Hardware, Models
    >>> solve = CompressionModel().solve
    >>> result = solve(Models.Llama3_8B, Hardware.H100, target_bitwidth=4, group_size=128)
    >>> print(f"{result.compression_ratio:.2f}, {result.compressed_size_gb:.2f}, {result.accuracy_delta:.2f} points")
    3.88, 4.14 GB, -0.40 points
    """

    def solve(
        self,
        model: Workload,
        hardware: HardwareNode,
        method: str = "quantization",
        target_bitwidth: int | None = None,
        *,
        activations: str | None = None,
        kv: str | None = None,
        group_size: int | None = None,
        scale_bits: int = 16,
        zero_point_bits: int = 0,
        sparsity: float | None = None,
        sparsity_pattern: str | None = None,
        storage: str | None = None,
        baseline_precision: str = "fp16",
        batch_size: int = 1,
        seq_len: int | None = None,
        efficiency: float | None = None,
    ) -> CompressionResult:
        """Return the size, the speed and the published accuracy of a compressed model.

        Parameters
        ----------
        model
            An entry of `Models`, or one of your own; published accuracies are found by its name.
        hardware
            An entry of `Hardware`, or a device of your own.
        method
            ``"quantization"`` or ``"pruning"``.
        target_bitwidth
            Of quantization: bits of a weight, 2 to 8, 16 or 32 and below those before; by default 8.
        activations, kv
            Formats of activations and of the KV cache after quantization, such as ``"int8"``. By default they stay as
            they were, and so does the arithmetic: weights are widened on their way to it [frantar2023gptq].
        group_size, scale_bits, zero_point_bits
            Weights that share a scale, and the bits of the scale and of the zero point. Without `group_size` there is
            one scale for each channel, which is not counted.
        sparsity, sparsity_pattern
            Of pruning: share of the weights that are zero, in (0, 1), and which: ``"unstructured"`` (default),
            ``"2:4"`` (two of four, half of them), ``"structured"`` (whole rows, heads or channels).
        storage
            How unstructured zeros are stored: as a ``"bitmask"`` (default), in ``"csr"`` with 16-bit column indices, or
            ``"dense"``, as zeros.
        baseline_precision
            Format of weights, activations and KV cache before.
        batch_size, seq_len, efficiency
            As in `SingleNodeModel.solve`; a decoder is timed in a decode step.

        Returns
        -------
        CompressionResult
            `accuracy_delta` is in percentage points, negative for a loss; None if no published figure fits.
            `inference_speedup` is None where arithmetic limits and its efficiency was measured on one side only.

        Raises
        ------
        InputError, InputTypeError, UnknownName
            For an argument of the wrong kind or an impossible value, or one that belongs to the other method.
        """
        check_model(model), check_hardware(hardware)
        size = element_size(baseline_precision, "baseline_precision")
        quantizing = _known("method", method, METHODS) == "quantization"
        of_the_other = (
            {"sparsity": sparsity, "sparsity_pattern": sparsity_pattern, "storage": storage}
            if quantizing
            else {"target_bitwidth": target_bitwidth, "activations": activations, "kv": kv, "group_size": group_size}
        )
        for name, value in of_the_other.items():
            if value is not None:
                raise InputError(f"{name} does not apply to method={method!r}; got {shown(value)}")
        before_machine = Machine.of(hardware, baseline_precision, efficiency)
        with part("Before"):
            before = model.demand(batch_size, baseline_precision, None, seq_len)
            slow = time_of(before, before_machine)
        with part("After"):
            if quantizing:
                scales = group_size, scale_bits, zero_point_bits
                asked = batch_size, seq_len, baseline_precision, efficiency
                form = _quantized(model, hardware, target_bitwidth, activations, kv, scales, asked)
            else:
                form = _pruned(before, before_machine, size, sparsity, sparsity_pattern, storage)
            weights = weight_bytes.plain(model.parameter_count, form.width)
            narrow = _with_weights(form.demand, before, size, form.width)
            fast = slow if form.runs_as_dense else time_of(narrow, form.machine)
        published, said = nearest(model.name, form.setting)
        like = before_machine.measured == form.machine.measured or "Compute" not in {slow.bottleneck, fast.bottleneck}
        unlike = () if like else ("efficiencies before and after, one measured, one assumed, do not compare: give one",)
        held = Account.of(hardware.plain, weights, form.demand.kv_cache, form.demand.live)
        return CompressionResult(
            model=model.name,
            method=method,
            setting=str(form.setting),
            compression_ratio=physics.compression_ratio.plain(before.weights, weights),
            original_size_gb=before.weights,
            compressed_size_gb=weights,
            memory_savings_pct=physics.memory_savings.plain(before.weights, weights),
            inference_speedup=physics.speedup.plain(slow.total, fast.total) if like else None,
            baseline_latency=slow.total,
            compressed_latency=fast.total,
            baseline_bottleneck=slow.bottleneck,
            compressed_bottleneck=fast.bottleneck,
            accuracy_delta=published.change if published else None,
            accuracy_source=published and published.comparison.figures["original"].source,
            baseline_feasible=Account.of(hardware.plain, before.weights, before.kv_cache, before.live).fits,
            feasible=held.fits,
            baseline_precision=baseline_precision,
            batch_size=before.samples,
            **form.machine.fields(),
            notes=(*form.notes, *unlike, *said),
        )


def _with_weights(demand: Demand, before: Demand, size: float, width: float) -> Demand:
    """The demand with weights of another width; of those that a pass reads, as many as before."""
    read = None if before.weights_read is None else weight_bytes.plain(before.weights_read / size, width)
    return demand._replace(weights=weight_bytes.plain(before.weights / size, width), weights_read=read)


def _quantized(
    model: Workload,
    hardware: HardwareNode,
    target_bitwidth: Any,
    activations: str | None,
    kv: str | None,
    scales: tuple[Any, Any, Any],
    asked: tuple[int, int | None, str, float | None],
) -> Form:
    batch_size, seq_len, baseline, efficiency = asked
    bits = 8 if target_bitwidth is None else positive_integer("target_bitwidth", target_bitwidth)
    before = 8 * element_size(baseline)
    allowed = [width for width in WIDTHS if width < before]
    if bits not in allowed:
        raise InputError(
            f"target_bitwidth must be one of {', '.join(map(str, allowed))}, below the {before:g} of {baseline};"
            f" got {target_bitwidth}"
        )
    if activations is not None:
        element_size(activations, "activations")
    if kv is not None:
        element_size(kv, "kv")
    group, scale_bits, zero_point_bits = scales
    scale, zero = _bits("scale_bits", scale_bits), _bits("zero_point_bits", zero_point_bits)
    width, notes = bits / 8, ["every weight counts as quantized; released models often keep embeddings and head wider"]
    if group is not None:
        width = physics.grouped_width.plain(width, scale / 8, zero / 8, positive_integer("group_size", group))
    elif bits < 16:
        notes.append("one scale for each channel: too few to count; give group_size for scales of groups")
    element = activations or baseline
    cache = (kv or baseline) if "decode" in model.phases else kv
    machine = Machine.of(hardware, element, efficiency)
    if machine.compute_precision != element:
        notes.append(f"{hardware.name} has no {element} arithmetic: {machine.compute_precision} computes")
    demand = model.demand(batch_size, element, None, seq_len, cache)
    other = [None if fmt == baseline else fmt for fmt in (activations, kv)]
    setting = Setting("quantization", bits, group, *other)
    return Form(setting, width, demand, machine, tuple(notes))


def _pruned(demand: Demand, machine: Machine, size: float, sparsity: Any, pattern: Any, storage: Any) -> Form:
    pattern = "unstructured" if pattern is None else _known("sparsity_pattern", pattern, PATTERNS)
    if storage is not None and pattern != "unstructured":
        raise InputError(f"storage applies to unstructured pruning only; got {storage!r} with {pattern!r}")
    form = "bitmask" if storage is None else _known("storage", storage, tuple(STORAGE))
    share = _sparsity(sparsity, pattern)
    setting = Setting("pruning", pattern=pattern, sparsity=round(100 * share, 10))
    device, computed = machine.hardware, machine.compute_precision
    sparse = device.compute.sparse_flops.get(computed) if pattern == "2:4" else None
    if pattern == "structured":
        width = physics.sparse_width.plain(size, share, 0, 0)
        demand = demand._replace(flops=physics.remaining_flops.plain(demand.flops, share))
        note = "operations shrink with the weights; activations and the KV cache count as before"
    elif pattern == "unstructured":
        extra = STORAGE[form]
        width = physics.sparse_width.plain(size, share, extra[0] / 8, extra[1] / 8) if extra else size
        note = "zeros at any place make no dense product faster: the time is that of the dense model"
    else:
        width = physics.sparse_width.plain(size, share, INDEX_2_OF_4 / 8, 0)
        note = "all products count as sparse, those of attention too, at the efficiency of dense ones: an upper bound"
        if sparse is None:
            note = f"{device.name} has no sparse {computed} arithmetic: the time is that of the dense model"
        else:
            machine = machine._replace(peak=sparse.m_as("flop/s"))
    runs_as_dense = pattern == "unstructured" or (pattern == "2:4" and sparse is None)
    return Form(setting, width, demand, machine, (note,), runs_as_dense)


def _sparsity(given: Any, pattern: str) -> float:
    if given is None:
        if pattern == "2:4":
            return 0.5
        raise InputError(f"sparsity must be given for {pattern} pruning: a number in (0, 1)")
    if not isinstance(given, Real) or isinstance(given, bool):
        raise InputTypeError(f"sparsity must be a number in (0, 1); got {shown(given)}")
    if not 0 < given < 1:
        raise InputError(f"sparsity must lie in (0, 1); got {shown(given)}")
    if pattern == "2:4" and given != 0.5:
        raise InputError(f"sparsity must be 0.5 in 2:4, which keeps two of four; got {shown(given)}")
    return float(given)


def _known(name: str, given: Any, allowed: tuple[str, ...]) -> str:
    if not isinstance(given, str):
        raise InputTypeError(f"{name} must be a name such as {allowed[0]!r}; got {shown(given)}")
    if given not in allowed:
        raise unknown(name, given, allowed)
    return given


def _bits(name: str, given: Any) -> int:
    return 0 if given == 0 and isinstance(given, int) and not isinstance(given, bool) else positive_integer(name, given)
