"""The program `mdmtheory`: its verbs, and the one place where an error becomes a line.

Nothing here or in a verb's module imports numpy before the verb runs, so that help answers at once.
"""

from __future__ import annotations

import contextlib
import errno
import os
import re
import sqlite3
import sys
import traceback
import warnings
from collections.abc import Sequence
from itertools import pairwise
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from mdmtheory import __version__
from mdmtheory.cli import (
    audit,
    bounds,
    budget,
    certify,
    cite,
    compare,
    info,
    language,
    leaderboard,
    likelihood,
    listing,
    merge,
    plot,
    profile,
    schedule,
    show,
    steps,
    sweep,
    train,
)
from mdmtheory.cli.completing import INSTRUCTION, answer, command_of, names_for
from mdmtheory.cli.examples import examples_of
from mdmtheory.cli.terminal import Interrupted, Terminal
from mdmtheory.core.notices import Notice
from mdmtheory.core.plugins import ProtocolError

_VERBOSITY = ("-v", "-vv", "-vvv", "--verbose", "-q", "--quiet")
_ON_CTRL_C = 130
_LONGEST_LINE = 2000  # of an error that quotes what was given
_ON_BROKEN_PIPE = 141  # what a shell reports of a program that SIGPIPE ended

app = typer.Typer(
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    help="Exact study of masked diffusion language models: how far is a sampler from its target, and at what cost?",
    epilog="-v and -q may stand anywhere on the line. Start with: mdmtheory sweep --lang hmm --steps 64..2048",
)
for verb in (
    sweep.sweep,
    show.show,
    plot.plot,
    merge.merge,
    compare.compare,
    train.train,
    budget.budget,
    likelihood.likelihood,
    profile.profile,
    audit.audit,
    bounds.bounds,
    certify.certify,
    leaderboard.leaderboard,
    cite.cite,
    schedule.schedule,
    steps.steps,
    info.info,
):
    app.command(epilog=examples_of(verb.__name__))(verb)
app.add_typer(language.app, name="language", epilog=examples_of("language"))
app.command("list", epilog=examples_of("list"))(listing.list_names)


@app.command("help", epilog=examples_of("help"))
def show_help(
    verb: Annotated[list[str] | None, typer.Argument(metavar="[VERB]...", help="Of this verb, such as sweep.")] = None,
) -> int:
    """The help of a verb, or of the program."""
    return _run([*(verb or ()), "--help"])


def _print_version(wanted: bool) -> None:
    if wanted:
        print(f"mdmtheory {__version__}")
        raise typer.Exit()


@app.callback()
def program(
    context: typer.Context,
    verbose: Annotated[int, typer.Option("--verbose", "-v", count=True, help="Say more; -vv: tracebacks too.")] = 0,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Say nothing but results and errors.")] = False,
    version: Annotated[
        bool, typer.Option("--version", "-V", help="Print the version.", is_eager=True, callback=_print_version)
    ] = False,
) -> None:
    """The options of the program itself."""
    context.obj = Terminal(-1 if quiet else verbose)
    _show_notices(context.obj)
    context.with_resource(context.obj.patience())


def _show_notices(terminal: Terminal) -> None:
    """From here on notices are lines on stderr, each said once."""
    usual, said = warnings.showwarning, set[str]()

    def show(message: Warning | str, category: type[Warning], *where: Any, **how: Any) -> None:
        if not issubclass(category, Notice):
            usual(message, category, *where, **how)
        elif str(message) not in said:
            said.add(str(message))
            terminal.say(f"mdmtheory: warning: {message}")

    warnings.showwarning = show


def main(argv: Sequence[str] | None = None) -> int:
    """Run the program on `argv` (sys.argv without its first word by default); returns the exit code.

    0 when done, 2 after one line on stderr for bad input, 130 on Ctrl-C, 1 for a fault of the program itself.
    """
    with warnings.catch_warnings():  # ends what the program says about notices
        warnings.simplefilter("always", Notice)
        return _run(list(sys.argv[1:] if argv is None else argv))


def _run(arguments: list[str]) -> int:
    if os.environ.get(INSTRUCTION):
        return answer(app)
    try:
        code = app(_verbosity_first(arguments) or ["--help"], prog_name="mdmtheory", standalone_mode=False)
        sys.stdout.flush()
        if code == _ON_CTRL_C:  # typer turns Ctrl-C in a verb into this code and says nothing
            print("mdmtheory: interrupted", file=sys.stderr)
        return int(code or 0)
    except BrokenPipeError:
        return _reader_gone()
    except SystemExit as error:
        if getattr(error.__context__, "errno", None) == errno.EPIPE:  # typer's own answer to a broken pipe
            return _reader_gone()
        print(f"mdmtheory: error: a plug-in called sys.exit({error.code!r}); let it raise an error", file=sys.stderr)
        return 2
    except (KeyboardInterrupt, typer.Abort):
        print("mdmtheory: interrupted", file=sys.stderr)
        return _ON_CTRL_C
    except Interrupted as interrupted:
        print(f"mdmtheory: {interrupted}", file=sys.stderr)
        return _ON_CTRL_C
    except Exception as error:  # noqa: BLE001  # this is the one handler
        if os.environ.get("MDMTHEORY_DEBUG") or arguments.count("-v") + 2 * arguments.count("-vv") >= 2:
            traceback.print_exc()
        line, code = explain(error, arguments)
        print(f"mdmtheory: error: {line}", file=sys.stderr)
        return code


