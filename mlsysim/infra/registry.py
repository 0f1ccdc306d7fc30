"""Grids: `Grids.Quebec`; `Infra.Quebec` for short."""

from mlsysim.infra.types import GridProfile
from mlsysim.records import Catalog, Registry

Grids: Registry[GridProfile] = Registry("grid", GridProfile.from_record, "mlsysim.infra", "grids")
Infra: Catalog[GridProfile] = Catalog("grid", Grids=Grids)
