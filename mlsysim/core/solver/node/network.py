"""One device on a network: whether arithmetic, memory or the link limits a pass that also sends."""

from __future__ import annotations

from typing import Any

from mlsysim.core.result import Field, Result
from mlsysim.core.solver.base import Solver
from mlsysim.core.solver.node.single import SingleNodeModel
from mlsysim.core.walls import Wall, wall
from mlsysim.errors import InputTypeError, shown
from mlsysim.hardware.types import HardwareNode
from mlsysim.models.types import Workload
from mlsysim.physics import network, roofline
from mlsysim.systems.registry import Systems
from mlsysim.systems.types import NetworkFabric
from mlsysim.units import amount


class NetworkRooflineResult(Result):
    """How one pass runs on a device that sends over a link meanwhile."""

    model = Field("Model", kind=str)
    hardware = Field("Device", kind=str)
    fabric = Field("Network", kind=str)
    latency = Field("Latency", "s", "ms")
    latency_compute = Field("  arithmetic alone", "s", "ms")
    latency_memory = Field("  memory traffic alone", "s", "ms")
    latency_network = Field("  sending alone", "s", "ms")
    latency_overhead = Field("  fixed overhead", "s", "ms")
    throughput = Field("Throughput", "1/s")
    bottleneck = Field("Bottleneck", kind=str)
    feasible = Field("Fits in memory", kind=bool)
    flops = Field("Operations", "flop", "GFLOP")
    traffic = Field("Memory traffic", "byte", "GB")
    message = Field("Bytes sent", "byte", "MB")
    hidden_message = Field("  that would cost no time", "byte", "MB")
    arithmetic_intensity = Field("Arithmetic intensity", "flop/byte")
    ridge_point = Field("  ridge point of the memory", "flop/byte")
    communication_intensity = Field("Communication intensity", "flop/byte", kind=float | None)
    network_ridge = Field("  ridge point of the network", "flop/byte")
    link_bandwidth = Field("Bandwidth of the link, per direction", "byte/s", "GB/s")
    batch_size = Field("Batch size", kind=int)
    phase = Field("Phase", kind=str)
    precision = Field("Precision", kind=str)
    compute_precision = Field("  computed in", kind=str)
    efficiency = Field("Efficiency of the arithmetic", kind=float)
    efficiency_source = Field("  from", kind=str)
    notes = Field("Notes", kind=tuple[str, ...])
    would_fit = Field("What would fit", kind=tuple[str, ...])


class NetworkRooflineModel(Solver):
    """Walls 1, 2 and 14: a pass on one device under three ceilings, its arithmetic, its memory and its link.

    T = max(F / (η·P), Q / β, V / β_n) + t_0, where V is what the device sends meanwhile [cardwell2019extended].

    Examples
    --------
    >>> from mlsysim import Hardware, Models, NetworkRooflineModel, Q_, Systems
    >>> link, sent = Systems.Fabrics.InfiniBand_NDR, Q_(500, "MB")
    >>> result = NetworkRooflineModel().solve(Models.Llama3_8B, Hardware.H100, link, message=sent)
    >>> result.bottleneck, f"{result.latency:.0f}", f"{result.hidden_message:.0f}"
    ('Network', '10 ms', '244 MB')
    """

    @property
    def walls(self) -> tuple[Wall, ...]:
        """The walls whose ceilings meet here."""
        return wall("Compute"), wall("Memory"), wall("Communication")

    def solve(
        self,
        model: Workload,
        hardware: HardwareNode,
        fabric: NetworkFabric,
        batch_size: int = 1,
        precision: str = "fp16",
        efficiency: float | None = None,
        *,
        phase: str | None = None,
        seq_len: int | None = None,
        message: Any = None,
    ) -> NetworkRooflineResult:
        """Return which of the three ceilings limits a pass, and how much could be sent at no cost of time.

        Parameters
        ----------
        model, hardware, batch_size, precision, efficiency, phase, seq_len
            As in `SingleNodeModel.solve`.
        fabric
            An entry of `Systems.Fabrics`, or a network of your own: the link is that of one device, per direction.
        message
            Bytes that the device sends in each pass, such as ``Q_(64, "MB")``: of an all-reduce over a ring of N
            devices, 2·(N - 1)/N of the data. Left out, it sends nothing, and `hidden_message` is the answer.

        Returns
        -------
        NetworkRooflineResult
            Also if the model does not fit: then `feasible` is False.

        Raises
        ------
        InputError, InputTypeError, UnitError, UnknownName
            For an argument of the wrong kind or an impossible value; the message names it and what is allowed.
        """
        link = float(_check_fabric(fabric).bandwidth.m_as("byte/s"))
        sent = 0.0 if message is None else amount("message", message, "byte", zero=True)
        alone = (
            SingleNodeModel()
            .solve(model, hardware, batch_size, precision, efficiency, phase=phase, seq_len=seq_len)
            .plain
        )
        compute, memory, overhead = (alone[f"latency_{name}"] for name in ("compute", "memory", "overhead"))
        sending = network.network_time.plain(sent, link)
        total = network.network_roofline_time.plain(compute, memory, sending, overhead)
        own = {
            "fabric": fabric.name,
            "latency": total,
            "latency_network": sending,
            "throughput": roofline.throughput.plain(alone["batch_size"], total),
            "bottleneck": "Network" if sending > max(compute, memory, overhead) else alone["bottleneck"],
            "message": sent,
            "hidden_message": network.hidden_message.plain(compute, memory, link),
            "communication_intensity": network.communication_intensity.plain(alone["flops"], sent) if sent else None,
            "network_ridge": network.network_ridge.plain(hardware.plain.peaks[alone["compute_precision"]], link),
            "link_bandwidth": link,
            "notes": (
                *alone["notes"],
                "sending overlaps with the pass and takes no memory bandwidth; the latency of the network is left out",
            ),
        }
        shared = {name: alone[name] for name in NetworkRooflineResult.fields() if name in alone}
        return NetworkRooflineResult(**(shared | own))


def _check_fabric(fabric: Any) -> NetworkFabric:
    if isinstance(fabric, NetworkFabric):
        return fabric
    if isinstance(fabric, str):
        Systems.Fabrics[fabric]  # raises with the nearest name if there is none
        raise InputTypeError(f"fabric must be an object, not its name: write Systems.Fabrics.{fabric} for {fabric!r}")
    raise InputTypeError(f"fabric must be an entry of Systems.Fabrics or one of your own; got {shown(fabric)}")
