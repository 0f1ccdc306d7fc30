"""What must hold for every equation, whichever it is; found by looking, so that none is left out."""

from __future__ import annotations

import ast
import importlib
import inspect
import math
import pkgutil
import re
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import mlsysim.physics
from mlsysim.errors import InputError, InputTypeError
from mlsysim.physics.equation import (
    count,
    equation,
    kept,
    nonnegative,
    part,
    positive,
    record,
    recording,
    share,
    unrecorded,
)
from mlsysim.references import reference
from mlsysim.units import Q_, UnitError, unit

MODULES = [
    importlib.import_module(f"mlsysim.physics.{info.name}") for info in pkgutil.iter_modules(mlsysim.physics.__path__)
]
RECURSIONS = {"erlang_b"}
"""Functions of whole numbers that are computed step by step; the tests of their modules check the same of them."""
EQUATIONS = {
    f"{module.__name__.rpartition('.')[2]}.{name}": value
    for module in MODULES
    for name, value in vars(module).items()
    if hasattr(value, "plain") and value.__module__ == module.__name__ and name not in RECURSIONS
}
SYMBOLS = [
    pytest.param(found, argument, id=f"{name}-{argument}")
    for name, found in EQUATIONS.items()
    for argument in found.symbols
]
every_equation = pytest.mark.parametrize("found", EQUATIONS.values(), ids=EQUATIONS)
every_symbol = pytest.mark.parametrize(("found", "argument"), SYMBOLS)
OTHER_UNITS = {
    "byte": ["GB", "KiB", "bit"],
    "s": ["ms", "hour"],
    "1/s": ["1/ms"],
    "flop": ["GFLOP", "FLOP"],
    "flop/s": ["TFLOP/s", "TFLOPs/s", "flop/ms"],
    "byte/s": ["TB/s", "Gbps", "byte/ms"],
    "flop/byte": ["GFLOP/GB", "flop/bit"],
    "param": ["Bparam", "kparam"],
    "token": ["Btoken"],
    "W": ["kW", "J/ms"],
    "dollar/s": ["dollar/hour"],
    "dollar/hour": ["dollar/day"],
    "dollar": ["kdollar"],
    "dollar/kW": ["dollar/W"],
    "dollar/kWh": ["dollar/MWh"],
    "dollar/kW/year": ["dollar/W/month"],
    "kW": ["MW"],
    "kWh": ["MWh", "MJ"],
    "hour": ["day"],
    "year": ["day"],
    "kgCO2e": ["tCO2e"],
    "kgCO2e/kWh": ["gCO2e/kWh"],
    "dollar/kgCO2e": ["dollar/tCO2e"],
    "liter/kWh": ["liter/MWh"],
    "token/s": ["token/hour"],
    "dimensionless": ["percent"],
}
FUNCTIONS = {
    "min": min,
    "max": max,
    "abs": abs,
    "exp": math.exp,
    "log": math.log,
    "sqrt": math.sqrt,
    "exprel": lambda x: math.expm1(x) / x if x else 1.0,
    "ceil": lambda x: -(-x // 1),
    "floor": lambda x: x // 1,
    "__builtins__": {},
}


def test_there_are_equations():
    assert len(EQUATIONS) >= 20


def right_side(found):
    """The expression of the printed formula, in Python."""
    return found.formula.partition(" = ")[2].replace("·", "*")


def evaluate(found, values):
    """Work out the printed formula with one value for each argument."""
    symbols = {symbol.symbol: values[argument] for argument, symbol in found.symbols.items()}
    return eval(right_side(found), FUNCTIONS | symbols)


def sample(found, seed=0):
    """One plausible value for each argument."""
    draw = np.random.default_rng(seed)
    return {a: float(draw.uniform(0.1, 1) if s.maximum else draw.uniform(1, 100)) for a, s in found.symbols.items()}


def quantities(found, values):
    return {a: Q_(value, found.symbols[a].unit) for a, value in values.items()}


@st.composite
def arguments(draw, found):
    value = st.floats(1e-3, 1e6)
    return {a: draw(st.floats(1e-3, 1.0) if s.maximum else value) for a, s in found.symbols.items()}


@every_equation
@given(data=st.data())
def test_the_printed_formula_is_what_is_computed(found, data):
    values = data.draw(arguments(found))
    assert math.isclose(found.plain(**values), evaluate(found, values), rel_tol=1e-12)


@every_equation
def test_the_formula_uses_each_symbol_and_no_other(found):
    names = {node.id for node in ast.walk(ast.parse(right_side(found))) if isinstance(node, ast.Name)}
    assert names - set(FUNCTIONS) == {symbol.symbol for symbol in found.symbols.values()}
    assert len({symbol.symbol for symbol in found.symbols.values()}) == len(found.symbols)
    assert found.result[0] == found.formula.partition(" = ")[0]


@every_equation
@given(data=st.data())
def test_an_array_gives_what_its_elements_give(found, data):
    rows = [data.draw(arguments(found)) for _ in range(3)]
    columns = {argument: np.array([row[argument] for row in rows]) for argument in found.symbols}
    assert found.plain(**columns).tolist() == [found.plain(**row) for row in rows]


@every_equation
def test_arrays_broadcast_with_scalars(found):
    values = sample(found)
    for argument in found.symbols:
        several = np.array([values[argument], values[argument] / 2])
        got = found.plain(**(values | {argument: several}))
        assert got.tolist() == [found.plain(**(values | {argument: one})) for one in several.tolist()]


@every_equation
def test_the_door_gives_what_the_plain_function_gives(found):
    values = sample(found)
    got = found(**quantities(found, values))
    assert got.units == unit(found.result[1])
    assert got.magnitude == found.plain(**values)


@every_equation
def test_the_door_takes_arrays(found):
    values = {a: np.array([value, value / 2]) for a, value in sample(found).items()}
    assert found(**quantities(found, values)).magnitude.tolist() == found.plain(**values).tolist()


@every_symbol
def test_the_unit_in_which_an_argument_is_given_does_not_matter(found, argument):
    values, symbol = sample(found), found.symbols[argument]
    expected = found.plain(**values)
    for other in OTHER_UNITS[symbol.unit]:
        given_so = quantities(found, values) | {argument: Q_(values[argument], symbol.unit).to(other)}
        assert math.isclose(found(**given_so).magnitude, expected, rel_tol=1e-12), other


@every_symbol
def test_another_dimension_is_refused_by_name(found, argument):
    values = quantities(found, sample(found)) | {argument: Q_(1, "meter")}
    with pytest.raises(
        UnitError, match=rf"^{argument} must be a quantity in {re.escape(found.symbols[argument].unit)}; got "
    ):
        found(**values)


@every_symbol
@pytest.mark.parametrize("bad", [-1.0, math.nan, math.inf])
def test_impossible_values_are_refused_by_name(found, argument, bad):
    values = quantities(found, sample(found)) | {argument: Q_(bad, found.symbols[argument].unit)}
    with pytest.raises(InputError, match=rf"^{argument} must be finite and "):
        found(**values)


@every_symbol
@pytest.mark.parametrize("bad", ["8", True, None])
def test_what_is_no_quantity_is_refused_by_name(found, argument, bad):
    with pytest.raises(InputTypeError, match=rf"^{argument} must be a quantity in "):
        found(**(quantities(found, sample(found)) | {argument: bad}))


@every_symbol
def test_a_plain_number_will_do_only_where_there_is_no_unit(found, argument):
    values = quantities(found, sample(found)) | {argument: 1.0}
    if found.symbols[argument].unit == "dimensionless":
        assert math.isfinite(found(**values).magnitude)
    else:
        with pytest.raises(InputTypeError, match=rf"^{argument} must be a quantity in "):
            found(**values)


@every_symbol
def test_zero_is_allowed_where_it_is_declared(found, argument):
    symbol, values = found.symbols[argument], sample(found)
    zero = quantities(found, values) | {argument: Q_(0.0, symbol.unit)}
    if symbol.exclusive:
        with pytest.raises(InputError, match=rf"^{argument} must be finite and above 0"):
            found(**zero)
    else:
        assert math.isfinite(found(**zero).magnitude)


@pytest.mark.parametrize(
    ("found", "argument"), [one.values for one in SYMBOLS if one.values[0].symbols[one.values[1]].maximum]
)
def test_a_share_is_at_most_one(found, argument):
    values = quantities(found, sample(found))
    assert math.isfinite(found(**(values | {argument: 1})).magnitude)
    for bad in (1.5, np.array([0.5, 1.5])):
        with pytest.raises(InputError, match=rf"^{argument} must lie in \(0, 1\]; got "):
            found(**(values | {argument: bad}))


@every_equation
def test_the_units_on_both_sides_agree(found):
    """Parameters and tokens are counts and multiply without a trace; what counts operations may make FLOPs of them."""
    counts = {"[parameter]", "[token]"}
    declared = unit(found.result[1])
    inputs = {symbol: unit(symbol.unit) for symbol in found.symbols.values()}
    if declared.dimensionality == {"[computation]": 1} and not any(
        "[computation]" in u.dimensionality for u in inputs.values()
    ):
        counts.add("[computation]")

    def counted(of):
        bases = {
            name: unit(base)
            for name, base in {"[parameter]": "param", "[token]": "token", "[computation]": "flop"}.items()
        }
        for name in counts:
            of = of / bases[name] ** of.dimensionality.get(name, 0)
        return of

    values = sample(found)
    symbols = {s.symbol: Q_(values[a], counted(inputs[s])) for a, s in found.symbols.items()}
    assert eval(right_side(found), FUNCTIONS | symbols).is_compatible_with(counted(declared))


@every_equation
def test_the_source_is_in_the_bibliography(found):
    assert reference(found.source).title
    assert f"[{found.source}]" in found.__doc__


@every_equation
def test_every_citation_of_a_docstring_is_in_the_bibliography(found):
    keys = re.findall(r"\[([a-z]+\d{4}[a-z0-9]*)\]", found.__doc__)
    assert keys
    for key in keys:
        assert reference(key).title


@every_equation
def test_the_docstring_has_every_section_and_argument(found):
    sections = re.findall(r"^    (\w+)\n    -+$", found.__doc__, re.MULTILINE)
    assert [s for s in sections if s != "Raises"] == ["Parameters", "Returns", "Notes", "Examples"]
    parameters = found.__doc__.partition("Parameters\n")[2].partition("Returns\n")[0]
    named = [name for line in re.findall(r"^    (\w.*)$", parameters, re.MULTILINE) for name in line.split(", ")]
    assert named == list(found.symbols) == list(inspect.signature(found).parameters)


@every_equation
def test_a_formula_is_short(found):
    source = inspect.getsource(inspect.unwrap(found))
    function = ast.parse(source).body[0]
    assert len(function.body) <= 16
    assert sum(len(ast.unparse(node).splitlines()) for node in function.body[1:]) <= 15


def test_no_module_hides_a_formula_outside_an_equation():
    """Public functions of the modules with equations are equations themselves."""
    for module in MODULES:
        if module.__name__.rpartition(".")[2] in {"equation", "elementwise", "precision"}:
            continue
        for name, function in vars(module).items():
            if inspect.isfunction(function) and function.__module__ == module.__name__ and not name.startswith("_"):
                assert name in RECURSIONS or f"{module.__name__.rpartition('.')[2]}.{name}" in EQUATIONS


def test_numpy_is_imported_only_where_an_array_needs_it():
    for module in MODULES:
        tree = ast.parse(Path(module.__file__).read_text("utf-8"))
        imported = [node for node in tree.body if isinstance(node, ast.Import | ast.ImportFrom)]
        assert not any("numpy" in ast.unparse(node) for node in imported), module.__name__


def test_declared_symbols_must_match_the_arguments():
    with pytest.raises(TypeError, match=r"declares symbols"):

        @equation("y = x", "s", "little1961proof", z=positive("x", "s"))
        def identity(x):
            return x


def test_recording_notes_each_evaluation_in_order_and_only_inside():
    found = EQUATIONS["roofline.ridge_point"]
    found.plain(1.0, 2.0)
    with record() as steps:
        found.plain(6.0, 2.0)
        with record() as inner:
            found.plain(8.0, bandwidth=2.0)
        found.plain(peak=10.0, bandwidth=2.0)
    found.plain(1.0, 2.0)
    assert [step.value for step in steps] == [3.0, 5.0]
    assert [step.value for step in inner] == [4.0]
    assert steps[0].inputs == {"peak": 6.0, "bandwidth": 2.0}
    assert steps[0].equation is found


def test_recording_stops_after_an_error():
    def fail():
        with record():
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    with record() as steps:
        pass
    EQUATIONS["roofline.ridge_point"].plain(1.0, 2.0)
    assert steps == []


def test_recording_notes_defaults():
    with record() as steps:
        EQUATIONS["roofline.compute_time"].plain(1.0, 2.0)
    assert steps[0].inputs["efficiency"] == 1.0


def test_plain_is_the_bare_function_unless_equations_are_noted():
    found = EQUATIONS["roofline.ridge_point"]
    bare = found.plain
    assert bare is found.__wrapped__
    with record():
        assert found.plain is not bare
        with record(), unrecorded():
            assert found.plain is not bare
        assert found.plain is not bare
    assert found.plain is bare


def test_what_is_unrecorded_is_left_out():
    found = EQUATIONS["roofline.ridge_point"]
    with record() as steps:
        found.plain(6.0, 2.0)
        assert recording()
        with unrecorded():
            assert not recording()
            found.plain(8.0, 2.0)
        found.plain(10.0, 2.0)
    assert [step.value for step in steps] == [3.0, 5.0]
    assert not recording()


def test_each_thread_notes_its_own_equations():
    found, both_record = EQUATIONS["roofline.ridge_point"], Barrier(2)

    def ask(peak):
        with record() as steps:
            both_record.wait(timeout=60)
            found.plain(peak, 2.0)
            both_record.wait(timeout=60)
        return [step.value for step in steps]

    with ThreadPoolExecutor(2) as pool:
        assert list(pool.map(ask, [6.0, 8.0])) == [[3.0], [4.0]]


def test_another_thread_is_not_noted():
    found = EQUATIONS["roofline.ridge_point"]
    with record() as steps, ThreadPoolExecutor(1) as pool:
        assert pool.submit(lambda: (recording(), found.plain(6.0, 2.0))).result() == (False, 3.0)
    assert steps == []


def test_an_equation_that_is_declared_while_equations_are_noted_is_noted_too():
    with record() as steps:

        @equation("y = x", "s", "little1961proof", x=positive("x", "s"))
        def identity(x):
            return x

        identity.plain(3.0)
    identity.plain(4.0)
    assert [step.value for step in steps] == [3.0]


def test_a_part_names_the_steps_inside_it_and_those_alone():
    found = EQUATIONS["roofline.ridge_point"]
    with record() as steps:
        found.plain(2.0, 2.0)
        with part("Whole"):
            with part("Half"):
                found.plain(2.0, 2.0)
            found.plain(2.0, 2.0)
        found.plain(2.0, 2.0)
    with part("Outside"):
        found.plain(2.0, 2.0)
    assert [step.part for step in steps] == ["", "Half", "Whole", ""]


def test_what_is_kept_is_worked_out_once_and_never_noted():
    class Square:
        asked = 0

        @kept
        def side(self):
            self.asked += 1
            return EQUATIONS["roofline.ridge_point"].plain(6.0, 2.0)

    first, second = Square(), Square()
    with record() as steps:
        assert (first.side, first.side, first.asked, second.asked) == (3.0, 3.0, 1, 0)
    assert steps == []
    assert isinstance(Square.side, kept)


def test_kinds_of_symbols():
    assert nonnegative("Q", "byte").check("q", Q_(0, "byte")) == 0
    assert count("B").unit == "dimensionless"
    assert share("η").maximum == 1
