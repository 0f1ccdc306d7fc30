"""The JSON Schemas that `mlsysim schema` prints: of files that a user writes, and of what commands answer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from mlsysim.errors import unknown

FILES = ("hardware", "model", "system", "grid", "scenario")
DRAFT = {"$schema": "https://json-schema.org/draft/2020-12/schema"}
TEXT = {"type": "string"}


def json_schema(kind: str) -> dict[str, Any]:
    """Return the schema of a kind of file, or of the JSON of a command.

    Raises
    ------
    UnknownName
        For another name, with the nearest.

    Examples
    --------
    >>> json_schema("serve")["title"]
    'ServingResult'
    """
    from mlsysim import catalogs
    from mlsysim.core import scenario

    if kind not in KINDS:
        raise unknown("schema", kind, KINDS)
    if kind in FILES:
        return scenario.json_schema() if kind == "scenario" else catalogs.json_schema(kind)
    return DRAFT | _COMMANDS[kind]()


def _eval() -> dict[str, Any]:
    from mlsysim.core.evaluation import Scorecard
    from mlsysim.core.result import Rows, object_schema, schema_of
    from mlsysim.core.solver.node.single import PerformanceProfile

    findings = Rows(
        wall=int,
        name=str,
        solver=str,
        status=str,
        margin=float | None,
        quantity=str,
        need=str,
        limit=str,
        reason=str,
    )
    walls = object_schema({"scenario": TEXT, "binding": schema_of(int | None), "walls": schema_of(findings)})
    judged = Scorecard.json_schema()
    judged["properties"]["walls"] = walls
    return {"anyOf": [_explained(PerformanceProfile), judged]}


def _explained(result: Any) -> dict[str, Any]:
    """The schema of a result, beside which its derivation may stand."""
    from mlsysim.core.result import Rows, schema_of

    schema = result.json_schema()
    schema["properties"]["derivation"] = schema_of(Rows(quantity=str, equation=str, substituted=str, source=str))
    return {"title": result.__name__} | schema


def _of(*names: str) -> Callable[[], dict[str, Any]]:
    """The schema of the results of solvers, any one of them."""

    def made() -> dict[str, Any]:
        from typing import get_type_hints

        from mlsysim.core.signatures import solvers

        found = [_explained(get_type_hints(solvers()[name].solve)["return"]) for name in names]
        return found[0] if len(found) == 1 else {"anyOf": found}

    return made


def _sweep() -> dict[str, Any]:
    from mlsysim.cli.sweeping import ASKED

    return {"anyOf": [_rows(name) for name in (*ASKED.values(), "DistributedModel")]}


def _rows(name: str) -> dict[str, Any]:
    """The schema of a sweep of a solver: a row may have each of its inputs and each figure of its result."""
    from mlsysim.core.result import object_schema, schema_of
    from mlsysim.core.signatures import inputs_of, result_of, solvers

    solver, none = solvers()[name], {"type": "null"}
    fields = {name: field for name, field in result_of(solver).fields().items() if not field.hidden}
    axes = {one.name: TEXT if one.records else schema_of(one.kind) for one in inputs_of(solver).values()}
    row = object_schema(axes | {name: {"anyOf": [field.json_schema(), none]} for name, field in fields.items()})
    units = object_schema({name: {"const": field.stored} for name, field in fields.items() if field.stored})
    count = {"type": "integer", "minimum": 0}
    about = {"result": {"const": "Sweep"}, "solver": {"const": name}, "asked": count, "left": count}
    rows = {"type": "array", "items": row | {"required": ["model"]}}
    return object_schema(about | {"rows": rows, "units": units | {"required": []}})


def _audit() -> dict[str, Any]:
    from mlsysim.audit import Audit

    return _explained(Audit)


def _validate() -> dict[str, Any]:
    from typing import get_type_hints

    from mlsysim.core.result import Rows, object_schema, schema_of
    from mlsysim.validation.report import Errors

    errors = object_schema({name: schema_of(kind) for name, kind in get_type_hints(Errors).items()})
    groups = {"type": "object", "additionalProperties": errors}
    texts, numbers = (
        dict.fromkeys(("id", "metric", "unit"), str),
        dict.fromkeys(("predicted", "error_pct"), float | None),
    )
    bands = dict.fromkeys(("low", "high"), float | None)
    rows = Rows(texts | numbers | bands, measured=float, skipped_because=str | None, headline=bool)
    schema = object_schema(
        {"level": TEXT, "all": errors, "domains": groups, "sources": groups, "records": schema_of(rows)}
    )
    schema["properties"] |= dict.fromkeys(("hardware", "models", "metrics"), groups)
    return schema


def _lower() -> dict[str, Any]:
    from mlsysim.core.result import Rows, schema_of
    from mlsysim.models.operators import Operator

    texts = {"name": str, "kind": str, "phase": str}
    sides = dict.fromkeys(("m", "n", "k"), float | None)
    return schema_of(Rows({name: (texts | sides).get(name, float) for name in (*Operator._fields, "traffic")}))


def _zoo() -> dict[str, Any]:
    from mlsysim.catalogs import CATALOGS
    from mlsysim.cli.reference import FIGURE_HEADERS
    from mlsysim.zoo import rows

    return {"anyOf": [_texts(FIGURE_HEADERS), *(_texts(list(rows(name)[0])) for name in CATALOGS)]}


def _texts(headers: list[str]) -> dict[str, Any]:
    from mlsysim.core.result import object_schema

    return {"type": "array", "items": object_schema(dict.fromkeys(headers, TEXT))}


def _cite() -> dict[str, Any]:
    from mlsysim.cli.reference import FIGURE_HEADERS
    from mlsysim.core.result import object_schema
    from mlsysim.records import Figure

    figure = Figure.model_json_schema()["properties"] | {"cited": TEXT}
    return {"anyOf": [object_schema(figure), _texts(FIGURE_HEADERS)]}


def _walls() -> dict[str, Any]:
    from mlsysim.cli.reference import FIELD_HEADERS, WALL_HEADERS
    from mlsysim.core.result import object_schema

    listed = object_schema(dict.fromkeys(WALL_HEADERS, TEXT) | {"Wall": {"type": "integer"}})
    return {"anyOf": [{"type": "array", "items": listed}, _texts(FIELD_HEADERS)]}


def _solve() -> dict[str, Any]:
    from mlsysim.cli.solving import SOLVER_HEADERS
    from mlsysim.core.signatures import result_of, solvers

    answers = [_explained(result_of(kind)) for kind in solvers().values()]
    return {"anyOf": [*answers, _texts(SOLVER_HEADERS)]}


_COMMANDS: dict[str, Callable[[], dict[str, Any]]] = {
    "eval": _eval,
    "serve": _of("ServingModel"),
    "train": _of("TrainingModel", "DistributedModel"),
    "solve": _solve,
    "lower": _lower,
    "sweep": _sweep,
    "audit": _audit,
    "validate": _validate,
    "optimize parallelism": _of("ParallelismOptimizer"),
    "optimize batching": _of("BatchingOptimizer"),
    "optimize placement": _of("PlacementOptimizer"),
    "zoo": _zoo,
    "cite": _cite,
    "walls": _walls,
}
KINDS = (*FILES, *_COMMANDS)
"""What `mlsysim schema` knows."""
