"""Language models by the `config.json` that Hugging Face keeps beside their weights."""

from __future__ import annotations

import importlib.util
import json
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from mlsysim.errors import InputError, InputTypeError, shown, unknown
from mlsysim.models.transformer import TransformerWorkload


class Config(NamedTuple):
    """A parsed `config.json`; what it may leave out has the default of its family."""

    keys: Mapping[str, Any]
    place: str

    def get(self, key: str, default: Any = None) -> Any:
        """Return the value of a key, or the default where it is missing or null."""
        value = self.keys.get(key)
        return default if value is None else value

    def count(self, key: str, default: int | None = None, least: int = 1) -> int:
        """Return the value of a key that must be a whole number of at least `least`."""
        value = self.get(key, default)
        if value is None:
            raise InputError(f"{key} is missing in {self.place}")
        if not isinstance(value, int) or isinstance(value, bool) or value < least:
            raise InputError(f"{key} in {self.place} must be a whole number of at least {least}; got {shown(value)}")
        return value

    def flag(self, key: str, default: bool = False) -> bool:
        """Return the value of a key that must be true or false."""
        value = self.get(key, default)
        if not isinstance(value, bool):
            raise InputError(f"{key} in {self.place} must be true or false; got {shown(value)}")
        return value

    def require(self, key: str, *allowed: Any) -> None:
        """Refuse a config whose key has a value that no shape of ours counts; missing or null is allowed."""
        value = self.get(key)
        if value is not None and value not in allowed:
            raise InputError(f"{key} in {self.place} must be {' or '.join(map(repr, allowed))}; got {shown(value)}")


