"""A scenario judged: does it work, how well, at what cost; and whether what is claimed of it holds."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any, get_type_hints

from mlsysim.core.assertions import Metric, Verdict
from mlsysim.core.pipeline import Pipeline
from mlsysim.core.result import Field, Result, Rows, object_schema
from mlsysim.core.scenario import Scenario
from mlsysim.core.signatures import inputs_of, solvers
from mlsysim.core.solver.fleet.inputs import Span
from mlsysim.errors import InputError, InputTypeError, shown, unknown
from mlsysim.physics import goodput, roofline
from mlsysim.tables import html_table, markdown_table, text_table
from mlsysim.units import Q_, Quantity

ON_A_FLEET = (
    "ScalingModel",
    "DistributedModel",
    "CheckpointModel",
    "ReliabilityModel",
    "EconomicsModel",
    "SustainabilityModel",
)
ON_A_DEVICE = ("ScalingModel", "SingleNodeModel", "ServingModel", "TailLatencyModel")
IN_TRAINING = ("ScalingModel", "TrainingModel")
LINKS = {
    "ReliabilityModel.checkpoint_time_s": "CheckpointModel.stall_time",
    "EconomicsModel.mfu": "DistributedModel.mfu",
    "EconomicsModel.throughput": "DistributedModel.effective_throughput",
    "SustainabilityModel.mfu": "DistributedModel.mfu",
    "TailLatencyModel.service_latency_ms": "ServingModel.request_latency",
}
"""What goes from one solver to the next under another name, or in place of a default."""

_LEVELS = {
    "feasibility": "1 Feasibility",
    "performance": "2 Performance",
    "cost": "3 Cost and carbon",
}
_FEASIBILITY = {"feasible", "memory_footprint", "memory_capacity", "is_stable"}
_COST = {"EconomicsModel", "SustainabilityModel"}
_FROM = {
    "memory_footprint": ("memory_footprint", "total_memory_required"),
    "memory_capacity": ("memory_capacity",),
    "latency": ("step_latency_total", "latency", "step_time"),
    "ttft": ("ttft",),
    "itl": ("itl",),
    "throughput": ("throughput",),
    "token_rate": ("effective_throughput", "token_rate"),
    "mfu": ("mfu",),
    "goodput": ("goodput",),
    "bottleneck": ("bottleneck",),
    "tco": ("tco_usd",),
    "energy": ("total_energy_kwh", "energy"),
    "carbon_footprint": ("carbon_footprint_kg",),
    "water": ("water_usage_liters",),
}


class Scorecard(Result):
    """A scenario at three levels, each with the claims about it, and the results behind it."""

    scenario = Field("Scenario", kind=str)
    feasibility = Field(_LEVELS["feasibility"], kind=str)
    feasible = Field("  works", kind=bool)
    memory_footprint = Field("  memory needed", "byte", "GB", optional=True)
    memory_capacity = Field("  memory of a device", "byte", "GB", optional=True)
    performance = Field(_LEVELS["performance"], kind=str)
    latency = Field("  time of a pass or step", "s", "ms", optional=True)
    ttft = Field("  time to the first token", "s", "ms", optional=True)
    itl = Field("  time between tokens", "s", "ms", optional=True)
    throughput = Field("  throughput", "1/s", optional=True)
    token_rate = Field("  tokens a second", "token/s", optional=True)
    mfu = Field("  MFU", optional=True, kind=float)
    bottleneck = Field("  bottleneck", optional=True, kind=str)
    goodput = Field("  goodput", optional=True, kind=float)
    training_time = Span("  training, with all that it loses", "s", "day", optional=True)
    cost = Field(_LEVELS["cost"], kind=str)
    tco = Field("  cost", "dollar", optional=True)
    energy = Field("  energy", "J", "kWh", optional=True)
    carbon_footprint = Span("  emissions", "gCO2e", "tCO2e", optional=True)
    water = Field("  water", "liter", optional=True)
    passed = Field("Passed", kind=bool)
    verdicts = Field("Assertions", hidden=True, kind=Rows(claim=str, holds=bool, found=str))
    results = Field("Results", hidden=True)
    notes = Field("Notes", kind=tuple[str, ...])
    would_fit = Field("What would fit", kind=tuple[str, ...])

    def __str__(self) -> str:
        return "\n\n".join([super().__str__(), *([text_table(*self._claims())] if self.verdicts else [])])

    def _repr_html_(self) -> str:
        return super()._repr_html_() + (html_table(*self._claims()) if self.verdicts else "")

    def to_markdown(self) -> str:
        """Return the levels and the claims as Markdown tables."""
        return "\n\n".join([super().to_markdown(), *([markdown_table(*self._claims())] if self.verdicts else [])])

    def to_dict(self) -> dict[str, Any]:
        """Return the fields for a program, the claims and the results behind them too."""
        return super().to_dict() | {
            "verdicts": [verdict._asdict() for verdict in self.verdicts],
            "results": {name: result.to_dict() for name, result in self.results.items()},
        }

    @classmethod
    def json_schema(cls) -> dict[str, Any]:
        """Return the JSON Schema of `to_dict`, in which each result stands under the name of its solver."""
        found = super().json_schema()
        answers = {
            name: get_type_hints(solver.solve)["return"].json_schema()
            for name, solver in solvers().items()
            if name in {*ON_A_FLEET, *ON_A_DEVICE, *IN_TRAINING}
        }
        found["properties"]["results"] = object_schema(answers) | {"required": [], "minProperties": 1}
        return found

    def _claims(self) -> tuple[list[str], list[tuple[str, str, str]]]:
        told = [(one.claim, "holds" if one.holds else "fails", one.found) for one in self.verdicts]
        return ["Assertion", "It", "Found"], told


class Answers(dict[str, Metric]):
    """The figures that a claim may name: those of the scorecard, then those of each result."""

    def __init__(self, card: Mapping[str, Any], results: Mapping[str, Result]) -> None:
        super().__init__()
        self._several: dict[str, list[str]] = {}
        for name, field in Scorecard.fields().items():
            if name in card and name not in _LEVELS and not field.hidden:
                self[name] = Metric(name, field, card[name])
        known = set(self)
        for solver, result in results.items():
            for name, field in result.fields().items():
                self[f"{solver}.{name}"] = metric = Metric(f"{solver}.{name}", field, result.plain[name])
                if name not in known:
                    self._several.setdefault(name, []).append(solver)
                    self[name] = metric

    def __getitem__(self, name: str) -> Metric:
        owners = self._several.get(name, [])
        if (
            len(owners) > 1
            and len({repr(super(Answers, self).__getitem__(f"{one}.{name}").value) for one in owners}) > 1
        ):
            told = " or ".join(f"{one}.{name}" for one in owners)
            raise InputError(f"several results have {name}, and they differ: write {told}")
        return super().__getitem__(name)

    def __missing__(self, name: str) -> Metric:
        raise unknown("metric", name, self)


class SystemEvaluator:
    """Judges a scenario by the solvers that its inputs allow.

    A fleet trains: `DistributedModel`, then failures, cost and carbon where their inputs are given. A device answers:
    `SingleNodeModel`, and `ServingModel` for a decoder; with ``phase="training"`` it trains.

    Examples
    --------
    >>> scenario = Scenario("chat", model="Llama3_8B", hardware="H100", assertions=["latency < 50 ms"])
    >>> card = SystemEvaluator().evaluate(scenario)
    >>> card.feasibility, card.performance, card.passed
    ('pass', 'pass', True)
    """

    def evaluate(self, scenario: Scenario) -> Scorecard:
        """Return the scorecard of a scenario.

        Raises
        ------
        InputTypeError, InputError, UnknownName
            If it is no scenario, for an assertion about a figure that is not there, with the nearest name, and for
            whatever a solver refuses.
        """
        if not isinstance(scenario, Scenario):
            raise InputTypeError(f"scenario must be a Scenario; got {shown(scenario)}")
        inputs = completed(scenario)
        pipeline, notes = chain(scenario)
        taken = {name for one in pipeline.solvers for name in inputs_of(type(one))}
        results = pipeline.run(**{name: value for name, value in inputs.items() if name in taken})
        card = {name: _first(results, name) for name in _FROM} | {
            "feasible": _works(results),
            "training_time": _training_time(results, inputs),
        }
        answers = Answers(card, results)
        verdicts = tuple(claim.check(answers) for claim in scenario.assertions)
        levels = dict(zip(scenario.assertions, verdicts, strict=True))
        status = {level: _status(level, levels, results) for level in _LEVELS}
        status["feasibility"] = "pass" if card["feasible"] and status["feasibility"] != "fail" else "fail"
        unused = [name for name in scenario.inputs if name not in {*taken, "compute_budget"}]
        return Scorecard(
            partial(self.evaluate, scenario),
            scenario=scenario.name,
            **card,
            **status,
            passed=bool(card["feasible"]) and all(verdict.holds for verdict in verdicts),
            verdicts=verdicts,
            results=results,
            notes=(*notes, *([f"not used: {', '.join(unused)}"] if unused else [])),
            would_fit=tuple(fix for result in results.values() for fix in result.plain.get("would_fit", ())),
        )


def completed(scenario: Scenario) -> dict[str, Any]:
    """Return the inputs of a scenario with what follows from them: the length of the job from the days of the cost."""
    inputs = dict(scenario.inputs)
    days = inputs.get("duration_days")
    if days is not None and "job_duration_hours" not in inputs:
        inputs["job_duration_hours"] = days if isinstance(days, Quantity) else Q_(days, "day")
    return inputs


def chain(scenario: Scenario) -> tuple[Pipeline, tuple[str, ...]]:
    """Return the pipeline that the inputs of a scenario allow, and what is left out for want of which input."""
    inputs = completed(scenario)
    if "fleet" in inputs:
        names = list(ON_A_FLEET)
    else:
        names = list(IN_TRAINING if inputs.get("phase") == "training" else ON_A_DEVICE)
    library, notes = solvers(), []
    if "model" in inputs and "ScalingModel" in names:
        names.remove("ScalingModel")
    if not {"storage_bandwidth", "writer_bandwidth"} & set(inputs) and "CheckpointModel" in names:
        names.remove("CheckpointModel")
        notes.append("CheckpointModel not asked: the scenario gives no storage_bandwidth")
    if "ServingModel" in names and "prefill" not in getattr(inputs.get("model"), "phases", ()):
        names.remove("ServingModel")
    while True:
        built = [library[name]() for name in names if name in library]
        links = {
            to: source for to, source in LINKS.items() if _ends(to, source) <= {type(one).__name__ for one in built}
        }
        if "output_tokens" not in inputs:
            links.pop("TailLatencyModel.service_latency_ms", None)
        pipeline = Pipeline(built, links)
        taken = {name for one in built for name in inputs_of(type(one))}
        gaps = pipeline.explain(**{name: value for name, value in inputs.items() if name in taken}).gaps
        if not gaps:
            return pipeline, tuple(notes)
        first = gaps[0].solver
        lacking = [gap.wanted.name for gap in gaps if gap.solver == first]
        if first == names[0]:
            raise InputError(f"{first} needs {', '.join(lacking)}: the scenario must give it")
        notes.append(f"{first} not asked: the scenario gives no {', '.join(lacking)}")
        names.remove(first)


def _ends(to: str, source: str) -> set[str]:
    return {to.partition(".")[0], source.partition(".")[0]}


def _first(results: Mapping[str, Result], name: str) -> Any:
    """The first of the fields that the scorecard shows under a name, in the scorecard's unit."""
    wanted = Scorecard.fields()[name].stored
    for field in _FROM[name]:
        for result in results.values():
            if field in result.fields() and (value := result.plain[field]) is not None:
                stored = result.fields()[field].stored
                return value if wanted is None or stored == wanted else Q_(value, stored).m_as(wanted)
    return None


