"""Models from the config.json files that Hugging Face keeps: the published values give the records of the registry."""

from __future__ import annotations

import importlib.util
import json
import sys
from types import SimpleNamespace

import pytest

from mlsysim import Hardware, Models, ServingModel
from mlsysim.errors import InputError, InputTypeError, UnknownName
from mlsysim.models.huggingface import FAMILIES


def config(model_type, layers, hidden, heads, kv_heads, intermediate, vocab, context, **more):
    """The keys that nearly all families share."""
    return {
        "model_type": model_type, "num_hidden_layers": layers, "hidden_size": hidden, "num_attention_heads": heads,
        "num_key_value_heads": kv_heads, "intermediate_size": intermediate, "vocab_size": vocab,
        "max_position_embeddings": context, **more,
    }  # fmt: skip


SLIDING, FULL = "sliding_attention", "full_attention"
DEEPSEEK = {
    "kv_lora_rank": 512, "q_lora_rank": 1536, "qk_nope_head_dim": 128, "qk_rope_head_dim": 64, "v_head_dim": 128,
    "moe_intermediate_size": 2048, "moe_layer_freq": 1, "n_shared_experts": 1, "num_experts_per_tok": 8,
    "tie_word_embeddings": False,
}  # fmt: skip
LLAMA = config("llama", 32, 4096, 32, 8, 14336, 128256, 8192, attention_bias=False, tie_word_embeddings=False)
PUBLISHED = {
    "Llama3_8B": LLAMA,
    "Llama3_1_405B": config("llama", 126, 16384, 128, 8, 53248, 128256, 131072, mlp_bias=False),
    "Llama3_2_1B": config("llama", 16, 2048, 32, 8, 8192, 128256, 131072, head_dim=64, tie_word_embeddings=True),
    "LLaMA_7B": {key: value for key, value in config("llama", 32, 4096, 32, 0, 11008, 32000, 2048).items() if value},
    "Mistral_7B": config("mistral", 32, 4096, 32, 8, 14336, 32000, 32768, sliding_window=4096),
    "Mixtral_8x7B": config(
        "mixtral", 32, 4096, 32, 8, 14336, 32000, 32768, num_local_experts=8, num_experts_per_tok=2, sliding_window=None
    ),
    "Qwen2_5_7B": config(
        "qwen2", 28, 3584, 28, 4, 18944, 152064, 131072, use_sliding_window=False, sliding_window=131072,
        max_window_layers=28, tie_word_embeddings=False,
    ),
    "Qwen3_8B": config("qwen3", 36, 4096, 32, 8, 12288, 151936, 40960, head_dim=128, attention_bias=False),
    "Qwen3_30B_A3B": config(
        "qwen3_moe", 48, 2048, 32, 4, 6144, 151936, 40960, head_dim=128, num_experts=128, num_experts_per_tok=8,
        moe_intermediate_size=768, decoder_sparse_step=1, mlp_only_layers=[], use_sliding_window=False,
    ),
    "Gemma2_9B": config("gemma2", 42, 3584, 16, 8, 14336, 256000, 8192, head_dim=256, sliding_window=4096),
    "Gemma3_27B": {
        "model_type": "gemma3",
        "text_config": {
            "model_type": "gemma3_text", "head_dim": 128, "hidden_size": 5376, "intermediate_size": 21504,
            "num_attention_heads": 32, "num_hidden_layers": 62, "num_key_value_heads": 16, "sliding_window": 1024,
        },
    },
    "Phi3_Mini": config("phi3", 32, 3072, 32, 32, 8192, 32064, 4096, sliding_window=2047, tie_word_embeddings=False),
    "Phi4": config("phi3", 40, 5120, 40, 10, 17920, 100352, 16384, sliding_window=None),
    "DeepSeek_V3": config(
        "deepseek_v3", 61, 7168, 128, 128, 18432, 129280, 163840, n_routed_experts=256, first_k_dense_replace=3,
        attention_bias=False, **DEEPSEEK,
    ),
    "Kimi_K2": config(
        "kimi_k2", 61, 7168, 64, 64, 18432, 163840, 131072, n_routed_experts=384, first_k_dense_replace=1, **DEEPSEEK
    ),
    "GPT_OSS_20B": config(
        "gpt_oss", 24, 2880, 64, 8, 2880, 201088, 131072, head_dim=64, num_local_experts=32, num_experts_per_tok=4,
        experts_per_token=4, sliding_window=128, layer_types=[SLIDING, FULL] * 12, attention_bias=True,
    ),
    "Falcon_40B": {
        "model_type": "falcon", "hidden_size": 8192, "num_attention_heads": 128, "num_hidden_layers": 60,
        "num_kv_heads": 8, "new_decoder_architecture": True, "multi_query": True, "parallel_attn": True, "bias": False,
        "vocab_size": 65024,
    },
    "BERT_Base": {
        "model_type": "bert", "hidden_size": 768, "num_attention_heads": 12, "num_hidden_layers": 12,
        "intermediate_size": 3072, "vocab_size": 30522, "max_position_embeddings": 512, "type_vocab_size": 2,
    },
    "GPT2_XL": {
        "model_type": "gpt2", "n_embd": 1600, "n_layer": 48, "n_head": 25, "n_positions": 1024, "n_ctx": 1024,
        "vocab_size": 50257,
    },
    "OPT_13B": {
        "model_type": "opt", "hidden_size": 5120, "num_hidden_layers": 40, "num_attention_heads": 40, "ffn_dim": 20480,
        "vocab_size": 50272, "max_position_embeddings": 2048, "word_embed_proj_dim": 5120, "do_layer_norm_before": True,
    },
}  # fmt: skip


