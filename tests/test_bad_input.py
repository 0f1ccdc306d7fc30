"""Bad input is an error of ours that names the argument, the value, what is allowed and the nearest name."""

from __future__ import annotations

import math

import pytest

from mlsysim import Engine, Hardware, Infra, Models, ServingModel, SingleNodeModel, Systems
from mlsysim.core import formulas
from mlsysim.errors import InputError, InputTypeError, UnknownName
from mlsysim.units import Q_, UnitError

L, R, BERT, H, CORAL = Models.Llama3_8B, Models.ResNet50, Models.BERT_Base, Hardware.H100, Hardware.Coral
WHOLE = r"^{} must be a whole number of at least 1; got {}"
PRECISIONS = "Allowed: fp64, fp32, tf32, bf16, fp16, fp8, int8, fp4, int4$"
TOO_LONG = "^seq_len must be at most 8192, the context of Llama-3 8B; got 8193"
BATCHES = [
    (0, InputError, "0"),
    (-1, InputError, "-1"),
    (1.5, InputError, "1.5"),
    (8.0, InputError, "8.0"),
    (math.nan, InputError, "nan"),
    (math.inf, InputError, "inf"),
    (1e30, InputError, r"1e\+30"),
    ("8", InputTypeError, "'8'"),
    (True, InputTypeError, "True"),
    (None, InputTypeError, "None"),
    ([1, 2], InputTypeError, r"\[1, 2\]"),
    (Q_(8, "byte"), InputTypeError, "<Quantity"),
]
LENGTHS = [case for case in BATCHES if case[0] is not None]
EFFICIENCIES = [
    (0, InputError, "lie in"),
    (0.0, InputError, "lie in"),
    (-1, InputError, "lie in"),
    (1.5, InputError, "lie in"),
    (5, InputError, "lie in"),
    (math.nan, InputError, "lie in"),
    (math.inf, InputError, "lie in"),
    ("0.5", InputTypeError, "be a number in"),
    (True, InputTypeError, "be a number in"),
    ([0.5], InputTypeError, "be a number in"),
    (Q_(50, "percent"), InputTypeError, "be a number in"),
]
SOLVERS = pytest.mark.parametrize("solver", [SingleNodeModel(), ServingModel()], ids=repr)


@SOLVERS
@pytest.mark.parametrize(("value", "error", "told"), BATCHES)
def test_batch_size(solver, value, error, told):
    with pytest.raises(error, match=WHOLE.format("batch_size", told)):
        solver.solve(L, H, batch_size=value)


@SOLVERS
@pytest.mark.parametrize(("value", "error", "told"), LENGTHS)
def test_seq_len(solver, value, error, told):
    with pytest.raises(error, match=WHOLE.format("seq_len", told)):
        solver.solve(L, H, seq_len=value)


@SOLVERS
def test_seq_len_beyond_the_context(solver):
    with pytest.raises(InputError, match=TOO_LONG):
        solver.solve(L, H, seq_len=8193)


@pytest.mark.parametrize(("value", "error", "told"), BATCHES)
def test_prefill_chunk(value, error, told):
    with pytest.raises(error, match=WHOLE.format("prefill_chunk", told)):
        ServingModel().solve(L, H, prefill_chunk=value)


@SOLVERS
@pytest.mark.parametrize(("value", "error", "told"), EFFICIENCIES)
def test_efficiency(solver, value, error, told):
    with pytest.raises(error, match=rf"^efficiency must {told} ?\(0, 1\]; got "):
        solver.solve(L, H, efficiency=value)


@SOLVERS
@pytest.mark.parametrize("argument", ["precision", "kv_precision"])
@pytest.mark.parametrize(
    ("value", "error", "told"),
    [
        ("banana", UnknownName, f"unknown {{}} 'banana'; {PRECISIONS}"),
        ("float16", UnknownName, f"unknown {{}} 'float16'; did you mean 'fp16'\\? {PRECISIONS}"),
        ("FP16", UnknownName, f"unknown {{}} 'FP16'; did you mean 'fp16'\\? {PRECISIONS}"),
        ("", UnknownName, f"unknown {{}} ''; {PRECISIONS}"),
        (16, InputTypeError, "{} must be a string such as 'fp16'; got 16"),
        (True, InputTypeError, "{} must be a string such as 'fp16'; got True"),
        (["fp16"], InputTypeError, r"{} must be a string such as 'fp16'; got \['fp16'\]"),
    ],
)
def test_precision(solver, argument, value, error, told):
    with pytest.raises(error, match=r"^" + told.format(argument)):
        solver.solve(L, H, **{argument: value})


@SOLVERS
def test_precision_none(solver):
    with pytest.raises(InputTypeError, match=r"^precision must be a string such as 'fp16'; got None"):
        solver.solve(L, H, precision=None)


@SOLVERS
def test_a_precision_that_the_device_cannot_compute(solver):
    with pytest.raises(
        InputError, match=r"^Google Coral .* cannot compute in precision 'fp16', nor in a wider one: none of fp16, tf32"
    ):
        solver.solve(L, CORAL)


