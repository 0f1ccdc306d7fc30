"""Grids and datacentres: `Grids.Quebec`, `Datacenters.Google`; `Infra.Quebec` for short."""

from typing import Any

from mlsysim.infra.types import Datacenter, GridProfile
from mlsysim.records import Catalog, Registry


def _datacenter(raw: dict[str, Any]) -> Datacenter:
    region = raw.get("region")
    return Datacenter.from_record(raw | {"region": Grids[region]} if isinstance(region, str) else raw)


Grids: Registry[GridProfile] = Registry("grid", GridProfile.from_record, "mlsysim.infra", "grids")
Datacenters: Registry[Datacenter] = Registry("datacenter", _datacenter, "mlsysim.infra", "datacenters")
Infra: Catalog[GridProfile | Datacenter] = Catalog("grid", Grids=Grids, Datacenters=Datacenters)
