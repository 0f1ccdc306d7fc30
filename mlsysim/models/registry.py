"""The models: `Models.Language.Llama3_8B`, or `Models.Llama3_8B` for short."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mlsysim.models.convolutional import CNNWorkload
from mlsysim.models.diffusion import UNetWorkload
from mlsysim.models.encoder_decoder import EncoderDecoderWorkload
from mlsysim.models.recommendation import RecommendationWorkload
from mlsysim.models.state_space import StateSpaceWorkload
from mlsysim.models.transformer import TransformerWorkload
from mlsysim.models.types import Workload
from mlsysim.models.vision_transformer import VisionTransformerWorkload
from mlsysim.records import Catalog, Registry


def _language(raw: dict[str, Any]) -> Workload:
    return (EncoderDecoderWorkload if "encoder_layers" in raw else TransformerWorkload).from_record(raw)


class ModelCatalog(Catalog[Workload]):
    """The models by group and by name, and those that a Hugging Face `config.json` describes."""

    def from_hf(self, config: str | Path | Mapping[str, Any], name: str | None = None) -> TransformerWorkload:
        """Return the model of a `config.json`: a path, a folder, a parsed one; see `mlsysim.models.huggingface`.

        Examples
        --------
        >>> Models.from_hf({"model_type": "llamma"})
        Traceback (most recent call last):
        mlsysim.errors.UnknownName: unknown model_type 'llamma'; did you mean 'llama'? Allowed: ...
        """
        from mlsysim.models.huggingface import from_hf

        return from_hf(config, name)


Models = ModelCatalog(
    "model",
    Language=Registry("model", _language, "mlsysim.models", "language"),
    Speech=Registry("model", EncoderDecoderWorkload.from_record, "mlsysim.models", "speech"),
    VisionTransformers=Registry(
        "model", VisionTransformerWorkload.from_record, "mlsysim.models", "vision_transformers"
    ),
    Vision=Registry("model", CNNWorkload.from_record, "mlsysim.models", "vision"),
    Tiny=Registry("model", CNNWorkload.from_record, "mlsysim.models", "tiny"),
    Generative=Registry("model", UNetWorkload.from_record, "mlsysim.models", "generative"),
    StateSpace=Registry("model", StateSpaceWorkload.from_record, "mlsysim.models", "state_space"),
    Recommendation=Registry("model", RecommendationWorkload.from_record, "mlsysim.models", "recommendation"),
)
