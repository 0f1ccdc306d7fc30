"""Arguments that commands share, and how they are read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from mlsysim.cli import completion
from mlsysim.cli.answers import Output
from mlsysim.errors import InputError

if TYPE_CHECKING:
    from mlsysim.hardware.types import HardwareNode
    from mlsysim.models.types import Workload
    from mlsysim.systems.types import Fleet

MODEL = "A model: see `mlsysim zoo models`; or the config.json of Hugging Face."
HARDWARE = "A device: see `mlsysim zoo hardware`; or FILE.yaml:NAME, one of your own."

Model = Annotated[str, typer.Argument(help=MODEL, autocompletion=completion.models, metavar="MODEL")]
Device = Annotated[str, typer.Argument(help=HARDWARE, autocompletion=completion.hardware, metavar="HARDWARE")]
OptionalDevice = Annotated[
    str | None, typer.Argument(help=HARDWARE, autocompletion=completion.hardware, metavar="HARDWARE")
]
FleetName = Annotated[
    str | None, typer.Option("--fleet", help="A cluster: see `mlsysim zoo systems`.", autocompletion=completion.fleets)
]
Devices = Annotated[
    int | None, typer.Option("--devices", help="With HARDWARE: how many, in nodes of eight or in one smaller node.")
]
Fabric = Annotated[
    str | None,
    typer.Option("--fabric", help="With --devices: the network between nodes.", autocompletion=completion.fabrics),
]
BatchSize = Annotated[int | None, typer.Option("--batch-size", "-b", help="Samples at once.", show_default="1")]
Precision = Annotated[
    str | None,
    typer.Option(
        "--precision", "-p", help="Format in memory.", autocompletion=completion.precisions, show_default="fp16"
    ),
]
Efficiency = Annotated[
    float | None,
    typer.Option(
        "--efficiency", "-e", help="Reachable fraction of the dense peak, in (0, 1]; measured where left out."
    ),
]
SeqLen = Annotated[int | None, typer.Option("--seq-len", "-s", help="Tokens of each sequence.")]
KVPrecision = Annotated[
    str | None, typer.Option("--kv-precision", help="Format of the KV cache.", autocompletion=completion.precisions)
]
Fidelity = Annotated[
    str | None,
    typer.Option(
        "--fidelity",
        "-f",
        help="roofline: the pass as one point (default); operator: the sum of its kernels.",
        autocompletion=completion.fidelities,
    ),
]
CalibrationLevel = Annotated[
    str | None,
    typer.Option(
        "--calibration",
        "-c",
        help="What kernels reach, with --fidelity operator: none, the speed of light; datasheet, universal constants;"
        " fitted, timings of the device (default).",
        autocompletion=completion.calibrations,
    ),
]
TensorParallel = Annotated[
    int | None,
    typer.Option(
        "--tensor-parallel",
        "-t",
        help="Devices that share each layer; above 1 with --fidelity operator.",
        show_default="1",
    ),
]
Phase = Annotated[
    str | None,
    typer.Option("--phase", help="decode or prefill, for a language model.", autocompletion=completion.phases),
]
Explain = Annotated[bool, typer.Option("--explain", help="Show the derivation: each equation with the numbers put in.")]
Form = Annotated[
    Output, typer.Option("--output", "-o", help="Form of the answer; `mlsysim schema` has that of its JSON.")
]


def given(**options: Any) -> dict[str, Any]:
    """Return the options that stand on the command line: the others keep the defaults of the solver."""
    return {name: value for name, value in options.items() if value is not None}


def model_of(name: str) -> Workload:
    """Return a model by its name, or that of a `config.json`."""
    from mlsysim import Models

    return Models.from_hf(name) if name.endswith(".json") else Models[name]


def device_of(name: str) -> HardwareNode:
    """Return a device by its name, or one of a YAML file of your own: ``FILE.yaml:NAME``."""
    from mlsysim import Hardware

    file, colon, entry = name.rpartition(":")
    if name.endswith((".yaml", ".yml")):
        mine = Hardware.load(name)
        if len(mine) != 1:
            raise InputError(f"{name} has several devices: write one of {', '.join(f'{name}:{n}' for n in mine.names)}")
        return next(iter(mine))
    return Hardware.load(file)[entry] if colon and file.endswith((".yaml", ".yml")) else Hardware[name]


def fleet_of(name: str | None, hardware: str | None, devices: int | None, fabric: str | None) -> Fleet:
    """Return a cluster by its name, or the fleet of a number of devices."""
    from mlsysim import Fleet, Node, Systems
    from mlsysim.errors import positive_integer
    from mlsysim.systems.types import DEVICES_IN_A_NODE

    if name is not None:
        for option, value in (("HARDWARE", hardware), ("--devices", devices), ("--fabric", fabric)):
            if value is not None:
                raise InputError(f"--fleet {name} says what the fleet is made of: leave {option} {value} out")
        return Systems.Clusters[name]
    if hardware is None or devices is None:
        raise InputError("a fleet is missing: give --fleet NAME, or HARDWARE with --devices N")
    device, number = device_of(hardware), positive_integer("--devices", devices)
    network = None if fabric is None else Systems.Fabrics[fabric]
    called, whole = f"{number} x {device.name}", number % DEVICES_IN_A_NODE == 0
    if number > DEVICES_IN_A_NODE and not whole:
        raise InputError(f"--devices must be below 8, one node, or a multiple of 8, nodes of eight; got {number}")
    if number > DEVICES_IN_A_NODE and network is None:
        raise InputError(
            f"--devices {number} makes {number // DEVICES_IN_A_NODE} nodes: give --fabric, the network between them,"
            " such as InfiniBand_NDR"
        )
    if whole:
        return Fleet(name=called, hw=device, count=number // DEVICES_IN_A_NODE, fabric=network)
    if device.interconnect is None:
        raise InputError(f"{device.name} has no links of its own to make a node of: give --fleet")
    links = device.interconnect.bandwidth
    node = Node(name=called, accelerator=device, accelerators_per_node=number, intra_node_bw=links)
    return Fleet(name=called, node=node, count=1, fabric=network)


def amount_of(option: str, text: str | None) -> Any:
    """Return a number, or a number with its unit as a quantity, such as ``"50 ms"``."""
    from mlsysim.core.assertions import quantity

    if text is None:
        return None
    try:
        return quantity(text)
    except InputError as error:
        raise InputError(f"{option} {error}") from None


def listed(text: str) -> list[str]:
    """Return the parts of a list with commas."""
    return [part.strip() for part in text.split(",") if part.strip()]