def _works(results: Mapping[str, Result]) -> bool:
    flags = (result.plain.get(name) for result in results.values() for name in ("feasible", "is_stable"))
    return all(flag for flag in flags if flag is not None)


def _training_time(results: Mapping[str, Result], inputs: Mapping[str, Any]) -> float | None:
    """The iron law: arithmetic over the rate of useful operations of the fleet."""
    step = results.get("DistributedModel")
    if step is None or "compute_budget" not in inputs or not step.feasible:
        return None
    failures = results.get("ReliabilityModel")
    kept = 1.0 if failures is None else failures.plain["goodput"]
    if kept is None:
        return None
    plain = step.plain
    peak = plain["flops"] / (plain["mfu"] * plain["step_latency_total"])
    alone = plain["mfu"] / plain["scaling_efficiency"]
    rate = goodput.effective_flops.plain(peak, alone, plain["scaling_efficiency"], kept)
    return roofline.compute_time.plain(inputs["compute_budget"].m_as("flop"), rate, 1.0)


def _status(level: str, levels: Mapping[Any, Verdict], results: Mapping[str, Result]) -> str:
    """Whether the claims of a level hold: pass, fail, or that nothing is claimed."""
    found = [verdict.holds for claim, verdict in levels.items() if _level(claim.metric, results) == level]
    return "nothing claimed" if not found else "pass" if all(found) else "fail"


def _level(metric: str, results: Mapping[str, Result]) -> str:
    solver, _, name = metric.rpartition(".")
    if name in _FEASIBILITY:
        return "feasibility"
    owners = {solver} if solver else {one for one, result in results.items() if name in result.fields()}
    if name in ("tco", "energy", "carbon_footprint", "water") or owners & _COST:
        return "cost"
    return "performance"