@SOLVERS
@pytest.mark.parametrize(
    ("model", "hardware", "error", "told"),
    [
        (None, H, InputTypeError, "^model must be an entry of Models or one of your own; got None"),
        (8, H, InputTypeError, "^model must be an entry of Models or one of your own; got 8"),
        (L, None, InputTypeError, "^hardware must be an entry of Hardware or one of your own; got None"),
        (L, [H], InputTypeError, "^hardware must be an entry of Hardware or one of your own; got "),
        (L, Hardware.Cloud, InputTypeError, "^hardware must be an entry of Hardware or one of your own; got "),
        (type(L), H, InputTypeError, "^model must be an entry of Models or one of your own; got "),
        (
            "Llama3_8B",
            H,
            InputTypeError,
            "^model must be an object, not its name: write Models.Llama3_8B for 'Llama3_8B'",
        ),
        ("Llama3_8", H, UnknownName, "^unknown model 'Llama3_8'; did you mean 'Llama3_8B'"),
        (L, "H100", InputTypeError, "^hardware must be an object, not its name: write Hardware.H100 for 'H100'"),
        (L, "h100", UnknownName, "^unknown hardware 'h100'; did you mean 'H100'"),
        (
            H,
            L,
            InputTypeError,
            "^model must be an entry of Models .*; got HardwareNode; model and hardware are swapped",
        ),
        (
            L,
            R,
            InputTypeError,
            "^hardware must be an entry of Hardware .*; got CNNWorkload; model and hardware are swapped",
        ),
    ],
)
def test_model_and_hardware(solver, model, hardware, error, told):
    with pytest.raises(error, match=told):
        solver.solve(model, hardware)


@pytest.mark.parametrize(
    ("model", "phase", "told"),
    [
        (L, "pre", "^unknown phase of Llama-3 8B 'pre'; did you mean 'prefill'.* Allowed: decode, prefill$"),
        (L, 3, "^unknown phase of Llama-3 8B 3; Allowed: decode, prefill$"),
        (L, "", "^unknown phase of Llama-3 8B ''; Allowed: decode, prefill$"),
        (BERT, "decode", "^unknown phase of BERT-base .*'decode'; .*Allowed: encode$"),
        (R, "prefill", "^unknown phase of ResNet-50 v1.5 'prefill'; Allowed: forward$"),
    ],
)
def test_phase(model, phase, told):
    with pytest.raises(UnknownName, match=told):
        Engine.solve(model, H, phase=phase)


@pytest.mark.parametrize(("argument", "value"), [("seq_len", 128), ("kv_precision", "fp8")])
def test_what_does_not_apply_to_a_convolutional_network(argument, value):
    with pytest.raises(
        InputError, match=rf"^{argument} does not apply to ResNet-50 v1.5, which reads no sequence; got {value!r}"
    ):
        Engine.solve(R, H, **{argument: value})


@pytest.mark.parametrize(("model", "phases"), [(R, "forward"), (BERT, "encode"), (Models.DS_CNN, "forward")])
def test_only_a_decoder_is_served(model, phases):
    with pytest.raises(InputError, match=rf"^model must be a decoder, with prefill and decode; .* has only: {phases}"):
        ServingModel().solve(model, H)


@SOLVERS
@pytest.mark.parametrize("argument", ["precison", "batchsize", "seqlen"])
def test_a_misspelt_argument(solver, argument):
    with pytest.raises(TypeError, match=rf"unexpected keyword argument '{argument}'"):
        solver.solve(L, H, **{argument: 1})


@pytest.mark.parametrize(("value", "error", "told"), BATCHES)
def test_the_cache_of_a_model(value, error, told):
    for argument in ("seq_len", "batch_size"):
        with pytest.raises(error, match=WHOLE.format(argument, told)):
            L.kv_cache_size(**({"seq_len": 1} | {argument: value}))


def test_an_absurd_batch_is_answered_and_does_not_fit():
    profile = Engine.solve(L, H, batch_size=10**15)
    assert profile.feasible is False
    assert profile.plain["flops"] == 10**15 * Engine.solve(L, H).plain["flops"]


@pytest.mark.parametrize(
    ("call", "error", "told"),
    [
        (
            lambda: formulas.calc_transformer_training_flops(Q_(1, "J"), Q_(1, "token")),
            UnitError,
            "^parameters must be a quantity in param; got",
        ),
        (
            lambda: formulas.calc_transformer_training_flops(8e9, Q_(1, "token")),
            InputTypeError,
            "^parameters must be a quantity in param",
        ),
        (
            lambda: formulas.calc_transformer_training_flops(Q_(-8, "Bparam"), Q_(1, "token")),
            InputError,
            "^parameters must be finite",
        ),
        (
            lambda: formulas.calc_ridge_point(Q_(1, "TFLOP"), Q_(1, "TB/s")),
            UnitError,
            "^peak must be a quantity in flop/s",
        ),
        (
            lambda: formulas.calc_ridge_point(Q_(1, "TFLOP/s"), Q_(0, "TB/s")),
            InputError,
            "^bandwidth must be finite and above 0",
        ),
        (
            lambda: formulas.calc_ridge_point("1 TFLOP/s", Q_(1, "TB/s")),
            InputTypeError,
            "^peak must be a quantity in flop/s",
        ),
        (
            lambda: formulas.calc_kv_cache_size(80, 8, 128, 1, Q_(2, "byte")),
            InputTypeError,
            "^tokens must be a quantity in token",
        ),
        (
            lambda: formulas.calc_kv_cache_size(-80, 8, 128, Q_(1, "token"), Q_(2, "byte")),
            InputError,
            "^layers must be finite",
        ),
    ],
)
def test_formulas(call, error, told):
    with pytest.raises(error, match=told):
        call()


@pytest.mark.parametrize("look", [lambda: Infra["Québec"], lambda: Systems.Nodes["DGX-H100"], lambda: Hardware[None]])
def test_names(look):
    with pytest.raises(UnknownName, match=r"^unknown (grid|node|hardware) .*Allowed: "):
        look()