def shape(model):
    about = {"name", "release_year", "shape_source", "note", "published", "figures"}
    return {name: getattr(model, name) for name in type(model).model_fields if name not in about}


@pytest.mark.parametrize("name", PUBLISHED)
def test_a_published_config_gives_the_record_of_the_registry(name):
    assert shape(Models.from_hf(PUBLISHED[name])) == shape(Models[name])


def test_falcon_7b_has_one_key_value_head_and_one_norm():
    """The checkpoint has 7,217,189,760 parameters with a head that is tied to the table, 6,921,720,704 counted once."""
    keys = {
        "model_type": "falcon", "hidden_size": 4544, "num_attention_heads": 71, "num_hidden_layers": 32,
        "multi_query": True, "parallel_attn": True, "bias": False, "vocab_size": 65024,
    }  # fmt: skip
    model = Models.from_hf(keys)
    assert (model.kv_heads, model.norms_per_layer, model.parallel) == (1, 1, True)
    assert model.parameter_count == 6_921_720_704


def test_phi_2_to_the_last_parameter():
    keys = config("phi", 32, 2560, 32, 32, 10240, 51200, 2048, qk_layernorm=False, tie_word_embeddings=False)
    assert Models.from_hf(keys).parameter_count == 2_779_683_840


def test_gemma_7b_to_the_last_parameter():
    keys = config("gemma", 28, 3072, 16, 16, 24576, 256000, 8192, head_dim=256)
    assert Models.from_hf(keys).parameter_count == 8_537_680_896


def test_gemma_3_4b_leaves_out_what_is_the_default_of_its_family():
    text = {"hidden_size": 2560, "intermediate_size": 10240, "num_hidden_layers": 34, "sliding_window": 1024}
    assert shape(Models.from_hf({"model_type": "gemma3", "text_config": text})) == shape(Models.Gemma3_4B)


def test_the_result_is_a_model_like_any_other():
    model = Models.from_hf(PUBLISHED["Llama3_8B"], name="mine")
    assert model.name == "mine"
    assert model.parameter_count == 8_030_261_248
    assert ServingModel().solve(model, Hardware.H100).ttft.magnitude > 0


@pytest.mark.parametrize("given", ["file", "folder", "text"])
def test_a_file_or_its_folder(tmp_path, given):
    folder = tmp_path / "my-llama"
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps(LLAMA))
    where = {"file": folder / "config.json", "folder": folder, "text": str(folder / "config.json")}[given]
    model = Models.from_hf(where)
    assert shape(model) == shape(Models.Llama3_8B)
    assert model.name == "my-llama"


