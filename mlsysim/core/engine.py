"""The front door: ask a question in one call, or the same of many configurations."""

from __future__ import annotations

from mlsysim.core.solver.node.single import SingleNodeModel
from mlsysim.core.sweep import sweep_node


class Engine:
    """Answers questions about one device without naming a solver.

    Examples
    --------
    >>> from mlsysim import Engine, Hardware, Models
    >>> Engine.solve(Models.ResNet50, Hardware.A100, batch_size=64).bottleneck
    'Compute'
    """

    solve = staticmethod(SingleNodeModel().solve)
    sweep = staticmethod(sweep_node)
