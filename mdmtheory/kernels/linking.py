"""How the parts of a kernel become one piece of machine code.

numba makes a library of every function: optimised, turned into machine code, and both again in whatever calls it, so
that a part ten calls deep is optimised ten times. A part only ever runs inside a kernel. So its library here is what
was written, tidied, and no more; the kernel takes it in, and the optimiser sees each part once.

This overrides what numba keeps to itself, and a newer numba may change it. Tried with 0.61.2, 0.63.1, 0.66.0 and
0.68.1, with the same numbers; CONTRIBUTING.md says what to do when another one is let in.
"""

from __future__ import annotations

import contextlib
import gc
from collections.abc import Iterator
from typing import Any

from numba.core import config
from numba.core.codegen import JITCodeLibrary
from numba.core.compiler import CompilerBase, DefaultPassBuilder
from numba.core.registry import CPUDispatcher
from numba.core.types.misc import unliteral


class KernelDispatcher(CPUDispatcher):  # type: ignore[misc]  # numba is untyped
    """Compiles a function that Python calls, once for each set of types; equal work side by side as one instruction."""

    def __init__(self, function: Any, options: dict[str, Any]) -> None:
        super().__init__(function, targetoptions={**options, "no_cfunc_wrapper": True})

    def compile(self, signature: Any) -> Any:
        """What is compiled and all that it took stays, and looking it through for garbage takes a tenth of the time."""
        with _nothing_collected(), _straight_code_vectorised():
            return super().compile(signature)


@contextlib.contextmanager
def _straight_code_vectorised() -> Iterator[None]:
    """The optimiser makes vector instructions not only of loops; sums keep their order."""
    before, config.SLP_VECTORIZE = config.SLP_VECTORIZE, 1
    try:
        yield
    finally:
        config.SLP_VECTORIZE = before


@contextlib.contextmanager
def _nothing_collected() -> Iterator[None]:
    """Python looks for no garbage inside the block, unless another thread has it do so."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


class PartDispatcher(CPUDispatcher):  # type: ignore[misc]  # numba is untyped
    """Compiles a function that only compiled functions call, once for each set of types."""

    def __init__(self, function: Any, options: dict[str, Any]) -> None:
        wrappers = {"no_cpython_wrapper": True, "no_cfunc_wrapper": True}
        super().__init__(function, targetoptions={**options, **wrappers}, pipeline_class=_PartCompiler)

    def get_call_template(self, args: Any, kws: Any) -> Any:
        """Where the constant 0 is passed, a number is: else there would be one version for it and one for others.

        numba asks before it has seen all values of a variable, so one that begins at 0 counts as such a constant.
        """
        return super().get_call_template(tuple(unliteral(each) for each in args), kws)


class _PartCompiler(CompilerBase):  # type: ignore[misc]  # numba is untyped
    """numba's compiler with another library to put its code in."""

    def compile_extra(self, function: Any) -> Any:
        self.state.library = _PartLibrary(self.state.targetctx.codegen(), function.__qualname__)
        self.state.library.enable_object_caching()
        return super().compile_extra(function)

    def define_pipelines(self) -> Any:
        return [DefaultPassBuilder.define_nopython_pipeline(self.state)]


class _PartLibrary(JITCodeLibrary):  # type: ignore[misc]  # numba is untyped
    """Code that is linked into others: tidied function by function, and neither optimised as a whole nor run."""

    @property
    def codegen(self) -> Any:
        return _NothingRuns(self._codegen)

    def get_pointer_to_function(self, name: str) -> int:
        self._ensure_finalized()
        return 0

    def _optimize_final_module(self) -> None:
        pass

    def _finalize_final_module(self) -> None:
        self._finalize_dynamic_globals()
        self._finalized = True


class _NothingRuns:
    """A code generator that is asked to prepare code for running which is not there."""

    def __init__(self, codegen: Any) -> None:
        self._codegen = codegen

    def __getattr__(self, name: str) -> Any:
        return getattr(self._codegen, name)

    def set_env(self, name: str, environment: Any) -> None:
        """There is none to be set."""
