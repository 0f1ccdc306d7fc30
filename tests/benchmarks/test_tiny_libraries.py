"""Libraries of kernels on microcontrollers: what each reaches is the mean of the submissions that are kept."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from benchmarks.fit.measured import FOLDER
from mlsysim.hardware.libraries import LIBRARIES
from mlsysim.models.registry import Models
from mlsysim.references import reference
from mlsysim.validation.records import published

ROWS = pd.read_csv(FOLDER / "tiny_libraries.csv")
SMLAD = 2
"""Multiply-adds of 16 bits that the cores of the table make in a cycle."""

NETWORKS = {"ic": "ResNet8", "kws": "DS_CNN", "vww": "PersonDetection", "ad": "AnomalyDetector"}
FITS = [(library, core) for library in LIBRARIES.names for core in LIBRARIES[library]]
MEASURED = [(library, core) for library, core in FITS if ((ROWS.library == library) & (ROWS.core == core)).any()]


@pytest.mark.parametrize(("library", "core"), MEASURED)
def test_a_library_reaches_the_geometric_mean_of_its_networks(library, core):
    rows = ROWS[(ROWS.library == library) & (ROWS.core == core)]
    reached = rows.macs * rows.inferences_per_s / (SMLAD * rows.clock_mhz * 1e6)
    fit = LIBRARIES[library][core]
    assert fit.efficiency == pytest.approx(np.exp(np.log(reached).mean()), abs=5e-4)
    assert (fit.low, fit.high) == (pytest.approx(reached.min(), abs=5e-4), pytest.approx(reached.max(), abs=5e-4))


def test_what_was_not_measured_says_that_it_is_carried_over():
    for library, core in FITS:
        assert ("carried over" in LIBRARIES[library][core].condition) == ((library, core) not in MEASURED)


def test_what_is_carried_over_follows_from_what_was_measured():
    old, new = LIBRARIES["X-CUBE-AI 7.3"], LIBRARIES["X-CUBE-AI 10.2"]
    gain = new["Cortex-M4"].efficiency / old["Cortex-M4"].efficiency
    assert new["Cortex-M7"].efficiency == pytest.approx(old["Cortex-M7"].efficiency * gain, abs=5e-4)
    assert old["Cortex-M33"].efficiency == old["Cortex-M4"].efficiency
    arm = LIBRARIES["CMSIS-NN"]
    assert arm["Cortex-M7"].efficiency == pytest.approx(arm["Cortex-M4"].efficiency * 30 / 19.6, abs=5e-4)


def test_the_multiply_adds_are_those_of_the_networks():
    for name, macs in ROWS.groupby("network").macs:
        assert (2 * macs == Models[NETWORKS[name]].flops().m_as("flop")).all()


def test_no_result_that_is_compared_with_is_of_these_rounds():
    sources = {LIBRARIES[library][core].source for library, core in FITS}
    assert sources.isdisjoint(one.source.name for one in published())
    assert all(reference(source) for source in sources)
