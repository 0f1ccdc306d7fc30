"""Measure a ladder of matrix products, a streaming copy and a small transformer's decode, and say how far we are off.

    python -m benchmarks.measure_gpu H100 --output mine.json     # needs PyTorch and its device
    mlsysim validate mine.json

The file has ``records``, published results of our form, and ``kernels``, timings of single kernels. The decode is one
pass over the prompt and one step at the mean context for each further token, each a CUDA graph: no host works between.
Kernels follow one another in a graph, on operands that together outgrow the caches.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median
from typing import Any, Protocol

from mlsysim.core.solver.node.kernels import Calibration
from mlsysim.hardware.registry import Hardware
from mlsysim.hardware.types import HardwareNode
from mlsysim.models.operators import Operator
from mlsysim.models.registry import Models
from mlsysim.physics.precision import ELEMENT_SIZE
from mlsysim.tables import text_table

Run = tuple[Callable[[], Any], int]
"""What runs kernels, and how many of them one call runs."""

LADDER = [
    (m, n, k) for n, k in ((4096, 4096), (14336, 4096), (4096, 14336)) for m in (1, 8, 64, 256, 1024, 4096, 16384)
]
COPIES = [2**power for power in range(16, 31, 2)]
MODEL = "GPT2"
BATCHES, PROMPT, ANSWER = (1, 8, 32), 512, 128
REPEATS, WARM_UPS, LEAST_SECONDS = 7, 3, 0.02
IN_A_GRAPH, OUTGROWN = 32, 2**29
"""Kernels that follow one another, and the bytes of all their operands together, above any cache."""


class Backend(Protocol):
    """What runs kernels: each method prepares one and returns what runs it."""

    name: str
    precision: str

    def matmul(self, m: int, n: int, k: int) -> Run: ...
    def copy(self, size: int) -> Run: ...
    def forward(self, shape: Any, batch: int, tokens: int, context: int) -> Run: ...
    def wait(self) -> None: ...


class Torch:
    """PyTorch on a CUDA device, in bfloat16; passes are captured in graphs."""

    precision = "bf16"

    def __init__(self) -> None:
        import torch

        if not torch.cuda.is_available():
            raise SystemExit("PyTorch sees no CUDA device: there is nothing to measure")
        self.torch, self.name = torch, f"PyTorch {torch.__version__}"
        self.make = lambda *shape: torch.randn(*shape, dtype=torch.bfloat16, device="cuda")

    def wait(self) -> None:
        """Wait until all that was started is done."""
        self.torch.cuda.synchronize()

    def matmul(self, m: int, n: int, k: int) -> Run:
        """Return a product of m times k by k times n."""
        operands = [
            (self.make(m, k), self.make(n, k).T, self.make(m, n)) for _ in range(_sets(2 * (m * k + n * k + m * n)))
        ]
        return self._cycled([lambda a=a, b=b, c=c: self.torch.matmul(a, b, out=c) for a, b, c in operands])

    def copy(self, size: int) -> Run:
        """Return a copy of some bytes."""
        pairs = [self.torch.empty(2, size, dtype=self.torch.uint8, device="cuda") for _ in range(_sets(2 * size))]
        return self._cycled([lambda pair=pair: pair[1].copy_(pair[0]) for pair in pairs])

    def forward(self, shape: Any, batch: int, tokens: int, context: int) -> Run:
        """Return a pass over some new tokens of each sequence, which see a context that ends with them."""
        functional, make = self.torch.nn.functional, self.make
        hidden, heads, wide = shape.hidden, shape.heads, shape.intermediate
        table, ones, zeros = make(shape.vocab, hidden), make(hidden), make(hidden)
        layers = [
            (make(3 * hidden, hidden), make(hidden, hidden), make(wide, hidden), make(hidden, wide))
            for _ in range(shape.layers)
        ]
        kept = [make(2, batch, heads, context, hidden // heads) for _ in range(shape.layers)]
        new = self.torch.zeros(batch, tokens, dtype=self.torch.long, device="cuda")

        def norm(x: Any) -> Any:
            return functional.layer_norm(x, (hidden,), ones, zeros)

        def step() -> Any:
            x = functional.embedding(new, table)
            for (qkv, out, up, down), cache in zip(layers, kept, strict=True):
                heads_of = functional.linear(norm(x), qkv).view(batch, tokens, 3, heads, -1).permute(2, 0, 3, 1, 4)
                cache[:, :, :, context - tokens :] = heads_of[1:]
                seen = functional.scaled_dot_product_attention(heads_of[0], *cache, is_causal=tokens == context)
                x = x + functional.linear(seen.transpose(1, 2).reshape(batch, tokens, hidden), out)
                x = x + functional.linear(functional.gelu(functional.linear(norm(x), up)), down)
            return functional.linear(norm(x[:, -1]), table)

        return self._graph(step), 1

    def _cycled(self, runs: Sequence[Callable[[], Any]]) -> Run:
        """All of some runs, one after the other, again and again."""

        def chain() -> None:
            for place in range(IN_A_GRAPH):
                runs[place % len(runs)]()

        return self._graph(chain), IN_A_GRAPH

    def _graph(self, run: Callable[[], Any]) -> Callable[[], Any]:
        side = self.torch.cuda.Stream()
        with self.torch.no_grad(), self.torch.cuda.stream(side):
            for _ in range(WARM_UPS):
                run()
        self.wait()
        graph = self.torch.cuda.CUDAGraph()
        with self.torch.no_grad(), self.torch.cuda.graph(graph):
            run()
        return graph.replay


def _sets(size: int) -> int:
    """Sets of operands of that many bytes that outgrow the caches, no more than run in a graph."""
    return min(IN_A_GRAPH, -(-OUTGROWN // size))


def seconds(backend: Backend, prepared: Run, clock: Callable[[], float] = time.perf_counter) -> float:
    """Return the median time of a kernel, of repeats that each last long enough to be timed by the host."""
    run, number = prepared
    for _ in range(WARM_UPS):
        run()
    backend.wait()

    def lasting(runs: int) -> float:
        start = clock()
        for _ in range(runs):
            run()
        backend.wait()
        return clock() - start

    runs = 1
    while (took := lasting(runs)) < LEAST_SECONDS:
        runs = max(2 * runs, int(runs * LEAST_SECONDS / max(took, 1e-9)) if took > 0 else 0)
    return median(lasting(runs) / (runs * number) for _ in range(REPEATS))


def kernels(
    backend: Backend, ladder: Sequence[tuple[int, int, int]] = LADDER, copies: Sequence[int] = COPIES
) -> list[dict[str, Any]]:
    """Return the timings of products and copies."""
    rows: list[dict[str, Any]] = []
    for m, n, k in ladder:
        shape = {"kind": "gemm", "precision": backend.precision, "m": m, "n": n, "k": k}
        rows.append(shape | {"seconds": seconds(backend, backend.matmul(m, n, k))})
    for size in copies:
        rows.append({"kind": "copy", "bytes": size, "seconds": seconds(backend, backend.copy(size))})
    return rows


def records(
    backend: Backend,
    device: str,
    model: str = MODEL,
    batches: Sequence[int] = BATCHES,
    prompt: int = PROMPT,
    answer: int = ANSWER,
) -> list[dict[str, Any]]:
    """Return the decode of a small transformer as published results of our form."""
    shape, found = Models[model], []
    for batch in batches:
        first = seconds(backend, backend.forward(shape, batch, prompt, prompt))
        step = seconds(backend, backend.forward(shape, batch, 1, prompt + answer // 2))
        rate = batch * answer / (first + (answer - 1) * step)
        inputs = {"model": model, "hardware": device, "count": 1, "precision": backend.precision, "batch": batch}
        found.append(
            {
                "id": f"measured-{device}-{model}-b{batch}",
                "domain": "serving",
                "description": f"decode of {shape.name} on {device}, {batch} at once, passes as CUDA graphs",
                "inputs": inputs | {"input_tokens": prompt, "output_tokens": answer, "framework": backend.name},
                "measured": {"decode_speed": {"value": rate, "unit": "token/s"}},
                "source": {"title": f"measured with benchmarks/measure_gpu.py, {backend.name}"},
                "confidence": "confirmed",
                "note": "The time of the prompt and of the steps was measured apart; a step has the mean context.",
            }
        )
    return found


def predicted(row: dict[str, Any], device: HardwareNode, level: str = "fitted") -> float:
    """Return the time of a timed kernel as the operator fidelity has it [s]."""
    if row["kind"] == "copy":
        asked = Operator("copy", "elementwise", inputs=row["bytes"], outputs=row["bytes"])
        return float(Calibration(device, "bf16", "bf16", level).time(asked).time)
    m, n, k, size = row["m"], row["n"], row["k"], ELEMENT_SIZE[row["precision"]]
    amounts = {"flops": 2 * m * n * k, "weights": size * n * k, "inputs": size * m * k, "outputs": size * m * n}
    asked = Operator("product", "gemm", m=m, n=n, k=k, **amounts)
    return float(Calibration(device, row["precision"], row["precision"], level).time(asked).time)


def compared(rows: Sequence[dict[str, Any]], device: HardwareNode) -> list[list[str]]:
    """Return each kernel with its time, our prediction and the error."""
    told = []
    for row in rows:
        shape = " x ".join(str(row[side]) for side in "mnk") if row["kind"] == "gemm" else f"{row['bytes']} B"
        ours = predicted(row, device)
        times = (f"{1e6 * row['seconds']:.2f}", f"{1e6 * ours:.2f}", f"{100 * (ours / row['seconds'] - 1):+.1f}")
        told.append([row["kind"], shape, *times])
    return told


def main() -> None:
    """Measure, write the file, print the errors."""
    arguments = argparse.ArgumentParser(
        prog="python -m benchmarks.measure_gpu",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    arguments.add_argument("device", help="what the package calls the device, such as H100")
    arguments.add_argument("--output", type=Path, default=Path("measured.json"), help="the file to write")
    asked = arguments.parse_args()
    device, backend = Hardware[asked.device], Torch()
    rows = kernels(backend)
    answer = {
        "device": asked.device,
        "backend": backend.name,
        "records": records(backend, asked.device),
        "kernels": rows,
    }
    asked.output.write_text(json.dumps(answer, indent=1) + "\n", "utf-8")
    table = compared(rows, device)
    print(text_table(["Kernel", "Shape", "Measured µs", "Predicted µs", "Error %"], table, "<<>>>"))
    print(f"median error {median(abs(float(row[-1])) for row in table):.1f} %; written: {asked.output}")


if __name__ == "__main__":
    main()
