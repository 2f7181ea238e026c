"""Types are checked while the tests run: with the shapes of arrays by jaxtyping, all else by beartype alone.

jaxtyping's own hook wraps every function as if it had arrays, which takes most of the time of a test that calls many
small ones: arguments are bound twice and two functions are checked for one call. So here what has an array in its
annotations is handed to jaxtyping, what has none to beartype, and a function inside a function that has none, which is
made anew whenever the outer one is called, to nobody: mypy reads it.
"""

from __future__ import annotations

import ast
import importlib.util
import inspect
import sys
import typing
from collections.abc import Iterable, Sequence
from dataclasses import is_dataclass
from functools import partial
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from types import CodeType, FunctionType, ModuleType
from typing import Any
from unittest.mock import patch

import beartype
from jaxtyping import AbstractArray, jaxtyped

# An int is a float where one is asked for, as for mypy. `Self` means nothing to a checker that sees one method at a
# time.
CONF = beartype.BeartypeConf(is_pep484_tower=True, hint_overrides=beartype.FrozenDict({typing.Self: object}))
TYPECHECKER = beartype.beartype(conf=CONF)
DECORATOR = "__checked_while_tested__"
BYTECODE = "checked1"
"""To be raised where what is done to the source changes."""


def install(modules: Sequence[str]) -> None:
    """Check what is imported from now on of these modules and of what is inside them."""
    sys.meta_path.insert(0, _Finder(modules))


def checked(what: Any) -> Any:
    """The same function, method or class, whose arguments and answers are checked."""
    if inspect.isclass(what):
        if is_dataclass(what) and "__init__" in vars(what):
            what.__init__ = checked(what.__init__)
        return what
    if isinstance(what, classmethod | staticmethod):
        return type(what)(checked(what.__func__))
    if isinstance(what, property):
        return property(*(each and checked(each) for each in (what.fget, what.fset, what.fdel)))
    if not isinstance(what, FunctionType):
        return what
    if "<locals>" in what.__qualname__ and _is_plain_inside(what):
        return what
    return jaxtyped(what, typechecker=TYPECHECKER) if has_arrays(what) else _of_plain_types(what)


def _of_plain_types(function: FunctionType) -> Any:
    """By beartype, which puts what it has read in place of annotations; the package reads them as they are written."""
    written = dict(function.__annotations__)
    found = TYPECHECKER(function)
    function.__annotations__ = found.__annotations__ = written
    return found


def has_arrays(function: FunctionType) -> bool:
    """Whether an annotation says something of an array, or cannot be read, which jaxtyping may then try."""
    try:
        hints = typing.get_type_hints(function)
    except Exception:  # noqa: BLE001  # a name that is imported for mypy alone, or one of the outer function
        return True
    return any(map(_mentions_arrays, hints.values()))


_INSIDE: dict[CodeType, bool] = {}


def _is_plain_inside(function: FunctionType) -> bool:
    """The same of a function inside a function, looked at once for all times that it is made."""
    if function.__code__ not in _INSIDE:
        _INSIDE[function.__code__] = not has_arrays(function)
    return _INSIDE[function.__code__]


def _mentions_arrays(hint: Any) -> bool:
    if inspect.isclass(hint) and issubclass(hint, AbstractArray):
        return True
    arguments = typing.get_args(hint)
    return any(_mentions_arrays(each) for each in _flat(arguments)) or _mentions_arrays_by_name(hint)


def _mentions_arrays_by_name(hint: Any) -> bool:
    value = getattr(hint, "__value__", None)  # a `type` statement
    return value is not None and _mentions_arrays(value)


def _flat(arguments: Iterable[Any]) -> Iterable[Any]:
    for each in arguments:
        yield from each if isinstance(each, list) else [each]


class _Transformer(ast.NodeTransformer):
    """Puts the decorator innermost on functions, and outermost on classes, where `@dataclass` is done."""

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        node.decorator_list.append(_decorator(node))
        return self.generic_visit(node)

    def visit_ClassDef(self, node: ast.ClassDef) -> ast.AST:
        node.decorator_list.insert(0, _decorator(node))
        return self.generic_visit(node)


def _decorator(node: ast.AST) -> ast.expr:
    return ast.copy_location(ast.Name(DECORATOR, ast.Load()), node)


class _Loader(SourceFileLoader):
    def get_code(self, fullname: str) -> CodeType | None:
        """With bytecode of its own beside that of others: what is decorated must not be found by who does not test."""
        named = partial(importlib.util.cache_from_source, optimization=BYTECODE)
        with patch("importlib._bootstrap_external.cache_from_source", named):
            return super().get_code(fullname)

    def source_to_code(self, data: Any, path: Any, *, _optimize: int = -1) -> CodeType:
        tree = _Transformer().visit(ast.parse(data, path))
        return compile(tree, path, "exec", dont_inherit=True, optimize=_optimize)

    def exec_module(self, module: ModuleType) -> None:
        vars(module)[DECORATOR] = checked
        super().exec_module(module)


class _Finder(MetaPathFinder):
    def __init__(self, modules: Sequence[str]) -> None:
        self._modules = tuple(modules)

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if not any(fullname == each or fullname.startswith(f"{each}.") for each in self._modules):
            return None
        spec = PathFinder.find_spec(fullname, path, target)
        if spec is not None and isinstance(spec.loader, SourceFileLoader):
            spec.loader = _Loader(spec.loader.name, spec.loader.path)
        return spec
