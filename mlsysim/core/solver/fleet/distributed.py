"""A model trained on a fleet: how long a step takes, and where the time goes."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from mlsysim.core.bands import judged_step
from mlsysim.core.result import Field, Result
from mlsysim.core.solver.base import Solver, check_model
from mlsysim.core.solver.fleet.groups import Group, Network
from mlsysim.core.solver.fleet.inputs import check_fleet
from mlsysim.core.solver.fleet.layout import Layout
from mlsysim.core.solver.fleet.shard import Job
from mlsysim.core.solver.fleet.step import Step
from mlsysim.core.solver.node.kernels import Calibration
from mlsysim.core.solver.node.optimizers import optimizer_of, stored_format
from mlsysim.core.solver.node.training_work import RECOMPUTE
from mlsysim.errors import InputError, boolean, fraction, positive_integer, shown, unknown
from mlsysim.models.transformer import TransformerWorkload
from mlsysim.models.types import Workload
from mlsysim.physics import parallel, roofline, training
from mlsysim.physics import transformer as physics
from mlsysim.physics.equation import unrecorded
from mlsysim.physics.precision import ELEMENT_SIZE
from mlsysim.systems.types import Fleet
from mlsysim.units import amount


class DistributedResult(Result):
    """How one training step runs on a fleet."""

    judged_by = staticmethod(judged_step)

    model = Field("Model", kind=str)
    fleet = Field("Fleet", kind=str)
    step_latency_total = Field("Step", "s")
    step_compute = Field("  kernels", "s", "ms")
    step_recompute = Field("  computed again", "s", "ms", optional=True)
    tp_communication_latency = Field("  tensor-parallel sums", "s", "ms")
    cp_communication_latency = Field("  context-parallel ring, not hidden", "s", "ms", optional=True)
    ep_communication_latency = Field("  expert-parallel exchange", "s", "ms", optional=True)
    pp_communication_latency = Field("  sends between stages", "s", "ms", optional=True)
    pipeline_bubble_latency = Field("  idle in the pipeline", "s", "ms", optional=True)
    dp_exposed_latency = Field("  data-parallel exchange, not hidden", "s", "ms")
    step_optimizer = Field("  optimizer", "s", "ms")
    straggler_latency = Field("  waiting for stragglers", "s", "ms", optional=True)
    dp_communication_latency = Field("Data-parallel exchange, all of it", "s", "ms")
    bubble_fraction = Field("Share of the pipeline that is idle", kind=float)
    scaling_efficiency = Field("Scaling efficiency", kind=float)
    effective_throughput = Field("Throughput", "token/s")
    mfu = Field("MFU", kind=float)
    hfu = Field("HFU", kind=float)
    flops = Field("Operations of the model in a step", "flop")
    feasible = Field("Fits in memory", kind=bool)
    memory_footprint = Field("Memory needed, of one device", "byte", "GB")
    weights_size = Field("  weights", "byte", "GB")
    gradients_size = Field("  gradients", "byte", "GB")
    optimizer_size = Field("  optimizer", "byte", "GB")
    activations_size = Field("  activations", "byte", "GB")
    buffers_size = Field("  buffers", "byte", "GB")
    memory_capacity = Field("Memory of the device", "byte", "GB")
    devices = Field("Devices", kind=int)
    tp_size = Field("Tensor parallel", kind=int)
    cp_size = Field("Context parallel", kind=int)
    pp_size = Field("Pipeline parallel", kind=int)
    dp_size = Field("Data parallel", kind=int)
    ep_size = Field("Expert parallel", kind=int)
    zero_stage = Field("ZeRO stage", kind=int)
    shard_size = Field("  devices that share", kind=int)
    batch_size = Field("Sequences in a step", kind=int)
    microbatch_size = Field("  in a microbatch", kind=int)
    microbatch_count = Field("  microbatches of a replica", kind=int)
    seq_len = Field("Tokens of a sequence", kind=int)
    precision = Field("Precision", kind=str)
    recompute = Field("Recomputation", kind=str)
    calibration = Field("Calibration", kind=str)
    notes = Field("Notes", kind=tuple[str, ...])
    would_fit = Field("What would fit", kind=tuple[str, ...])


class DistributedModel(Solver):
    """Wall 14: a training step on many devices, kernel by kernel at the shapes that each device has.

    T = M·(t_kernels + t_exchange) + bubble + what of the data-parallel exchange nothing hides + optimizer.

    Examples
    --------
    >>> from mlsysim import DistributedModel, Models, Systems
    >>> solve = DistributedModel().solve
    >>> result = solve(Models.Llama3_70B, Systems.Clusters.Research_256, 256, tp_size=8, pp_size=4, virtual_stages=5)
    >>> result.feasible, result.dp_size
    (True, 8)
    """

    def solve(
        self,
        model: Workload,
        fleet: Fleet,
        batch_size: int | None = None,
        precision: str = "bf16",
        efficiency: float | None = None,
        *,
        tp_size: int = 1,
        pp_size: int = 1,
        cp_size: int = 1,
        ep_size: int = 1,
        microbatch_size: int | None = None,
        microbatch_count: int | None = None,
        virtual_stages: int = 1,
        schedule: str = "1f1b",
        zero_stage: int = 1,
        shard_size: int | None = None,
        sequence_parallel: bool = True,
        recompute: str = "selective",
        flash_attention: bool = True,
        attention_kernel: str | None = None,
        optimizer: str = "adam",
        gradient_precision: str | None = None,
        dropout: bool = False,
        fused: bool = True,
        fused_gradients: bool = True,
        prefetch: bool = True,
        ends_as_layers: bool = False,
        overlap_comm: bool = True,
        seq_len: int | None = None,
        calibration: str = "fitted",
        congestion_factor: float = 1.0,
        straggler_factor: float = 1.0,
        expert_imbalance: float = 1.0,
    ) -> DistributedResult:
        """Return how long a training step takes, what of it is no computation, and the memory of one device.

        Parameters
        ----------
        model
            A transformer: an entry of `Models.Language`, or a `TransformerWorkload` of your own.
        fleet
            An entry of `Systems.Clusters`, or a `Fleet` of your own.
        batch_size
            Sequences in a step, of all replicas together; by default the fewest that fill the pipelines: one microbatch
            for each stage of each replica.
        precision
            Format of the products: fp32, tf32, bf16, fp16, fp8.
        efficiency
            Fraction of the peak that products reach, in (0, 1]; by default that of timed kernels of recent libraries.
            Those of May 2023 reached 0.55 to 0.78 on an H100 [pytorch2023bmm].
        tp_size, pp_size, cp_size, ep_size
            Degrees of tensor, pipeline, context and expert parallelism; the rest of the fleet is data parallel. Ranks
            follow one another in the order tensor, context, data, pipeline.
        microbatch_size, microbatch_count
            Sequences of a replica that go through at once, by default 1, or how many such groups; more groups than
            sequences cut each sequence along its tokens [li2021terapipe].
        virtual_stages, schedule
            Parts of the model that each stage holds, and ``"1f1b"`` or ``"zero-bubble"``.
        zero_stage, shard_size
            What data-parallel devices divide: 1 optimizer states, 2 gradients too, 3 weights too; and among how many of
            them, by default all. With fewer, the next group has a copy: hybrid sharding [zhao2023fsdp].
        sequence_parallel
            Whether the tensor-parallel group also divides what lies between its products [korthikanti2023reducing].
        recompute, flash_attention, optimizer
            As in `TrainingModel.solve`.
        attention_kernel
            ``"flash-1"`` or ``"flash-2"`` for what that generation reaches on an A100 or H100 [dao2024flashattention2];
            by default the fastest kernels timed on the device, which are later ones.
        gradient_precision
            Format in which gradients of weights are kept and summed: by default that of the weights, or ``"fp32"``, as
            Megatron does beside weights in bf16 [nvidia2024distoptimizer].
        dropout
            Whether layers drop activations, and keep masks and dropped copies [korthikanti2023reducing].
        fused
            Whether element-wise operations share kernels; without, each is a kernel of its own [ivanov2021data], and
            the loss needs memory for copies of the logits.
        fused_gradients
            Whether the product that makes the gradient of a weight also adds it to the sum over microbatches, as
            ``gradient_accumulation_fusion`` of Megatron Core does [nvidia2025mcoreconfig]; without, kernels of their
            own widen gradients and add them.
        prefetch
            Whether ZeRO 3 gathers the weights of the next layer while the gradients of this one are computed
            (``BACKWARD_PRE``), or only then (``BACKWARD_POST``), with nothing to hide behind [pytorch2025fsdp].
        ends_as_layers
            Whether the embedding and the output head each take the place of a layer, so that the first and the last
            stage have one layer less, and pp_size divides the layers and two more: Llama 3 405B on 16 stages
            [dubey2024llama3], ``account_for_embedding_in_pipeline_split`` and ``account_for_loss_in_pipeline_split`` of
            Megatron Core [nvidia2025mcoreconfig].
        overlap_comm
            Whether the data-parallel exchange runs beside the passes, bucket by bucket, a layer each.
        seq_len
            Tokens of each sequence; by default 2048, or the whole context where that is shorter.
        calibration
            ``"none"``, ``"datasheet"`` or ``"fitted"``, as in `SingleNodeModel.solve`.
        congestion_factor, straggler_factor, expert_imbalance
            How much longer traffic between nodes takes than alone; how much slower the slowest device computes than the
            others; tokens of the busiest expert over the mean. All at least 1.

        Returns
        -------
        DistributedResult
            Also if the split does not fit: then `feasible` is False and `would_fit` says what would.

        Raises
        ------
        InputError, InputTypeError, UnknownName
            For a degree that does not divide, with those that do, and for any other argument that means nothing.
        """
        check_training(model, fleet), boolean("overlap_comm", overlap_comm)
        if not isinstance(recompute, str) or recompute not in RECOMPUTE:
            raise unknown("recompute", recompute, RECOMPUTE)
        length = length_of(model, seq_len)
        devices, hardware = fleet.total_accelerators, fleet.node.accelerator
        layout = Layout.of(
            model,
            devices,
            batch_size,
            tp_size=tp_size,
            pp_size=pp_size,
            cp_size=cp_size,
            ep_size=ep_size,
            microbatch_size=microbatch_size,
            microbatch_count=microbatch_count,
            virtual_stages=virtual_stages,
            schedule=schedule,
            zero_stage=zero_stage,
            shard_size=shard_size,
            sequence_parallel=sequence_parallel,
            ends_as_layers=ends_as_layers,
        )
        for name, parts in (("cp_size", layout.context), ("microbatch_count", layout.context * layout.slices)):
            if length % parts:
                raise InputError(f"{name} must divide the {length} tokens of a sequence; it makes {parts} parts")
        job = job_of(
            model,
            fleet,
            precision,
            efficiency,
            length,
            calibration,
            flash_attention=flash_attention,
            attention_kernel=attention_kernel,
            optimizer=optimizer,
            gradient_precision=gradient_precision,
            dropout=dropout,
            fused=fused,
            fused_gradients=fused_gradients,
            prefetch=prefetch,
            congestion_factor=congestion_factor,
            expert_imbalance=expert_imbalance,
        )
        slower = _at_least_one("straggler_factor", straggler_factor)
        step = Step.of(job, layout, recompute)
        memory, capacity, times = step.memory, hardware.plain.capacity, step.times(overlap_comm, slower)
        fits = bool(memory.total <= capacity)
        tokens, peak = layout.batch * length, devices * hardware.plain.peaks[job.kernels.compute_precision]
        needed, executed = operations(job, layout.batch, recompute)
        staged = layout.pipeline > 1
        return DistributedResult(
            model=model.name,
            fleet=fleet.name,
            step_latency_total=times.total,
            step_compute=times.compute,
            step_recompute=times.again or None,
            tp_communication_latency=times.tensor,
            cp_communication_latency=times.context if layout.context > 1 else None,
            ep_communication_latency=times.expert if layout.expert > 1 else None,
            pp_communication_latency=times.sends if staged else None,
            pipeline_bubble_latency=times.idle if staged else None,
            dp_exposed_latency=times.exposed,
            step_optimizer=times.update,
            straggler_latency=times.waiting or None,
            dp_communication_latency=times.data,
            bubble_fraction=parallel.bubble_fraction.plain(times.idle, times.busy) if staged else 0.0,
            scaling_efficiency=parallel.scaling_efficiency.plain(times.compute, times.total),
            effective_throughput=roofline.throughput.plain(tokens, times.total),
            mfu=roofline.model_flops_utilization.plain(needed, peak, times.total),
            hfu=training.hardware_flops_utilization.plain(executed, peak, times.total),
            flops=needed,
            feasible=fits,
            memory_footprint=memory.total,
            weights_size=memory.weights,
            gradients_size=memory.gradients,
            optimizer_size=memory.optimizer,
            activations_size=memory.activations,
            buffers_size=memory.buffers,
            memory_capacity=capacity,
            devices=devices,
            tp_size=layout.tensor,
            cp_size=layout.context,
            pp_size=layout.pipeline,
            dp_size=layout.data,
            ep_size=layout.expert,
            zero_stage=layout.zero_stage,
            shard_size=layout.shard_size,
            batch_size=layout.batch,
            microbatch_size=layout.microbatch_size,
            microbatch_count=layout.microbatches,
            seq_len=length,
            precision=precision,
            recompute=recompute,
            calibration=calibration,
            notes=_notes(step, fits),
            would_fit=() if fits else tuple(_fitting(step, capacity)),
        )


def _at_least_one(name: str, value: Any) -> float:
    plain = amount(name, value, "dimensionless", zero=True)
    if plain < 1:
        raise InputError(f"{name} must be at least 1; got {shown(value)}")
    return plain


def job_of(
    model: TransformerWorkload,
    fleet: Fleet,
    precision: str,
    efficiency: float | None,
    seq_len: int,
    calibration: str,
    *,
    flash_attention: bool,
    attention_kernel: str | None,
    optimizer: str,
    gradient_precision: str | None,
    dropout: bool,
    fused: bool,
    fused_gradients: bool,
    prefetch: bool,
    congestion_factor: float,
    expert_imbalance: float,
) -> Job:
    """Return what is to be trained on what; each argument is checked, see `DistributedModel.solve`."""
    stored, reached = stored_format(precision), None if efficiency is None else fraction("efficiency", efficiency)
    optimizer_of(optimizer), boolean("flash_attention", flash_attention), boolean("dropout", dropout)
    boolean("fused", fused), boolean("fused_gradients", fused_gradients), boolean("prefetch", prefetch)
    if attention_kernel is not None and not flash_attention:
        raise InputError(
            f"attention_kernel={attention_kernel!r} needs flash_attention=True: it keeps scores on the chip"
        )
    gradients = stored if gradient_precision is None else gradient_precision
    if gradients not in (stored, "fp32"):
        raise unknown("gradient_precision", gradients, dict.fromkeys((stored, "fp32")))
    kernels = Calibration(fleet.node.accelerator, precision, stored, calibration, reached, attention_kernel)
    network = Network(fleet, kernels, _at_least_one("congestion_factor", congestion_factor))
    skew, size = _at_least_one("expert_imbalance", expert_imbalance), ELEMENT_SIZE[gradients]
    what, how = (model, network, seq_len, precision), (flash_attention, optimizer, size)
    return Job(*what, *how, dropout, fused, prefetch, fused_gradients, skew)


def length_of(model: TransformerWorkload, seq_len: int | None) -> int:
    """Return the tokens of a sequence, checked, or the default of the model."""
    length = model.default_context if seq_len is None else positive_integer("seq_len", seq_len)
    if length > model.max_context:
        raise InputError(f"seq_len must be at most {model.max_context}, the context of {model.name}; got {length}")
    return length


def check_training(model: Any, fleet: Any) -> None:
    """Raise for a model that is no transformer, or a fleet that is none."""
    check_model(model), check_fleet(fleet)
    if not isinstance(model, TransformerWorkload):
        raise InputError(f"model must be a transformer, which alone is split; {model.name} is none")


def operations(job: Job, batch: int, recompute: str) -> tuple[float, float]:
    """Return the operations that a step of the model needs, and those that it executes."""
    model, tokens = job.model, batch * job.seq_len
    decoder, full = model.architecture == "decoder", recompute == "full"
    attention = model.attention_flops(model.causal_pairs(batch, job.seq_len) if decoder else tokens * job.seq_len)
    layers = physics.layer_flops.plain(model.active_layer_parameters, tokens)
    head = physics.head_flops.plain(model.head_parameters, tokens) if decoder else 0.0
    needed = training.step_flops.plain(0.0, layers + head, attention)
    repeats = 0.5 * job.flash_attention + (full or (recompute == "selective" and not job.flash_attention))
    return needed, training.hardware_flops.plain(needed, layers if full else 0.0, attention, repeats)


def _notes(step: Step, fits: bool) -> tuple[str, ...]:
    network = step.job.network
    notes = list(dict.fromkeys(network.kernels.notes))
    layout, fabric = step.layout, network.fleet.fabric
    if Group.of(layout.tensor, 1, network.node).nodes > 1:
        notes.append("tensor-parallel sums cross the network between nodes")
    if layout.devices > network.node and (fabric is None or fabric.latency is None):
        notes.append("no latency is recorded for the network between nodes: it counts as 0")
    if not fits:
        notes.append("does not fit: times are those of the devices if they had the memory")
    return tuple(notes)


def _fitting(step: Step, capacity: float) -> list[str]:
    """The changes, one at a time, that would make the split fit."""
    found = []
    layout = step.layout
    changes: list[tuple[str, dict[str, Any]]] = [
        (f"recompute={kind!r}", {"recompute": kind}) for kind in RECOMPUTE[RECOMPUTE.index(step.recompute) + 1 :]
    ]
    changes += [
        (f"zero_stage={stage}", {"layout": layout._replace(zero_stage=stage)})
        for stage in range(layout.zero_stage + 1, 4 if layout.pipeline == 1 else 3)
    ]
    changes.append(("optimizer='adam_8bit'", {"optimizer": "adam_8bit"}))
    asked = {"layout": layout, "recompute": step.recompute}
    for text, change in changes:
        job = replace(step.job, **change) if "optimizer" in change else step.job
        split = {name: change.get(name, value) for name, value in asked.items()}
        with unrecorded():
            if Step.of(job, **split).memory.total <= capacity:
                found.append(text)
    return found or ["more tensor or pipeline parallelism, or more devices"]
