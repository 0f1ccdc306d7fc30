"""Entries by name across the registries, and the schemas of their files."""

from __future__ import annotations

from typing import Any

from mlsysim.errors import unknown
from mlsysim.hardware.registry import Hardware
from mlsysim.hardware.types import HardwareNode
from mlsysim.infra.registry import Infra
from mlsysim.infra.types import Datacenter, GridProfile
from mlsysim.models.convolutional import CNNWorkload
from mlsysim.models.diffusion import UNetWorkload
from mlsysim.models.encoder_decoder import EncoderDecoderWorkload
from mlsysim.models.recommendation import RecommendationWorkload
from mlsysim.models.registry import Models
from mlsysim.models.state_space import StateSpaceWorkload
from mlsysim.models.transformer import TransformerWorkload
from mlsysim.models.vision_transformer import VisionTransformerWorkload
from mlsysim.records import Catalog, Sourced
from mlsysim.systems.registry import Systems
from mlsysim.systems.types import Fleet, NetworkFabric, Node

CATALOGS: dict[str, Catalog[Any]] = {"hardware": Hardware, "models": Models, "systems": Systems, "infra": Infra}
SCHEMAS: dict[str, tuple[type[Sourced], ...]] = {
    "hardware": (HardwareNode,),
    "model": (
        TransformerWorkload,
        EncoderDecoderWorkload,
        VisionTransformerWorkload,
        CNNWorkload,
        UNetWorkload,
        StateSpaceWorkload,
        RecommendationWorkload,
    ),
    "system": (NetworkFabric, Node, Fleet),
    "grid": (GridProfile, Datacenter),
}
"""The kinds of record that a file may hold, by what `mlsysim schema` calls them."""


def entry(name: str, catalog: str | None = None) -> Any:
    """Return a record by its name in a catalog, or by its name with or without catalog and group.

    Raises
    ------
    UnknownName
        If there is none, with the nearest name.

    Examples
    --------
    >>> entry("Hardware.Cloud.H100") is entry("H100") is Hardware.H100
    True
    """
    if catalog is not None:
        if catalog not in CATALOGS:
            raise unknown("zoo", catalog, CATALOGS)
        return CATALOGS[catalog][name]
    *where, short = name.split(".")
    for title, entries in CATALOGS.items():
        groups = [group for group, registry in entries.groups.items() if short in registry]
        for group in groups:
            if where in ([], [group], [title.capitalize()], [title.capitalize(), group]):
                return entries.groups[group][short]
    raise unknown("entry", name, [n for entries in CATALOGS.values() for n in _full_names(entries)])


def _full_names(entries: Catalog[Any]) -> list[str]:
    return [f"{group}.{name}" for group, registry in entries.groups.items() for name in registry.names]


def json_schema(kind: str) -> dict[str, Any]:
    """Return the JSON Schema of a file of records: a mapping from names to records, each figure with its source.

    Parameters
    ----------
    kind
        One of ``"hardware"``, ``"model"``, ``"system"``, ``"grid"``.

    Raises
    ------
    UnknownName
        For another kind.

    Examples
    --------
    >>> json_schema("hardware")["additionalProperties"]["anyOf"]
    [{'$ref': '#/$defs/HardwareNode'}]
    """
    if kind not in SCHEMAS:
        raise unknown("schema", kind, SCHEMAS)
    definitions: dict[str, Any] = {}
    for record in SCHEMAS[kind]:
        schema = record.model_json_schema()
        definitions |= schema.pop("$defs", {}) | {record.__name__: schema}
        schema["properties"].pop("figures")
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "type": "object",
        "additionalProperties": {"anyOf": [{"$ref": f"#/$defs/{record.__name__}"} for record in SCHEMAS[kind]]},
        "$defs": definitions,
    }
