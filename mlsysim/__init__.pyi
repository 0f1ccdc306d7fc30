from . import catalogs, errors, show, units, validation, viz, zoo
from .core.dse import DSE, SearchResult
from .core.engine import Engine
from .core.evaluation import Scorecard, SystemEvaluator
from .core.pipeline import Pipeline
from .core.scenario import Scenario
from .core.solver.algorithm.compression import CompressionModel, CompressionResult
from .core.solver.algorithm.reasoning import InferenceScalingModel, InferenceScalingResult
from .core.solver.algorithm.scaling import ScalingModel, ScalingResult
from .core.solver.analysis.batching import BatchingOptimizer, BatchingResult
from .core.solver.analysis.parallelism import ParallelismOptimizer, ParallelismResult
from .core.solver.analysis.placement import PlacementOptimizer, PlacementResult
from .core.solver.analysis.sensitivity import SensitivityResult, SensitivitySolver, elasticities
from .core.solver.analysis.synthesis import SynthesisResult, SynthesisSolver
from .core.solver.data.ingestion import DataModel, DataResult
from .core.solver.data.topology import TopologyModel, TopologyResult
from .core.solver.data.transformation import TransformationModel, TransformationResult
from .core.solver.fleet.distributed import DistributedModel, DistributedResult
from .core.solver.fleet.orchestration import OrchestrationModel, OrchestrationResult
from .core.solver.fleet.reliability import ReliabilityModel, ReliabilityResult
from .core.solver.node.batching import ContinuousBatchingModel, ContinuousBatchingResult
from .core.solver.node.efficiency import EfficiencyModel, EfficiencyResult
from .core.solver.node.network import NetworkRooflineModel, NetworkRooflineResult
from .core.solver.node.serving import ServingModel, ServingResult
from .core.solver.node.single import PerformanceProfile, SingleNodeModel
from .core.solver.node.streaming import WeightStreamingModel, WeightStreamingResult
from .core.solver.node.tail import ServingCapacityModel, ServingCapacityResult, TailLatencyModel, TailLatencyResult
from .core.solver.node.training import TrainingModel, TrainingResult
from .core.solver.operations.checkpoint import CheckpointModel, CheckpointResult
from .core.solver.operations.economics import EconomicsModel, EconomicsResult
from .core.solver.operations.responsible import ResponsibleEngineeringModel, ResponsibleEngineeringResult
from .core.solver.operations.sustainability import SustainabilityModel, SustainabilityResult
from .core.stream import Stream, stream
from .core.sweep import Sweep, sweep
from .core.wall_report import WallReport, wall_report
from .core.walls import wall
from .hardware.registry import Hardware
from .hardware.types import ComputeCore, HardwareNode, MemoryHierarchy
from .infra.registry import Infra
from .models.convolutional import CNNWorkload
from .models.diffusion import UNetWorkload
from .models.encoder_decoder import EncoderDecoderWorkload
from .models.recommendation import RecommendationWorkload
from .models.registry import Models
from .models.state_space import StateSpaceWorkload
from .models.transformer import TransformerWorkload
from .models.types import Workload
from .models.vision_transformer import VisionTransformerWorkload
from .systems.registry import Systems
from .systems.types import Fleet, NetworkFabric, Node
from .units import Q_, ureg
from .validation.runner import validate

__version__: str
__all__ = [
    "DSE",
    "Q_",
    "BatchingOptimizer",
    "BatchingResult",
    "CNNWorkload",
    "CheckpointModel",
    "CheckpointResult",
    "CompressionModel",
    "CompressionResult",
    "ComputeCore",
    "ContinuousBatchingModel",
    "ContinuousBatchingResult",
    "DataModel",
    "DataResult",
    "DistributedModel",
    "DistributedResult",
    "EconomicsModel",
    "EconomicsResult",
    "EfficiencyModel",
    "EfficiencyResult",
    "EncoderDecoderWorkload",
    "Engine",
    "Fleet",
    "Hardware",
    "HardwareNode",
    "InferenceScalingModel",
    "InferenceScalingResult",
    "Infra",
    "MemoryHierarchy",
    "Models",
    "NetworkFabric",
    "NetworkRooflineModel",
    "NetworkRooflineResult",
    "Node",
    "OrchestrationModel",
    "OrchestrationResult",
    "ParallelismOptimizer",
    "ParallelismResult",
    "PerformanceProfile",
    "Pipeline",
    "PlacementOptimizer",
    "PlacementResult",
    "RecommendationWorkload",
    "ReliabilityModel",
    "ReliabilityResult",
    "ResponsibleEngineeringModel",
    "ResponsibleEngineeringResult",
    "ScalingModel",
    "ScalingResult",
    "Scenario",
    "Scorecard",
    "SearchResult",
    "SensitivityResult",
    "SensitivitySolver",
    "ServingCapacityModel",
    "ServingCapacityResult",
    "ServingModel",
    "ServingResult",
    "SingleNodeModel",
    "StateSpaceWorkload",
    "Stream",
    "SustainabilityModel",
    "SustainabilityResult",
    "Sweep",
    "SynthesisResult",
    "SynthesisSolver",
    "SystemEvaluator",
    "Systems",
    "TailLatencyModel",
    "TailLatencyResult",
    "TopologyModel",
    "TopologyResult",
    "TrainingModel",
    "TrainingResult",
    "TransformationModel",
    "TransformationResult",
    "TransformerWorkload",
    "UNetWorkload",
    "VisionTransformerWorkload",
    "WallReport",
    "WeightStreamingModel",
    "WeightStreamingResult",
    "Workload",
    "catalogs",
    "elasticities",
    "errors",
    "show",
    "stream",
    "sweep",
    "units",
    "ureg",
    "validate",
    "validation",
    "viz",
    "wall",
    "wall_report",
    "zoo",
]
