"""Figures: one function for each, in a house style with a light and a dark variant."""

from mlsysim.viz.batch import plot_batch
from mlsysim.viz.generations import growth, plot_growth
from mlsysim.viz.landscape import plot_fabrics, plot_grids, plot_hardware, plot_models
from mlsysim.viz.roofline import plot_roofline
from mlsysim.viz.style import light_and_dark
from mlsysim.viz.walls import plot_walls

__all__ = [
    "growth",
    "light_and_dark",
    "plot_batch",
    "plot_fabrics",
    "plot_grids",
    "plot_growth",
    "plot_hardware",
    "plot_models",
    "plot_roofline",
    "plot_walls",
]
