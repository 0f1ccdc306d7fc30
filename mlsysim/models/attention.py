"""Latent attention (MLA) by its widths."""

from __future__ import annotations

from mlsysim.physics import attention as physics
from mlsysim.records import Count, Record


class LatentAttention(Record):
    """Attention whose keys and values are made of one compressed vector a token, which is all that the cache keeps.

    Parameters
    ----------
    query_rank
        Width of the compressed query; without it, queries are made of the token itself.
    kv_rank
        Width of the compressed keys and values.
    nope_dim, rope_dim
        Widths of a head's query and key without and with a position; all heads share the latter key.
    value_dim
        Width of a head's value.
    """

    query_rank: Count | None = None
    kv_rank: Count
    nope_dim: Count
    rope_dim: Count
    value_dim: Count

    @property
    def query_dim(self) -> int:
        """Width of a head's query."""
        return self.nope_dim + self.rope_dim

    @property
    def absorbed_widths(self) -> tuple[int, int]:
        """Widths of a head's query and value when decoding attends to the compressed vectors themselves."""
        return self.kv_rank + self.rope_dim, self.kv_rank

    @property
    def norm_parameters(self) -> int:
        """Parameters of the norms of the compressed vectors."""
        return (self.query_rank or 0) + self.kv_rank

    def parameters(self, hidden: int, heads: int) -> int:
        """Return the weights of the matrix products of one layer."""
        widths = (self.kv_rank, self.rope_dim, self.nope_dim, self.value_dim)
        query = hidden * heads * self.query_dim
        if self.query_rank:
            query = physics.compressed_query_parameters.plain(hidden, self.query_rank, heads, self.query_dim)
        keys_and_values = physics.latent_kv_parameters.plain(hidden, heads, *widths)
        return query + keys_and_values + heads * self.value_dim * hidden
