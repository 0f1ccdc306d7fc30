"""The models: `Models.Language.Llama3_8B`, or `Models.Llama3_8B` for short."""

from mlsysim.models.convolutional import CNNWorkload
from mlsysim.models.transformer import TransformerWorkload
from mlsysim.models.types import Workload
from mlsysim.records import Catalog, Registry

Models: Catalog[Workload] = Catalog(
    "model",
    Language=Registry("model", TransformerWorkload.from_record, "mlsysim.models", "language"),
    Vision=Registry("model", CNNWorkload.from_record, "mlsysim.models", "vision"),
    Tiny=Registry("model", CNNWorkload.from_record, "mlsysim.models", "tiny"),
)