def test_the_name_of_the_config_comes_first(tmp_path):
    (tmp_path / "config.json").write_text(json.dumps(LLAMA | {"_name_or_path": "meta-llama/Meta-Llama-3-8B"}))
    assert Models.from_hf(tmp_path).name == "meta-llama/Meta-Llama-3-8B"


# What cannot be read


@pytest.mark.parametrize(
    ("text", "message"),
    [("{", "cannot be read as JSON"), ("[1]", "must hold a JSON object; it holds \\[1\\]"), ("", "cannot be read")],
)
def test_a_file_that_is_no_config(tmp_path, text, message):
    (tmp_path / "config.json").write_text(text)
    with pytest.raises(InputError, match=message):
        Models.from_hf(tmp_path)


@pytest.mark.parametrize("given", ["nowhere/config.json", "/nowhere/else", "./a/b", "config", ""])
def test_a_path_that_does_not_exist(given):
    with pytest.raises(InputError, match="there is no file"):
        Models.from_hf(given)


@pytest.mark.parametrize("given", [None, 3, ["config.json"], Models.Llama3_8B])
def test_what_is_no_config_at_all(given):
    with pytest.raises(InputTypeError, match=r"^config must be the path of a config.json, or one that was parsed; got"):
        Models.from_hf(given)


def test_a_hub_id_without_the_package_says_what_to_download(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(InputError, match=r"huggingface_hub is not installed: download config.json from https://hugg"):
        Models.from_hf("meta-llama/Meta-Llama-3-8B")


def hub(monkeypatch, download):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: name)
    monkeypatch.setitem(sys.modules, "huggingface_hub", SimpleNamespace(hf_hub_download=download))


def test_a_hub_id_offline_says_what_to_download(monkeypatch):
    def fail(repo, file):
        raise ConnectionError("no route")

    hub(monkeypatch, fail)
    with pytest.raises(InputError, match=r"could not be downloaded \(no route\): download config.json from https://hu"):
        Models.from_hf("meta-llama/Meta-Llama-3-8B")


def test_a_hub_id_is_downloaded_where_that_is_possible(monkeypatch, tmp_path):
    (tmp_path / "config.json").write_text(json.dumps(LLAMA))
    hub(monkeypatch, lambda repo, file: tmp_path / file)
    model = Models.from_hf("meta-llama/Meta-Llama-3-8B")
    assert model.name == "meta-llama/Meta-Llama-3-8B"
    assert shape(model) == shape(Models.Llama3_8B)


# What is not supported, missing or inconsistent


@pytest.mark.parametrize(
    ("family", "hint"), [("lama", "llama"), ("qwen3moe", "qwen3_moe"), ("mamba", "llama"), ("t5", None), (3, None)]
)
def test_an_unknown_architecture_is_refused_by_name(family, hint):
    said = f"unknown model_type {family!r};" + (f" did you mean {hint!r}\\?" if hint else "")
    with pytest.raises(UnknownName, match=f"^{said} Allowed: .*deepseek_v3.*qwen3_moe$"):
        Models.from_hf(LLAMA | {"model_type": family})


def test_a_config_without_a_type():
    with pytest.raises(InputError, match=r"^model_type is missing in the config; supported: bert, .*qwen3_moe$"):
        Models.from_hf({"hidden_size": 3})


REQUIRED = {
    "Llama3_8B": ["hidden_size", "num_hidden_layers", "num_attention_heads", "intermediate_size", "vocab_size"],
    "Mixtral_8x7B": ["num_local_experts", "num_experts_per_tok"],
    "Qwen3_30B_A3B": ["num_experts", "moe_intermediate_size"],
    "DeepSeek_V3": ["kv_lora_rank", "qk_nope_head_dim", "qk_rope_head_dim", "v_head_dim", "n_routed_experts"],
    "BERT_Base": ["max_position_embeddings"],
    "GPT2_XL": ["n_embd", "n_layer", "n_head", "n_positions"],
    "OPT_13B": ["ffn_dim"],
}