def explain(error: Exception, arguments: Sequence[str] = ()) -> tuple[str, int]:
    """One line on what went wrong with these words, and the exit code: 2 if the user can mend it, 1 if we must."""
    usage = getattr(error, "format_message", None)  # typer's errors about the line that was typed
    if usage is not None:
        text, code = _with_mending(usage(), error, arguments) or "see mdmtheory --help", 2
    elif isinstance(error, OSError) and error.strerror and error.filename is not None:
        instead = _INSTEAD.get(error.errno or 0)
        text, code = f"{os.fspath(error.filename)}: {error.strerror}{(instead and f'; {instead}') or ''}", 2
    elif isinstance(error, sqlite3.Error):
        text, code = f"the store cannot be used: {error}", 2
    elif isinstance(error, ModuleNotFoundError) and not (error.name or "").startswith("mdmtheory"):
        text, code = f"{error.name} is not installed; install it, or the extra of mdmtheory that brings it", 2
    elif isinstance(error, MemoryError):
        text, code = f"not enough memory: {error or 'lower --length, the vocabulary or the states'}", 2
    elif isinstance(error, (ValueError, OSError, ProtocolError)):
        text, code = _as_options(str(error), arguments) or type(error).__name__, 2
    else:
        text, code = (
            f"a fault of the program, {type(error).__name__}: {error} (with -vv a traceback; please report it)",
            1,
        )
    line = "; ".join(part.strip() for part in text.splitlines() if part.strip())
    if len(line) > _LONGEST_LINE:
        line = f"{line[: _LONGEST_LINE // 2]} ... {line[-_LONGEST_LINE // 2 :]}"
    return line, code


_INSTEAD = {
    errno.EACCES: "choose a file in a folder that you may write, or change its permissions",
    errno.EROFS: "choose a file in a folder that you may write",
    errno.ENOENT: "check the name",
    errno.EISDIR: "name a file in it",
    errno.ENOSPC: "free some space there, or choose another place",
}
"""How to go on where the system refuses a file."""

_PLAIN = (
    (r"Input should be a valid integer.*", "it is no whole number; write one, as 64"),
    (r"Input should be a valid (?:number|float).*", "it is no number; write one, as 0.95"),
    (r"Input should be greater than or equal to (\S+)", r"it must be \1 or more"),
    (r"Input should be less than or equal to (\S+)", r"it must be \1 or less"),
)
"""The words of the library that reads options, and ours."""


def _as_options(text: str, arguments: Sequence[str]) -> str:
    """What to pass, as it is typed: `pass count=2000` is Python's, and on the command line `pass --count 2000`."""
    options = {each.name: each for each in command_of(app, arguments).params if each.opts[0].startswith("--")}

    def typed(found: re.Match[str]) -> str:
        option = options.get(found[2])
        if option is None:
            return found[0]
        return f"{found[1]} {option.opts[0]}{'' if getattr(option, 'is_flag', False) else f' {found[3]}'}"

    return re.sub(r"\b(as|pass|use|give) ([a-z_]+)=(?=\S)(\S*)", typed, text)


def _plain(text: str, typed: str | None) -> str:
    """A refused value, and why, in words of ours."""
    text = text.replace(": Value error, ", ": ", 1)
    for theirs, ours in _PLAIN:
        found = re.sub(rf": {theirs}", f": {ours}" if typed is None else f" {typed!r}: {ours}", text, count=1)
        if found != text:
            return found
    return text


def _typed(option: Any, arguments: Sequence[str]) -> str | None:
    """What was typed last for an option; None where that cannot be told."""
    names = getattr(option, "opts", ())
    pairs = [(*each.partition("=")[::2], after) for each, after in pairwise([*arguments, ""])]
    found = [value or after for name, value, after in pairs if name in names]
    return found[-1] if found else None


def _with_mending(text: str, error: Any, arguments: Sequence[str]) -> str:
    """What the parser says of a line, and what it knows that could be typed: the commands, or what is missing."""
    text = _plain(text, _typed(getattr(error, "param", None), arguments))
    context = getattr(error, "ctx", None)
    if context is not None and isinstance(context.command, TyperGroup):
        commands = ", ".join(context.command.list_commands(context))
        return f"{text}{'' if text.endswith(('.', '?')) else '.'} Commands of {context.command_path}: {commands}"
    if isinstance(error, typer.BadParameter) and not error.message and error.param is not None:
        return f"{text} {getattr(error.param, 'help', None) or ''}"
    option = getattr(error, "option_name", None)
    lacking = next((each for each in command_of(app, arguments).params if option in each.opts), None)
    if lacking is None:
        return text if context is None or "Invalid value" in text else f"{text}; see {context.command_path} --help"
    known = ", ".join(names_for(lacking.name))
    return f"{text} {lacking.help or ''}{known and f' Known: {known}'}"


def _verbosity_first(arguments: list[str]) -> list[str]:
    """Let -v and -q stand after the verb too: they belong to the program."""
    end = arguments.index("--") if "--" in arguments else len(arguments)
    moved = [each for each in arguments[:end] if each in _VERBOSITY]
    return moved + [each for each in arguments[:end] if each not in _VERBOSITY] + arguments[end:]


def _reader_gone() -> int:
    """Nobody reads our output any more: say nothing, and let nothing be said when Python flushes at the end."""
    devnull = os.open(os.devnull, os.O_WRONLY)
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError):
            with contextlib.suppress(OSError, ValueError):
                os.dup2(devnull, stream.fileno())
    os.close(devnull)
    return _ON_BROKEN_PIPE


if __name__ == "__main__":
    sys.exit(main())
