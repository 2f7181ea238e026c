"""What stands for a denoiser where one is typed: a registered name, a run's folder, `hf:PATH` or `module:name`."""

from __future__ import annotations

import re
from pathlib import Path

from mdmtheory.core.register import Register
from mdmtheory.core.spec import Spec, parse_options
from mdmtheory.networks.runs import RUN

_NETWORK = "network"
_HUB = "hf"
_OPTIONS = re.compile(r":(?=\s*[A-Za-z_]\w*\s*=)")
_BEFORE_OPTIONS = re.compile(r"[:=]")


class Denoisers(Register):
    """The register of denoisers, in which a path with a slash, `runs/x` or `runs/x:batch=64`, is the run in a folder.

    What stands behind `hf:`, as in `hf:models/bert:batch=64`, is a folder or a name of the hub.

    >>> denoisers = Denoisers("denoiser")
    >>> str(denoisers.read("runs/x:batch=64"))
    'network:run=runs/x,batch=64'
    >>> denoisers.written(denoisers.read("network:run=x"))
    './x'
    """

    def typed(self, text: str) -> Spec:
        """The spec of what somebody typed; ValueError for what is none.

        A registered name wins. Else a text with a slash in what would be its name, or a folder with a record of a run,
        is the network of that run; options follow a colon.
        """
        text = text.strip()
        head = text.partition("=")[0]  # paths in options are theirs
        name = head.partition(":")[0]
        if name in self:
            return self.read(text)
        if _has_record(text):
            return _network(text)
        path = _OPTIONS.split(text, maxsplit=1)[0]
        return _run(text) if "/" in head or _has_record(path) else self.read(text)

    def read(self, text: str) -> Spec:
        """The spec that a text in results stands for, whatever folders there are here."""
        text = text.strip()
        if text.partition(":")[0] == _HUB:
            return _of_hub(text)
        return _run(text) if _is_path(text) else super().read(text)

    def written(self, spec: Spec) -> str:
        """A spec as results show it, which `read` takes: a network by its folder, `./x` where that has no slash."""
        if is_checkpoint(spec) and "path" in dict(spec.options):
            rest = Spec("", tuple(each for each in spec.options if each[0] != "path"))
            text = f"{_HUB}:{dict(spec.options)['path']}{rest}"
            return text if self.read(text) == spec else str(spec)
        if spec.name != _NETWORK or "run" not in dict(spec.options):
            return super().written(spec)
        network = _network(str(dict(spec.options)["run"]), *(each for each in spec.options if each[0] != "run"))
        path, options = str(network.options[0][1]), str(Spec(_NETWORK, network.options[1:])).removeprefix(_NETWORK)
        text = f"{path if _is_path(path) else f'./{path}'}{options}"
        return text if self.read(text) == network else str(network)


def is_checkpoint(spec: Spec) -> bool:
    """Whether a spec is of what somebody else trained, typed as `hf:PATH`."""
    return spec.name == _HUB


def _run(text: str) -> Spec:
    """The network of the run in a folder, `path` or `path:key=value,...`."""
    path, *options = _OPTIONS.split(text, maxsplit=1)
    return _network(path, *parse_options(options[0], text, path, taken=("run",)).items() if options else ())


def _of_hub(text: str) -> Spec:
    """The checkpoint that `hf:PATH`, or `hf:PATH:key=value,...` means; also the spec itself, `hf:path=PATH`."""
    rest = text.partition(":")[2]
    if re.match(r"\s*[A-Za-z_]\w*\s*=", rest):
        return Spec.parse(text)
    path, *options = _OPTIONS.split(rest, maxsplit=1)
    if not path.strip():
        raise ValueError(f"{text!r} names no model; write hf:FOLDER, or hf:NAME of one on the hub")
    more = parse_options(options[0], text, f"{_HUB}:{path}", taken=("path",)) if options else {}
    return Spec(_HUB, (("path", path), *more.items()))


def _network(path: str, *options: tuple[str, int | float | bool | str]) -> Spec:
    return Spec(_NETWORK, (("run", str(Path(path))), *options))


def _is_path(text: str) -> bool:
    return "/" in _BEFORE_OPTIONS.split(text, maxsplit=1)[0]


def _has_record(text: str) -> bool:
    try:
        return bool(text) and (Path(text) / RUN).is_file()
    except (OSError, ValueError):  # a name that no file can have
        return False