@pytest.mark.parametrize(("name", "key"), [(name, key) for name, keys in REQUIRED.items() for key in keys])
def test_a_missing_key_is_named(name, key):
    keys = {other: value for other, value in PUBLISHED[name].items() if other != key}
    with pytest.raises(InputError, match=f"^{key} is missing in the config$"):
        Models.from_hf(keys)


@pytest.mark.parametrize(
    ("name", "change", "message"),
    [
        (
            "Llama3_8B",
            {"hidden_size": "4096"},
            "hidden_size in the config must be a whole number of at least 1; got '4",
        ),
        ("Llama3_8B", {"hidden_size": -1}, "hidden_size in the config must be a whole number of at least 1; got -1"),
        ("Llama3_8B", {"num_hidden_layers": 1.5}, "num_hidden_layers in the config must be a whole number"),
        ("Llama3_8B", {"vocab_size": True}, "vocab_size in the config must be a whole number of at least 1; got True"),
        (
            "Llama3_8B",
            {"tie_word_embeddings": "no"},
            "tie_word_embeddings in the config must be true or false; got 'no'",
        ),
        ("Llama3_8B", {"num_key_value_heads": 7}, "num_attention_heads .* multiple of num_key_value_heads; got 32, 7"),
        (
            "Llama3_8B",
            {"hidden_size": 4097},
            "hidden_size .* must be a multiple of num_attention_heads, .* got 4097, 32",
        ),
        ("Mixtral_8x7B", {"num_experts_per_tok": 9}, "num_experts_per_tok .* at most num_local_experts, 8; got 9"),
        ("DeepSeek_V3", {"first_k_dense_replace": 61}, "first_k_dense_replace .* below num_hidden_layers; got 61"),
        ("DeepSeek_V3", {"moe_layer_freq": 2}, "moe_layer_freq in the config must be 1; got 2"),
        ("DeepSeek_V3", {"n_shared_experts": -1}, "n_shared_experts .* whole number of at least 0; got -1"),
        ("Qwen3_30B_A3B", {"mlp_only_layers": [3]}, "mlp_only_layers in the config must be \\[\\]; got \\[3\\]"),
        ("Qwen3_30B_A3B", {"decoder_sparse_step": 99}, "the config describes no shape .* leave none of the 48 layers"),
        ("Qwen2_5_7B", {"use_sliding_window": True, "max_window_layers": 9}, "max_window_layers .* must be 28; got 9"),
        ("GPT_OSS_20B", {"layer_types": [FULL, SLIDING] * 12}, "layer_types in the config must name each"),
        ("GPT_OSS_20B", {"layer_types": [SLIDING, FULL]}, "layer_types in the config must name each"),
        ("GPT_OSS_20B", {"layer_types": "full"}, "layer_types in the config must be a list; got 'full'"),
        ("Gemma3_27B", {"text_config": 3}, "text_config in the config must be an object; got 3"),
        ("Gemma3_27B", {"text_config": {}}, "hidden_size is missing in text_config of the config"),
        ("OPT_13B", {"word_embed_proj_dim": 512}, "word_embed_proj_dim in the config must be 5120; got 512"),
    ],
)
def test_inconsistent_keys_are_named(name, change, message):
    with pytest.raises(InputError, match=f"^{message}"):
        Models.from_hf(PUBLISHED[name] | change)


def test_every_family_is_tested():
    tested = {keys["model_type"] for keys in PUBLISHED.values()} | {"phi", "gemma", "gemma3_text", "deepseek_v2"}
    assert tested == set(FAMILIES)


def test_deepseek_v2_lite_makes_queries_of_the_token_itself():
    keys = config(
        "deepseek_v2", 27, 2048, 16, 16, 10944, 102400, 163840, n_routed_experts=64, first_k_dense_replace=1,
        **(DEEPSEEK | {"q_lora_rank": None, "moe_intermediate_size": 1408, "n_shared_experts": 2,
                       "num_experts_per_tok": 6}),
    )  # fmt: skip
    assert Models.from_hf(keys).parameter_count == Models.DeepSeek_V2_Lite.parameter_count == 15_706_484_224
