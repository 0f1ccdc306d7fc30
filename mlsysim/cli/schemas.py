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
    from mlsysim.cli.sweeping import QUESTIONS

    return {"anyOf": [_rows_of(name) for name, _ in QUESTIONS.values()]}


def _rows_of(name: str) -> dict[str, Any]:
    """The schema of a sweep of one solver: its figures, and whatever axes were asked for."""
    from mlsysim.core import solver
    from mlsysim.core.result import Rows, object_schema, schema_of
    from mlsysim.core.signatures import result_of

    asked = getattr(solver, name)
    fields = {figure: result_of(asked).fields()[figure] for figure in asked.varying}
    rows = schema_of(Rows({"model": str, "hardware": str, "precision": str, "batch_size": int}))
    rows["items"]["properties"] |= {figure: field.json_schema() for figure, field in fields.items()}
    rows["items"]["required"] = list(rows["items"]["properties"])
    rows["items"]["additionalProperties"] = {"type": ["string", "number", "boolean", "null"]}
    units = object_schema({figure: {"const": field.stored} for figure, field in fields.items() if field.stored})
    count, named = {"type": "integer", "minimum": 0}, {"result": {"const": "Sweep"}, "solver": {"const": name}}
    return object_schema(named | {"asked": count, "left": count, "rows": rows, "units": units})


def _audit() -> dict[str, Any]:
    from mlsysim.audit import Audit

    return _explained(Audit)


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


_COMMANDS: dict[str, Callable[[], dict[str, Any]]] = {
    "eval": _eval,
    "serve": _of("ServingModel"),
    "train": _of("TrainingModel", "DistributedModel"),
    "lower": _lower,
    "sweep": _sweep,
    "audit": _audit,
    "optimize parallelism": _of("ParallelismOptimizer"),
    "optimize batching": _of("BatchingOptimizer"),
    "optimize placement": _of("PlacementOptimizer"),
    "zoo": _zoo,
    "cite": _cite,
    "walls": _walls,
}
KINDS = (*FILES, *_COMMANDS)
"""What `mlsysim schema` knows."""
