"""The program as a process, `mdmtheory` or `python -m mdmtheory`: Ctrl-C is a line and 130, whenever it comes.

Half of a short run is imports. A KeyboardInterrupt in the midst of them may be lost, or come out as another error, so
there and at the end, where nothing is under way that could be kept, Ctrl-C ends the process at once.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from typing import NoReturn

_ON_CTRL_C = 130


def main() -> int:
    """Run the program on the words that were typed; returns the exit code."""
    if signal.getsignal(signal.SIGINT) is not signal.default_int_handler:  # ignored, as under nohup: so it stays
        from mdmtheory.cli.main import main as run

        return run()
    signal.signal(signal.SIGINT, _end)
    from mdmtheory.cli.main import main as run

    try:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        try:
            code = run()
        finally:
            signal.signal(signal.SIGINT, _end)
    except KeyboardInterrupt:
        _end()
    if code == _ON_CTRL_C:
        _leave()
    return code


def _leave() -> NoReturn:
    """All is said and kept, and a thread may still be at what nobody waits for: the interpreter would."""
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError):  # a reader that went away, a stream that is closed
            stream.flush()
    os._exit(_ON_CTRL_C)


def _end(*_: object) -> NoReturn:
    os.write(2, b"mdmtheory: interrupted\n")
    os._exit(_ON_CTRL_C)


if __name__ == "__main__":
    sys.exit(main())
