"""A mixture of experts by its shape."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field, model_validator

from mlsysim.physics import experts as physics
from mlsysim.records import Count, Record

CountOrZero = Annotated[int, Field(ge=0, strict=True)]


class Experts(Record):
    """A mixture of experts: feed-forward blocks of which a router chooses a few for each token.

    Parameters
    ----------
    experts, active
        How many there are to choose from in a layer, and how many a token meets.
    shared
        Experts that every token meets besides.
    intermediate
        Width of one expert.
    dense_layers
        First layers that have a plain feed-forward block instead.
    every
        Every which of the other layers has experts.
    """

    experts: Count
    active: Count
    shared: CountOrZero = 0
    intermediate: Count
    dense_layers: CountOrZero = 0
    every: Count = 1

    @model_validator(mode="after")
    def _enough(self) -> Experts:
        if self.active > self.experts:
            raise ValueError(f"active must be at most the {self.experts} experts; got {self.active}")
        return self

    def layers_of(self, layers: int) -> int:
        """Return how many of a number of layers have experts."""
        return (layers - self.dense_layers) // self.every

    def touched(self, tokens: Any) -> Any:
        """Return the expected number of distinct experts that some tokens choose in a layer."""
        return physics.distinct_experts.plain(self.experts, self.active / self.experts, tokens)
