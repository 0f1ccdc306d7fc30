"""What else the source of a published result says of how it was run, from `data/recipes.yaml`."""

from __future__ import annotations

from functools import cache
from typing import Annotated, Any

from pydantic import field_validator

from mlsysim.records import Frozen, Record, Registry
from mlsysim.validation.inputs import checked
from mlsysim.validation.records import Measurement


class Recipe(Record):
    """Inputs of some published results that their source, or the recipe it names, states elsewhere.

    Parameters
    ----------
    records
        The results.
    inputs
        By name, as in the results.
    condition, source
        Where it is said, and in what words.
    """

    records: tuple[str, ...]
    inputs: Annotated[dict[str, Any], Frozen]
    condition: str
    source: str

    @field_validator("inputs")
    @classmethod
    def _checked(cls, inputs: dict[str, Any]) -> dict[str, Any]:
        return checked(inputs)


RECIPES: Registry[Recipe] = Registry("recipe", lambda raw: Recipe(**raw), "mlsysim.validation", "recipes")
"""By the runs that share it."""


@cache
def _by_record() -> dict[str, Recipe]:
    return {name: RECIPES[recipe] for recipe in RECIPES.names for name in RECIPES[recipe].records}


def completed(record: Measurement) -> Measurement:
    """Return a published result with what its source says of it elsewhere; what it states itself stays.

    Examples
    --------
    >>> from mlsysim.validation.records import published
    >>> one = next(each for each in published("training") if each.id == "bloom-prequel-194b-pp6-mbs1")
    >>> completed(one).inputs["layers"]
    78
    """
    recipe = _by_record().get(record.id)
    if recipe is None:
        return record
    return record.model_copy(update={"inputs": {**recipe.inputs, **record.inputs}})
