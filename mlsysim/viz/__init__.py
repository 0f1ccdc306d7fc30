"""Figures: one function for each, in a house style with a light and a dark variant."""

from mlsysim.viz.audit import plot_audit
from mlsysim.viz.batch import plot_batch
from mlsysim.viz.fidelity import plot_fidelity
from mlsysim.viz.generations import growth, plot_growth
from mlsysim.viz.iron_law import iron_law_terms, plot_iron_law
from mlsysim.viz.kernels import kernel_groups, plot_kernels
from mlsysim.viz.landscape import plot_fabrics, plot_grids, plot_hardware, plot_models
from mlsysim.viz.roofline import plot_roofline
from mlsysim.viz.serving import plot_serving_curve
from mlsysim.viz.style import light_and_dark
from mlsysim.viz.sweep import plot_sweep
from mlsysim.viz.times import plot_times
from mlsysim.viz.tornado import plot_tornado
from mlsysim.viz.validation import plot_errors, plot_predictions
from mlsysim.viz.wall_report import plot_wall_report
from mlsysim.viz.walls import plot_walls

__all__ = [
    "growth",
    "iron_law_terms",
    "kernel_groups",
    "light_and_dark",
    "plot_audit",
    "plot_batch",
    "plot_errors",
    "plot_fabrics",
    "plot_fidelity",
    "plot_grids",
    "plot_growth",
    "plot_hardware",
    "plot_iron_law",
    "plot_kernels",
    "plot_models",
    "plot_predictions",
    "plot_roofline",
    "plot_serving_curve",
    "plot_sweep",
    "plot_times",
    "plot_tornado",
    "plot_wall_report",
    "plot_walls",
]
