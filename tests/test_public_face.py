"""What `import mdmtheory` gives: names that are imported on first use, and a stub that tells type checkers of them."""

import ast
import importlib
import inspect
import subprocess
import sys
from pathlib import Path

import pytest

import mdmtheory as mt

STUB = Path(mt.__file__).with_suffix(".pyi")


def stubbed():
    """Each name of the stub, and the module that it says it is from."""
    body = ast.parse(STUB.read_text()).body
    imports = [node for node in body if isinstance(node, ast.ImportFrom)]
    return {alias.asname: node.module for node in imports for alias in node.names if alias.asname == alias.name}


def test_the_stub_has_the_names_of_the_package_and_they_are_the_same_objects():
    homes = stubbed()
    assert {*homes, "__version__"} == set(mt.__all__) == set(dir(mt))
    for name, home in homes.items():
        module = importlib.import_module(home)
        assert getattr(mt, name) is getattr(module, name), name


def test_every_import_of_the_stub_is_written_so_that_it_is_public():
    body = ast.parse(STUB.read_text()).body
    assert all(alias.asname == alias.name for node in body if isinstance(node, ast.ImportFrom) for alias in node.names)


LIGHT = """
import sys
import mdmtheory
heavy = {"numba", "torch", "pandas", "scipy", "matplotlib", "numpy", "transformers"}
print(sorted({name.partition(".")[0] for name in sys.modules} & heavy))
"""


def test_importing_the_package_loads_nothing_heavy():
    out = subprocess.run([sys.executable, "-c", LIGHT], capture_output=True, text=True, check=True).stdout
    assert out.strip() == "[]"


def test_a_name_that_is_not_there_is_an_attribute_error():
    assert not hasattr(mt, "Transformer")


def test_type_checkers_are_told_that_the_package_is_typed():
    """What they see of it is in tests/typed_use.py, which `make lint` checks."""
    assert STUB.with_name("py.typed").exists()


@pytest.mark.parametrize(
    "name",
    [
        "MaskedDiffusion",
        "BlockDiffusion",
        "ConstrainedDiffusion",
        "UniformDiffusion",
        "GaussianDiffusion",
        "VariationalDiffusion",
        "SimplexDiffusion",
        "Perturbed",
        "Window",
        "Hops",
        "Singles",
        "Propagate",
        "Carry",
        "Oracle",
        "Autoregressive",
        "Jacobi",
    ],
)
def test_constructors_take_all_but_their_first_argument_by_keyword(name):
    first, *rest = inspect.signature(getattr(mt, name)).parameters.values()
    assert first.kind is inspect.Parameter.POSITIONAL_OR_KEYWORD
    assert {each.kind for each in rest} <= {inspect.Parameter.KEYWORD_ONLY}


@pytest.mark.parametrize("name", ["ser", "ter", "ter_ratio", "cross_entropy", "distances", "budget"])
def test_metrics_take_model_language_and_length_by_place_and_all_else_by_keyword(name):
    parameters = list(inspect.signature(getattr(mt, name)).parameters.values())
    assert [each.name for each in parameters[:3]] == ["model", "language", "length"]
    assert {each.kind for each in parameters[3:]} == {inspect.Parameter.KEYWORD_ONLY}
