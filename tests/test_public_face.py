"""What `import mdmtheory` gives: names that are imported on first use, and a stub that tells type checkers of them."""

import ast
import importlib
import subprocess
import sys
from pathlib import Path

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
heavy = {"numba", "torch", "pandas", "scipy", "matplotlib", "numpy"}
print(sorted({name.partition(".")[0] for name in sys.modules} & heavy))
"""


def test_importing_the_package_loads_nothing_heavy():
    out = subprocess.run([sys.executable, "-c", LIGHT], capture_output=True, text=True, check=True).stdout
    assert out.strip() == "[]"


def test_a_name_that_is_not_there_is_an_attribute_error():
    assert not hasattr(mt, "Transformer")
