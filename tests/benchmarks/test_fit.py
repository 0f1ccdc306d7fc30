"""The fit of the constants: what it rejects, what it finds, and that it gives the file that is in place."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from statistics import median

import numpy as np
import pandas as pd
import pytest

from benchmarks.fit import attention, collectives, gemm
from benchmarks.fit.document import FILE, differences, document, read
from benchmarks.fit.measured import DEVICES, FOLDER, PRECISIONS, device, fastest
from benchmarks.fit.search import errors, search
from mlsysim.hardware.registry import universal

ROOT = Path(__file__).parents[2]
NOTICE = "Copyright (c) 2025-2026 NVIDIA CORPORATION & AFFILIATES"
ENTRIES = read()
every_system = pytest.mark.parametrize("system", DEVICES)


def gemm_fits():
    return {(name, key): fit for name, entry in ENTRIES.items() for key, fit in entry["gemm"].items()}


def test_fitting_again_gives_the_file_to_its_last_digit():
    command = [sys.executable, "-m", "benchmarks.fit", "--check"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "kernels.yaml is what the timings give" in done.stdout


def test_the_file_is_the_document_of_its_entries():
    assert document(ENTRIES) == FILE.read_text("utf-8")


def test_a_file_that_differs_is_told_where():
    other = {**ENTRIES, "H100": {**ENTRIES["H100"], "date": "2020-01-01", "all_gather": {}}}
    told = differences(ENTRIES, other)
    assert any(line.startswith("H100.date: 2026-11-21 in the file, 2020-01-01 fitted") for line in told)
    assert any(line.startswith("H100.all_gather.nccl.setup_us") for line in told)


def test_one_unit_of_the_last_digit_is_no_difference():
    assert differences({"floor_us": 2.96}, {"floor_us": 2.97}) == []
    assert differences({"floor_us": 2.96}, {"floor_us": 2.98})


class TestErrors:
    def test_products_of_hopper_in_16_bits_are_within_6_percent_on_shapes_left_out(self):
        for name in ("H100", "H200"):
            assert gemm_fits()[name, "bf16"]["held_out_error"] <= 0.06

    def test_products_are_within_8_percent_on_shapes_left_out_in_the_middle(self):
        held_out = [fit["held_out_error"] for fit in gemm_fits().values()]
        assert median(held_out) <= 0.08
        assert max(held_out) == gemm_fits()["B200", "fp4"]["held_out_error"] <= 0.12

    def test_the_search_does_not_fit_shapes_by_heart(self):
        for fit in gemm_fits().values():
            assert fit["held_out_error"] <= fit["median_error"] + 0.02

    @pytest.mark.parametrize(("kind", "limit"), [("decode_attention", 0.11), ("prefill_attention", 0.06)])
    def test_attention(self, kind, limit):
        for entry in ENTRIES.values():
            for fit in entry[kind].values():
                assert fit["median_error"] <= limit

    def test_collectives(self):
        for entry in ENTRIES.values():
            for fit in [*entry["all_reduce"].values(), *entry["all_gather"].values()]:
                assert fit["median_error"] <= 0.11
                assert fit["p90_error"] <= 0.33

    def test_nccl_by_its_ways(self):
        for entry in ENTRIES.values():
            for collective, median_error, p90_error in (("all_reduce", 0.05, 0.18), ("all_gather", 0.08, 0.25)):
                for key, fit in entry[collective].items():
                    if key.startswith("nccl"):
                        assert fit["median_error"] <= median_error
                        assert fit["p90_error"] <= p90_error

    @pytest.mark.parametrize(
        ("system", "wide", "narrow"),
        [
            ("h100_sxm", 0.07, [0.15]),
            ("h200_sxm", 0.06, [0.19]),
            ("a100_sxm", 0.10, []),
            ("b200_sxm", 0.10, [0.31, 0.37]),
            ("l40s", 0.12, [0.16]),
        ],
    )
    def test_universal_constants_are_as_far_off_as_their_record_says(self, system, wide, narrow):
        plain = device(system).plain
        constants = tuple(universal(name) for name in ("efficiency", "memory_efficiency", "kernel_floor"))
        found = [
            float(np.median(errors(gemm.predicted(table, plain.peaks[key], plain.bandwidth, constants), table.time)))
            for key, (table, *_) in gemm.points(system)
        ]
        assert [round(one, 2) for one in found] == [wide, *narrow]


class TestRejection:
    ROWS = pd.DataFrame(
        [
            *({"engine": "sound", "point": point, "time": 2.0 + point, "least": 1.0} for point in range(10)),
            *({"engine": "cached once", "point": point, "time": 1.5 + point, "least": 1.0} for point in range(9)),
            {"engine": "cached once", "point": 9, "time": 0.9, "least": 1.0},
            *({"engine": "broken", "point": point, "time": 0.5 + 0.2 * point, "least": 1.0} for point in range(10)),
        ]
    )

    def test_a_row_faster_than_light_is_rejected_and_so_is_an_engine_with_many(self):
        found = fastest(self.ROWS, "engine", ["point"])
        assert found.rejected == 1 + 10
        assert found.engines == ("cached once", "sound")

    def test_the_fastest_of_those_left_stands_where_all_of_them_have_a_time(self):
        table = fastest(self.ROWS, "engine", ["point"]).table
        assert table.point.tolist() == list(range(9))
        assert table.time.tolist() == [1.5 + point for point in range(9)]

    @every_system
    def test_nothing_that_is_fitted_beats_the_speed_of_light(self, system):
        sets = [found for _, found in gemm.points(system)]
        sets += [f(system, dtype) for f in (attention.decode_points, attention.prefill_points) for dtype in PRECISIONS]
        sets += [collectives.points(system, op, kind) for op in collectives.TIME for kind in collectives.KINDS]
        for found in sets:
            assert (found.table.time >= found.table.least).all()

    def test_decode_attention_of_one_engine_on_a100_beats_the_bandwidth_and_is_left_out(self):
        found = attention.decode_points("a100_sxm", "bfloat16")
        assert found.rejected == 418
        assert found.engines == ("sglang 0.5.10", "vllm 0.14.0")

    def test_small_products_stay_in_the_cache_of_the_l40s(self):
        fits = ENTRIES["L40S"]["gemm"]
        assert (fits["bf16"]["rejected"], fits["fp8"]["rejected"]) == (77, 33)
        assert all(fit["floor_us"] == 3 and "universal" in fit["note"] for fit in fits.values())

    def test_no_other_timing_is_beyond_the_speed_of_light(self):
        rejected = {
            (name, kind)
            for name, entry in ENTRIES.items()
            for kind, fits in entry.items()
            for fit in (fits.values() if isinstance(fits, dict) else ())
            if fit["rejected"]
        }
        assert rejected == {("A100", "decode_attention"), ("L40S", "gemm")}

    def test_one_bandwidth_does_not_describe_the_sockets_of_an_l40s_server(self):
        assert ENTRIES["L40S"]["all_reduce"] == ENTRIES["L40S"]["all_gather"] == {}


class TestTimings:
    @every_system
    def test_they_were_reduced_with_our_peaks(self, system):
        plain = device(system).plain
        rows = pd.read_csv(FOLDER / f"gemm_efficiency_{system}.csv")
        rows = rows[rows.dtype.isin(list(PRECISIONS)) & (rows.frac_dense_peak > 0.1)]
        ours = rows.dtype.map({dtype: plain.peaks.get(name) for dtype, name in PRECISIONS.items()})
        assert (rows.tflops * 1e12 / rows.frac_dense_peak / ours).to_numpy() == pytest.approx(1, rel=2e-3)

    def test_keys_and_values_are_those_of_one_layer(self):
        rows = pd.read_csv(FOLDER / "decode_attention_bw.csv")
        size = rows.kv_dtype.map({"bfloat16": 2, "fp8": 1})
        held = 2 * rows.kv_heads * attention.HEAD * rows.kv_len * rows.batch * size
        assert (held / 1e6).to_numpy() == pytest.approx(rows.kv_MB.to_numpy(), rel=1e-3, abs=1e-3)

    def test_products_have_the_operations_that_were_published_with_them(self):
        for _, found in gemm.points("h100_sxm"):
            table = found.table[found.table.frac_dense_peak > 0.01]
            assert (table.flops / table.time / 1e12).to_numpy() == pytest.approx(table.tflops.to_numpy(), rel=2e-3)


class TestSearch:
    def test_it_finds_the_constants_that_made_the_times(self):
        flops, traffic = np.meshgrid(np.geomspace(1e8, 1e13, 12), np.geomspace(1e4, 1e9, 12))

        def form(share, floor):
            return floor + np.maximum(flops / (share * 1e15), traffic / 3e12)

        assert search(form, form(0.654, 4.32e-6), (0.8, 1e-5), shares=1) == (0.654, 4.32e-6)

    def test_an_error_is_relative(self):
        assert errors([1.1, 0.5], [1.0, 1.0]) == pytest.approx([0.1, 0.5])


@pytest.mark.parametrize("path", ["NOTICE", "benchmarks/measured/README.md", "mlsysim/hardware/data/kernels.yaml"])
def test_the_licence_notice_stands_beside_the_data(path):
    text = re.sub(r"\s+(# )?", " ", (ROOT / path).read_text("utf-8"))
    assert NOTICE in text
    assert "Apache License, Version 2.0" in text
    assert re.search(r"(changed|modified): extracted, conver", text)
