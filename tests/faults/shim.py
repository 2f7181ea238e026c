"""The library of `shim.c`, compiled where it is needed."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

SOURCE = Path(__file__).with_name("shim.c")


def built_shim(folder: Path) -> Path:
    """Compile it with the system's C compiler; RuntimeError, loudly, where there is none or no Linux.

    Without it nothing would be tested, and a test that is skipped looks like one that passed.
    """
    if sys.platform != "linux":
        raise RuntimeError(f"the fault tests preload a library, which they can on Linux alone; this is {sys.platform}")
    library = folder / "shim.so"
    try:
        command = ["cc", "-shared", "-fPIC", "-O2", "-Wall", "-Wextra", "-Werror", "-o", str(library), str(SOURCE)]
        subprocess.run(command, check=True, capture_output=True, text=True)
    except FileNotFoundError:
        raise RuntimeError(
            "the fault tests need a C compiler named cc to build tests/faults/shim.c; install one (gcc or clang, with "
            "the headers of the C library) and run them again"
        ) from None
    except subprocess.CalledProcessError as error:
        raise RuntimeError(f"tests/faults/shim.c does not compile here: {error.stderr}") from error
    return library
