"""What a result answers to: its elasticity to every figure that went into the question."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from math import log, log1p
from typing import Any

from mlsysim.core.result import Field, Result
from mlsysim.core.solver.analysis.parameters import device_parameters, parameters_of, scaled
from mlsysim.core.solver.base import Solver, check_hardware, check_model
from mlsysim.core.solver.node.single import SingleNodeModel
from mlsysim.errors import InputError, InputTypeError, shown, unknown
from mlsysim.hardware.types import HardwareNode
from mlsysim.models.types import Workload
from mlsysim.physics.equation import part, unrecorded
from mlsysim.physics.sensitivity import elasticity
from mlsysim.records import FrozenDict, Sourced
from mlsysim.units import pretty, wrap

TIE = 1e-6
"""Elasticities that differ by less count as equal: the rounding of a difference over a thousandth of a percent."""
KINK = 0.2
"""Elasticities up and down that differ by more do so because another resource takes over within the step."""


class _InItsUnit(Field):
    """A field in the unit of the figure that was asked about."""

    def __get__(self, result: Result | None, owner: type) -> Any:
        if result is None:
            return self
        value, of = result.plain[self.name], result.plain["unit"]
        return wrap(value, of) if of else value


class SensitivityResult(Result):
    """How a result answers to each parameter, and which it answers to most."""

    of = Field("Of", kind=str)
    metric = Field("Result", kind=str)
    baseline = _InItsUnit("  at the base", hidden=True, kind=float)
    unit = Field("  in", hidden=True, kind=str | None)
    binding_constraint = Field("Binding", kind=str)
    binding_constraints = Field("  each of", hidden=True, kind=tuple[str, ...])
    feasible = Field("Fits in memory", optional=True, kind=bool)
    sensitivities = Field("Elasticities", hidden=True, kind=dict[str, Any])
    perturbation_pct = Field("Step up and down [%]", kind=float)
    notes = Field("Notes", kind=tuple[str, ...])

    def rows(self) -> Iterator[tuple[str, str]]:
        """The label and the value of each field, and a row for each elasticity."""
        of = self.plain["unit"]
        for label, text in super().rows():
            if label == type(self).perturbation_pct.label:
                yield "  at the base", pretty(self.plain["baseline"], of or "dimensionless")
                yield from ((f"Elasticity to {name}", f"{value:+.4f}") for name, value in self.sensitivities.items())
            yield label, text


def elasticities(
    solve: Callable[..., Result],
    inputs: Mapping[str, Any],
    metric: str = "latency",
    parameters: Sequence[str] | Mapping[str, str] | None = None,
    perturbation_pct: float = 1.0,
) -> SensitivityResult:
    """Return the elasticity of any figure of any result to the figures in its inputs.

    Parameters
    ----------
    solve
        Answers the question: `solve` of a solver, or a function of yours that returns a `Result`.
    inputs
        Its arguments by name: records, quantities, numbers.
    metric
        The figure of the result: ``"latency"``, ``"energy"``.
    parameters
        Dotted paths into the inputs, or names of your choice for some: ``{"link": "fleet.fabric.bandwidth"}``. By
        default all that `parameters_of` finds.
    perturbation_pct
        The step: each parameter is multiplied and divided by 1 + this percentage.

    Returns
    -------
    SensitivityResult

    Raises
    ------
    InputError, InputTypeError, UnknownName
        For a metric that the result has not, that is no number or not above 0; for a parameter that the inputs have
        not; and what `solve` raises.

    Examples
    --------
    A model cut over two devices of a node:

    >>> from mlsysim import Hardware, Models, SingleNodeModel
    >>> inputs = {"model": Models.Llama3_8B, "hardware": Hardware.H100, "fidelity": "operator", "tensor_parallel": 2}
    >>> result = elasticities(SingleNodeModel().solve, inputs, parameters={"link": "hardware.interconnect_bandwidth"})
    >>> print(f"{result.sensitivities['link']:.4f}")
    -0.0008
    """
    if not callable(solve):
        raise InputTypeError(f"solve must be a function, such as SingleNodeModel().solve; got {shown(solve)}")
    if not isinstance(inputs, Mapping):
        raise InputTypeError(f"inputs must be a mapping of arguments by name; got {shown(inputs)}")
    step, paths = _percentage(perturbation_pct) / 100, _named(inputs, parameters)
    base = solve(**inputs)
    if not isinstance(base, Result):
        raise InputTypeError(f"solve must return a Result; got {shown(base)}")
    value = _figure(base, metric)

    with unrecorded():
        ratios = _ratios(solve, inputs, metric, value, paths.values(), (1 + step, 1 / (1 + step)))
    sensitivities, kinks = {}, []
    for name, (above, below) in zip(paths, ratios, strict=True):
        with part(name):
            sensitivities[name] = elasticity.plain(above, below, 2 * log1p(step))
        kinks += [name] if abs(log(above * below)) > KINK * log1p(step) else []
    feasible = base.plain.get("feasible")
    binding = _binding(sensitivities, paths, feasible)
    return SensitivityResult(
        partial(elasticities, solve, inputs, metric, parameters, perturbation_pct),
        of=", ".join(one.name for one in inputs.values() if isinstance(one, Sourced)),
        metric=metric,
        baseline=value,
        unit=type(base).fields()[metric].stored,
        binding_constraint=" and ".join(binding) or "none",
        binding_constraints=binding,
        feasible=feasible,
        sensitivities=FrozenDict(sensitivities),
        perturbation_pct=100 * step,
        notes=_notes(binding, feasible, kinks, 100 * step),
    )


class SensitivitySolver(Solver):
    """Wall 21: by how many percent a result changes for one percent of each figure of the device.

    The elasticity S_x = (x / T)·(∂T / ∂x) of a time is −1 for the one resource that binds and 0 for an idle one; where
    the kernels of a pass bind on different resources, they share the −1 with the fixed overheads.

    Examples
    --------
    >>> from mlsysim import Hardware, Models, SensitivitySolver
    >>> result = SensitivitySolver().solve(Models.Llama3_8B, Hardware.H100, efficiency=0.5)
    >>> result.binding_constraint
    'memory_bandwidth'
    >>> for name, value in result.sensitivities.items():
    ...     print(f"{name:>18}: {value:+.3f}")
            peak_flops: +0.000
      memory_bandwidth: -1.000
       memory_capacity: +0.000
    """

    def solve(
        self,
        model: Workload,
        hardware: HardwareNode,
        precision: str = "fp16",
        efficiency: float | None = None,
        *,
        batch_size: int = 1,
        phase: str | None = None,
        seq_len: int | None = None,
        kv_precision: str | None = None,
        fidelity: str = "roofline",
        calibration: str | None = None,
        tensor_parallel: int = 1,
        offload: bool = False,
        metric: str = "latency",
        perturbation_pct: float = 1.0,
    ) -> SensitivityResult:
        """Return the elasticities of a figure of `SingleNodeModel.solve` to those of the device.

        Parameters
        ----------
        model, hardware, precision, efficiency, batch_size, phase, seq_len, kv_precision, fidelity, calibration
            As in `SingleNodeModel.solve`.
        tensor_parallel, offload
            As there, too. With them the links to other devices and to the host are among the parameters.
        metric
            A figure of that result: ``"latency"``, ``"throughput"``, ``"energy"``.
        perturbation_pct
            The step: each parameter is multiplied and divided by 1 + this percentage.

        Returns
        -------
        SensitivityResult
            `binding_constraint` names the parameter with the largest elasticity, all of them where several tie, and
            ``"none"`` where the result answers to none. Of a model that does not fit it is ``"memory_capacity"``; the
            elasticities are then those of the device if it had the memory.

        Raises
        ------
        InputError, InputTypeError, UnknownName
            For an argument of the wrong kind or an impossible value; the message names it and what is allowed.
        """
        check_model(model), check_hardware(hardware)
        inputs = {
            "model": model,
            "hardware": hardware,
            "batch_size": batch_size,
            "precision": precision,
            "efficiency": efficiency,
            "phase": phase,
            "seq_len": seq_len,
            "kv_precision": kv_precision,
            "fidelity": fidelity,
            "calibration": calibration,
            "tensor_parallel": tensor_parallel,
            "offload": offload,
        }
        unused = {"price", "embodied_carbon"}
        unused |= {"sram_bandwidth", "sram_capacity"} if hardware.plain.flash_capacity is None else set()
        unused |= {"kernel_floor"} if fidelity != "operator" or calibration not in (None, "fitted") else set()
        unused |= {"interconnect_bandwidth"} if tensor_parallel == 1 else set()
        unused |= set() if offload else {"host_bandwidth"}
        unused |= set() if metric == "energy" else {"tdp"}
        parameters = {name: f"hardware.{name}" for name in device_parameters(hardware) if name not in unused}
        return elasticities(SingleNodeModel().solve, inputs, metric, parameters, perturbation_pct)


def _ratios(
    solve: Callable[..., Result],
    inputs: Mapping[str, Any],
    metric: str,
    value: float,
    paths: Iterable[str],
    factors: tuple[float, float],
) -> list[tuple[float, float]]:
    """The figure with each parameter scaled by both factors, over its value at the base.

    Where the formulas take arrays, all of it is one call: the records hold, for each figure, its value in every case.
    """
    paths, solver = list(paths), getattr(solve, "__self__", None)
    if not (isinstance(solver, Solver) and metric in solver.varying and all("." in path for path in paths) and paths):
        asked = ((solve(**scaled(inputs, path, factor)) for factor in factors) for path in paths)
        return [tuple(_figure(one, metric) / value for one in pair) for pair in asked]
    import numpy as np

    cases = dict(inputs)
    for at, path in enumerate(paths):
        by = np.ones(len(factors) * len(paths))
        by[len(factors) * at : len(factors) * (at + 1)] = factors
        cases = scaled(cases, path, by)
    found = np.broadcast_to(solver.figures(**cases)[metric], len(factors) * len(paths)) / value
    return [tuple(pair) for pair in found.reshape(-1, len(factors)).tolist()]


def _percentage(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise InputTypeError(f"perturbation_pct must be a number of percent in [0.001, 100]; got {shown(value)}")
    if not 1e-3 <= value <= 100:
        raise InputError(f"perturbation_pct must lie in [0.001, 100], in percent; got {shown(value)}")
    return float(value)


def _named(inputs: Mapping[str, Any], parameters: Any) -> dict[str, str]:
    """The paths by the names under which the result has them."""
    known = parameters_of(inputs)
    if parameters is None:
        return {path: path for path in known}
    if isinstance(parameters, str) or not isinstance(parameters, Sequence | Mapping):
        raise InputTypeError(f"parameters must be a list of paths, such as {known[:2]}; got {shown(parameters)}")
    named = dict(parameters) if isinstance(parameters, Mapping) else {path: path for path in parameters}
    for path in named.values():
        if path not in known:
            raise unknown("parameter", path, known)
    return named


def _figure(result: Result, metric: str) -> float:
    """The figure asked about, if it can have an elasticity."""
    numbers = [name for name, one in result.plain.items() if isinstance(one, int | float) and not isinstance(one, bool)]
    if metric not in result.plain:
        raise unknown("metric", metric, numbers)
    value = result.plain[metric]
    if value is None:
        raise InputError(f"metric {metric!r} is not known here: the result has none. Allowed: {', '.join(numbers)}")
    if metric not in numbers:
        raise InputError(f"metric must be a number; {metric!r} is {shown(value)}. Allowed: {', '.join(numbers)}")
    if value <= 0:
        raise InputError(f"metric must be above 0 to change by a percentage; {metric!r} is {value!r}")
    return value


def _binding(sensitivities: Mapping[str, float], paths: Mapping[str, str], feasible: bool | None) -> tuple[str, ...]:
    """The parameters that the result answers to most; memory, where there is too little of it."""
    if feasible is False:
        memory = [name for name, path in paths.items() if path.rpartition(".")[2] == "memory_capacity"]
        return (*memory,) or ("memory_capacity",)
    most = max(map(abs, sensitivities.values()), default=0.0)
    return tuple(name for name, value in sensitivities.items() if most > TIE and abs(value) > (1 - TIE) * most)


def _notes(binding: tuple[str, ...], feasible: bool | None, kinks: list[str], step: float) -> tuple[str, ...]:
    notes = []
    if feasible is False:
        notes.append("does not fit: elasticities are those of the device if it had the memory")
    elif len(binding) > 1:
        notes.append("several parameters tie: the result answers to less of one alone, and to more only of all of them")
    elif not binding:
        notes.append("none of the parameters binds: the result answers to none of them")
    if kinks and len(binding) < 2:
        notes.append(
            f"within a step of {step:g} % another resource takes over from {' and '.join(kinks)}: the elasticity is"
            " the mean over the step; with a smaller perturbation_pct it is that of the base"
        )
    return tuple(notes)