def _shape(config: Config, tied: bool = False, **defaults: int) -> dict[str, Any]:
    """The fields that nearly all families name alike."""
    hidden = config.count("hidden_size")
    heads = config.count("num_attention_heads", defaults.get("heads"))
    kv_heads = config.count("num_key_value_heads", defaults.get("kv_heads", heads))
    if heads % kv_heads:
        raise InputError(
            f"num_attention_heads in {config.place} must be a multiple of num_key_value_heads; got {heads}, {kv_heads}"
        )
    if "head_dim" not in defaults and config.get("head_dim") is None and hidden % heads:
        raise InputError(
            f"hidden_size in {config.place} must be a multiple of num_attention_heads, or head_dim be given;"
            f" got {hidden}, {heads}"
        )
    return {
        "layers": config.count("num_hidden_layers"),
        "hidden": hidden,
        "heads": heads,
        "kv_heads": kv_heads,
        "head_dim": config.count("head_dim", defaults.get("head_dim", hidden // heads)),
        "intermediate": config.count("intermediate_size"),
        "vocab": config.count("vocab_size", defaults.get("vocab")),
        "max_context": config.count("max_position_embeddings", defaults.get("max_context")),
        "tied_embeddings": config.flag("tie_word_embeddings", tied),
    }


def _gated(config: Config, tied: bool = False, **defaults: int) -> dict[str, Any]:
    return _shape(config, tied, **defaults) | {"gated": True}


def _experts(config: Config, key: str, width: str = "moe_intermediate_size", **more: int) -> dict[str, Any]:
    experts, active = config.count(key), config.count("num_experts_per_tok")
    if active > experts:
        raise InputError(f"num_experts_per_tok in {config.place} must be at most {key}, {experts}; got {active}")
    return {"experts": {"experts": experts, "active": active, "intermediate": config.count(width), **more}}


def _window(config: Config, default: int | None = None) -> dict[str, Any]:
    window = config.get("sliding_window", default)
    return {} if window is None else {"window": config.count("sliding_window", default)}


def _pattern(config: Config, every: int, default: int) -> dict[str, Any]:
    """A window in all layers but every n-th; `layer_types` must say the same where it is there."""
    types = config.get("layer_types")
    if types is not None and not isinstance(types, list):
        raise InputError(f"layer_types in {config.place} must be a list; got {shown(types)}")
    if types:
        every = types.index("full_attention") + 1 if "full_attention" in types else len(types) + 1
        expected = [f"{'sliding' if (layer + 1) % every else 'full'}_attention" for layer in range(len(types))]
        if types != expected or len(types) != config.count("num_hidden_layers"):
            raise InputError(
                f"layer_types in {config.place} must name each of the num_hidden_layers layers, every n-th of them"
                " full_attention and the others sliding_attention"
            )
        if every == 1:
            return {}
    return {"window": config.count("sliding_window", default), "global_every": every}


def _llama(config: Config) -> dict[str, Any]:
    attention = ["qkv", "output"] if config.flag("attention_bias") else []
    return _gated(config) | {"biases": (*attention, *(["mlp"] if config.flag("mlp_bias") else []))}


def _mistral(config: Config) -> dict[str, Any]:
    return _gated(config, kv_heads=8) | _window(config, None if "sliding_window" in config.keys else 4096)


def _mixtral(config: Config) -> dict[str, Any]:
    return _gated(config, kv_heads=8) | _window(config) | _experts(config, "num_local_experts", "intermediate_size")


def _qwen2(config: Config) -> dict[str, Any]:
    shape = _gated(config)
    if config.flag("use_sliding_window"):
        config.require("max_window_layers", shape["layers"])
    return shape | {"biases": ("qkv",)}


def _qwen3(config: Config) -> dict[str, Any]:
    config.require("use_sliding_window", False)
    bias = ("qkv", "output") if config.flag("attention_bias") else ()
    return _gated(config, head_dim=128) | {"biases": bias, "qk_norm": "head"}


def _qwen3_moe(config: Config) -> dict[str, Any]:
    config.require("mlp_only_layers", [])
    return _qwen3(config) | _experts(config, "num_experts", every=config.count("decoder_sparse_step", 1))


def _gemma(config: Config) -> dict[str, Any]:
    return _gated(config, tied=True, head_dim=256, max_context=8192)


def _gemma2(config: Config) -> dict[str, Any]:
    return _gemma(config) | {"norms_per_layer": 4} | _pattern(config, every=2, default=4096)


def _gemma3(config: Config) -> dict[str, Any]:
    keys = config.get("text_config", config.keys)
    if not isinstance(keys, Mapping):
        raise InputError(f"text_config in {config.place} must be an object; got {shown(keys)}")
    text = Config(keys, f"text_config of {config.place}" if "text_config" in config.keys else config.place)
    shape = _gated(text, tied=True, heads=8, kv_heads=4, head_dim=256, vocab=262208, max_context=131072)
    pattern = _pattern(text, text.count("sliding_window_pattern", 6), default=4096)
    return shape | {"norms_per_layer": 4, "qk_norm": "head"} | pattern


def _phi3(config: Config) -> dict[str, Any]:
    return _gated(config) | _window(config)


def _phi(config: Config) -> dict[str, Any]:
    config.require("qk_layernorm", False)
    biases = ("qkv", "output", "mlp", "head")
    return _shape(config) | {"biases": biases, "norm": "layer", "norms_per_layer": 1, "parallel": True}


def _deepseek(config: Config) -> dict[str, Any]:
    config.require("attention_bias", False)
    config.require("moe_layer_freq", 1)
    nope, rope = config.count("qk_nope_head_dim"), config.count("qk_rope_head_dim")
    latent = {
        "query_rank": None if config.get("q_lora_rank") is None else config.count("q_lora_rank"),
        "kv_rank": config.count("kv_lora_rank"),
        "nope_dim": nope,
        "rope_dim": rope,
        "value_dim": config.count("v_head_dim"),
    }
    shape = _gated(config, head_dim=nope + rope)
    dense = config.count("first_k_dense_replace", 0, least=0)
    if dense >= shape["layers"]:
        raise InputError(f"first_k_dense_replace in {config.place} must be below num_hidden_layers; got {dense}")
    experts = _experts(
        config, "n_routed_experts", shared=config.count("n_shared_experts", 0, least=0), dense_layers=dense
    )
    return shape | experts | {"kv_heads": shape["heads"], "head_dim": nope + rope, "latent": latent}


def _deepseek_v3(config: Config) -> dict[str, Any]:
    return _deepseek(config) | {"biases": ("router",)}


def _gpt_oss(config: Config) -> dict[str, Any]:
    shape = _gated(config, head_dim=64)
    named = {"num_experts_per_tok": config.get("num_experts_per_tok", config.get("experts_per_token"))}
    experts = _experts(Config({**config.keys, **named}, config.place), "num_local_experts", "intermediate_size")
    attention = ("qkv", "output") if config.flag("attention_bias", True) else ()
    more = {"biases": (*attention, "mlp", "router"), "attention_sinks": True}
    return shape | more | experts | _pattern(config, every=2, default=128)


def _falcon(config: Config) -> dict[str, Any]:
    hidden, heads = config.count("hidden_size"), config.count("num_attention_heads")
    new, parallel = config.flag("new_decoder_architecture"), config.flag("parallel_attn", True)
    kv_heads = config.count("num_kv_heads", heads) if new else 1 if config.flag("multi_query", True) else heads
    inner = config.count("ffn_hidden_size", 4 * hidden)
    named = {"num_key_value_heads": kv_heads, "intermediate_size": inner}
    shape = _shape(Config({**config.keys, **named}, config.place), tied=True, max_context=2048)
    norms = config.count("num_ln_in_parallel_attn", 2) if new else 1 if parallel else 2
    more = {"norm": "layer", "norms_per_layer": norms, "parallel": parallel or new, "biases": config.flag("bias")}
    return shape | more


def _bert(config: Config) -> dict[str, Any]:
    shape = _shape(config)
    tables = {"learned_positions": shape["max_context"], "segments": config.count("type_vocab_size", 2)}
    norms = {"norm": "layer", "embedding_norm": True, "final_norm": False}
    return shape | tables | norms | {"architecture": "encoder", "biases": True, "pooler": True}


def _gpt2(config: Config) -> dict[str, Any]:
    hidden, positions = config.count("n_embd"), config.count("n_positions")
    named = {
        "hidden_size": hidden,
        "num_hidden_layers": config.count("n_layer"),
        "num_attention_heads": config.count("n_head"),
        "intermediate_size": config.count("n_inner", 4 * hidden),
        "max_position_embeddings": positions,
    }
    shape = _shape(Config({**config.keys, **named}, config.place), tied=True)
    return shape | {"biases": True, "norm": "layer", "learned_positions": positions}


def _opt(config: Config) -> dict[str, Any]:
    config.require("word_embed_proj_dim", config.count("hidden_size"))
    config.require("do_layer_norm_before", True)
    named = {"intermediate_size": config.count("ffn_dim")}
    shape = _shape(Config({**config.keys, **named}, config.place), tied=True)
    return shape | {"biases": True, "norm": "layer", "learned_positions": shape["max_context"] + 2}


FAMILIES: dict[str, Callable[[Config], dict[str, Any]]] = {
    "bert": _bert,
    "deepseek_v2": _deepseek,
    "deepseek_v3": _deepseek_v3,
    "falcon": _falcon,
    "gemma": _gemma,
    "gemma2": _gemma2,
    "gemma3": _gemma3,
    "gemma3_text": _gemma3,
    "gpt2": _gpt2,
    "gpt_oss": _gpt_oss,
    "kimi_k2": _deepseek_v3,
    "llama": _llama,
    "mistral": _mistral,
    "mixtral": _mixtral,
    "opt": _opt,
    "phi": _phi,
    "phi3": _phi3,
    "qwen2": _qwen2,
    "qwen3": _qwen3,
    "qwen3_moe": _qwen3_moe,
}
"""How to read the config of each `model_type`."""


def _download(hub_id: str) -> Path:
    advice = f"download config.json from https://huggingface.co/{hub_id} and give its path"
    if importlib.util.find_spec("huggingface_hub") is None:
        raise InputError(f"{hub_id!r} is no file here, and the package huggingface_hub is not installed: {advice}")
    from huggingface_hub import hf_hub_download

    try:
        return Path(hf_hub_download(hub_id, "config.json"))
    except Exception as error:
        raise InputError(f"{hub_id!r} is no file here and could not be downloaded ({error}): {advice}") from error


def _read(given: Any) -> tuple[Mapping[str, Any], str]:
    """The keys of a config and where it was found."""
    if isinstance(given, Mapping):
        return given, "the config"
    if not isinstance(given, str | Path):
        raise InputTypeError(f"config must be the path of a config.json, or one that was parsed; got {shown(given)}")
    path = Path(given)
    path = path / "config.json" if path.is_dir() else path
    if not path.is_file():
        if not isinstance(given, str) or not re.fullmatch(r"\w[\w.-]*/\w[\w.-]*(?<!\.json)", given):
            raise InputError(f"config: there is no file {path}")
        path = _download(given)
    try:
        keys = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise InputError(f"{path} cannot be read as JSON: {error}") from error
    if not isinstance(keys, dict):
        raise InputError(f"{path} must hold a JSON object; it holds {shown(keys)}")
    return keys, str(path)


def from_hf(config: str | Path | Mapping[str, Any], name: str | None = None) -> TransformerWorkload:
    """Return the model that a Hugging Face `config.json` describes.

    Parameters
    ----------
    config
        The path of a `config.json` or of its folder, a parsed one, or the id of a model on the hub, which is downloaded
        if the package `huggingface_hub` is installed.
    name
        What to call it; by default as the config, its folder or the hub does.

    Raises
    ------
    InputError, InputTypeError
        If it cannot be read or downloaded, or a key is missing or does not fit the others.
    UnknownName
        For a `model_type` that is not supported, with the nearest that is.

    Examples
    --------
    >>> keys = {"model_type": "qwen2", "hidden_size": 3584, "intermediate_size": 18944, "num_hidden_layers": 28}
    >>> keys |= {"num_attention_heads": 28, "num_key_value_heads": 4, "vocab_size": 152064}
    >>> print(f"{from_hf(keys | {'max_position_embeddings': 32768}).parameters.to('Bparam'):.2f~}")
    7.62 Bparam
    """
    keys, place = _read(config)
    family = keys.get("model_type")
    if family is None:
        raise InputError(f"model_type is missing in {place}; supported: {', '.join(FAMILIES)}")
    if not isinstance(family, str) or family not in FAMILIES:
        raise unknown("model_type", family, FAMILIES)
    if name is None:
        found = Path(place).parent.name if isinstance(config, str | Path) and Path(config).exists() else config
        name = keys.get("_name_or_path") or (found if isinstance(found, str) and found else family)
    fields = FAMILIES[family](Config(keys, place))
    try:
        return TransformerWorkload(name=name, **fields)
    except InputError as error:
        raise InputError(f"{place} describes no shape that holds together: {error}") from error
