"""A masked language model that somebody else trained, as transformers reads it from a folder or from its cache.

Nothing is downloaded, and no code of the checkpoint's own is run, unless that was asked for.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Int

from mdmtheory.core.printable import printable
from mdmtheory.networks.devices import check_torch
from mdmtheory.networks.digest import digest_of

CONFIG = "config.json"
_CAUSAL_NAMES = ("AutoModelForCausalLM", "AutoModel")
"""Under what diffusion models with code of their own register it, where that is not `AutoModelForMaskedLM`."""
_UNSAID = ("_name_or_path", "transformers_version", "dtype", "torch_dtype", "use_cache")
"""What a configuration says besides what the model computes."""
_SPECIAL = ("bos_token_id", "eos_token_id", "pad_token_id", "cls_token_id", "sep_token_id", "unk_token_id")
_PROBED = 6
"""Positions of the sequences by which it is seen whether a model looks to the right."""


@dataclass(frozen=True, eq=False)
class Checkpoint:
    """A masked language model in memory, and how its numbers of tokens are ours.

    `ids[j]` is its number of our token j: what text can hold, in rising order, without special tokens. `mask` is its
    number of the mask; `before` and `after` stand around every sequence. With `shift` its logits at a position are of
    the token after it (Dream, 2508.15487). `longest` are the positions that it has, those around a sequence included,
    if it says so; `unused` the tensors of its files that it has no place for. `tokenizer` is the reason, an exception,
    where it has none.
    """

    path: str
    model: Any
    tokenizer: Any
    ids: Int[np.ndarray, "vocab_size"]
    mask: int
    before: tuple[int, ...]
    after: tuple[int, ...]
    shift: bool
    longest: int | None
    unused: tuple[str, ...]

    @property
    def vocab_size(self) -> int:
        """How many tokens it can say."""
        return len(self.ids)

    @cached_property
    def digest(self) -> str:
        """SHA-256, in hex, of configuration, weights and conventions: of all that its answers depend on."""
        said = {key: each for key, each in self.model.config.to_dict().items() if key not in _UNSAID}
        conventions = [self.ids.tolist(), self.mask, self.before, self.after, self.shift]
        return digest_of([_json(said), conventions], self.model.state_dict())


def _json(value: Any) -> Any:
    """A configuration's value as a JSON value."""
    if isinstance(value, Mapping):
        return {str(key): _json(each) for key, each in value.items()}
    if isinstance(value, list | tuple | set):
        return [_json(each) for each in value]
    return value if isinstance(value, int | float | str | type(None)) else str(value)


def read_checkpoint(
    path: str,
    *,
    trust_remote_code: bool = False,
    download: bool = False,
    mask: int | None = None,
    frame: bool = True,
    shift: bool = False,
) -> Checkpoint:
    """The model of a folder, or of the hub's cache on this machine; with `download` from the hub itself.

    `mask` is its number of the mask where it does not say so itself; with `frame` the special tokens that its tokenizer
    puts around a text stand around every sequence; `shift` as there. ValueError in one line for what is no masked
    language model, lacks weights, a mask or a tokenizer, or would have to run code of its own that was not trusted.
    """
    check_torch()
    if importlib.util.find_spec("transformers") is None:
        raise ValueError("hf: needs transformers, which is not installed; pip install 'mdmtheory[hf]'")
    where = str(Path(path).expanduser())
    if Path(where).is_dir() and not (Path(where) / CONFIG).is_file():
        raise ValueError(
            f"the folder {path} has no {CONFIG}, so no model in the form of Hugging Face; name the folder that "
            "save_pretrained wrote, or without hf: that of a run"
        )
    options = {"local_files_only": not download, "trust_remote_code": trust_remote_code}
    with _one_line(path, download=download):
        config = _configuration(path, where, options)
        tokenizer = _tokenizer(where, options)
        model, unused = _model(path, where, config, options)
    mask = _mask_of(path, config, tokenizer, mask)
    rows = int(model.get_input_embeddings().weight.shape[0])
    if not 0 <= mask < rows:
        raise ValueError(f"mask {mask} of {path} is none of its {rows} tokens; give the number of its mask token")
    ids = _reachable(config, tokenizer, mask, rows)
    if not len(ids):
        raise ValueError(
            f"the tokenizer of {path} is missing or empty: it knows no token that is not special; put its files, as "
            "tokenizer.json, into the folder"
        )
    before, after = _frame(tokenizer, ids) if frame else ((), ())
    longest = getattr(config, "max_position_embeddings", None)
    made = Checkpoint(path, model, tokenizer, ids, mask, before, after, shift, longest, unused)
    _check_looks_right(made)
    return made


def _configuration(path: str, where: str, options: Mapping[str, Any]) -> Any:
    """The configuration; ValueError where it is code of the checkpoint's own that is not trusted."""
    from transformers import AutoConfig, PreTrainedConfig
    from transformers.models.auto.configuration_auto import CONFIG_MAPPING

    said, _ = PreTrainedConfig.get_config_dict(where, local_files_only=options["local_files_only"])
    own = said.get("auto_map") or {}
    if said.get("model_type") not in CONFIG_MAPPING and "AutoConfig" in own and not options["trust_remote_code"]:
        named = ", ".join(sorted({str(each) for each in own.values()}))
        raise ValueError(
            f"{path} is a model with code of its own ({named}), which would run on this machine; read it, and give "
            "trust_remote_code=true if you trust it"
        )
    return AutoConfig.from_pretrained(where, **options)


def _model(path: str, where: str, config: Any, options: Mapping[str, Any]) -> tuple[Any, tuple[str, ...]]:
    """The model whole, and the names of tensors that it has no place for."""
    kind = _auto_class(path, config, trusted=options["trust_remote_code"])
    model, told = kind.from_pretrained(where, config=config, output_loading_info=True, **options)
    lacking = sorted({*told["missing_keys"], *(str(each[0]) for each in told["mismatched_keys"])})
    if lacking or told["error_msgs"]:
        first = lacking[0] if lacking else told["error_msgs"][0]
        raise ValueError(
            f"the weights of {path} do not load whole: {len(lacking)} tensors of {type(model).__name__} are missing or "
            f"of another shape, {first} among them; download it again, or name a masked language model"
        )
    return model.eval().requires_grad_(False), tuple(sorted(told["unexpected_keys"]))


def _auto_class(path: str, config: Any, *, trusted: bool) -> Any:
    """What of transformers reads a masked model with this configuration; ValueError where that is none."""
    import transformers

    own = (getattr(config, "auto_map", None) or {}) if trusted else {}
    masked = type(config) in transformers.MODEL_FOR_MASKED_LM_MAPPING or "AutoModelForMaskedLM" in own
    if masked and not getattr(config, "is_decoder", False):
        return transformers.AutoModelForMaskedLM
    for name in _CAUSAL_NAMES:
        if name in own:
            return getattr(transformers, name)
    named = ", ".join(getattr(config, "architectures", None) or [type(config).__name__])
    causal = type(config) in transformers.MODEL_FOR_CAUSAL_LM_MAPPING
    what = "a causal language model, which sees the left alone and no masks" if causal else "no masked language model"
    raise ValueError(f"{path} ({named}) is {what}; give a masked language model or a diffusion language model")


def _tokenizer(where: str, options: Mapping[str, Any]) -> Any:
    """The tokenizer, or why it cannot be read."""
    from transformers import AutoTokenizer

    try:
        return AutoTokenizer.from_pretrained(where, **options)
    except Exception as error:  # noqa: BLE001  # what its own code may raise
        return error


def _mask_of(path: str, config: Any, tokenizer: Any, mask: int | None) -> int:
    """The number of the mask; ValueError where nothing names it, or two things name two."""
    if mask is not None:
        return mask
    if isinstance(tokenizer, Exception):
        raise ValueError(f"the tokenizer of {path} is missing or does not load: {_first_line(tokenizer)}")
    said = (getattr(each, "mask_token_id", None) for each in (tokenizer, config))
    found = {int(each) for each in said if each is not None}
    if not found:
        raise ValueError(
            f"{path} has no mask token: neither its tokenizer nor its {CONFIG} names one; give its number, as mask=103"
        )
    if len(found) > 1:
        raise ValueError(
            f"the tokenizer and the {CONFIG} of {path} name two masks, {' and '.join(map(str, sorted(found)))}; give "
            "the one that it was trained with, as mask=103"
        )
    return found.pop()


def _reachable(config: Any, tokenizer: Any, mask: int, rows: int) -> Int[np.ndarray, "vocab_size"]:
    """Numbers of the tokens that text can hold: those of the tokenizer, or all, but the special ones and the mask."""
    if isinstance(tokenizer, Exception):
        known = set(range(int(config.vocab_size)))
        special = {getattr(config, name, None) for name in _SPECIAL}
    else:
        known = set(tokenizer.get_vocab().values())
        special = set(tokenizer.all_special_ids)
        special |= {number for number, token in tokenizer.added_tokens_decoder.items() if token.special}
    return np.array(sorted(number for number in known - special - {mask} if 0 <= number < rows), dtype=np.int64)


def _frame(tokenizer: Any, ids: Int[np.ndarray, "vocab_size"]) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """The special tokens that the tokenizer puts before and after a text, seen on texts of one of its tokens."""
    if isinstance(tokenizer, Exception):
        return (), ()
    for number in ids.tolist():
        text = tokenizer.decode([number])
        alone = tokenizer(text, add_special_tokens=False)["input_ids"]
        if alone != [number]:
            continue
        whole = list(tokenizer(text)["input_ids"])
        at = whole.index(number)
        return tuple(whole[:at]), tuple(whole[at + 1 :])
    return (), ()


def _check_looks_right(checkpoint: Checkpoint) -> None:
    """ValueError where what a model says of a masked position does not depend on what stands to the right of it.

    Also where it says nothing of its tokens at its positions.
    """
    import torch

    before, after = checkpoint.before, checkpoint.after
    row = torch.tensor([*before, *[checkpoint.mask] * _PROBED, *after])
    last = len(before) + _PROBED - 1
    rows = row.repeat(3, 1)
    rows[1, last], rows[2, last] = int(checkpoint.ids[0]), int(checkpoint.ids[-1])
    with torch.inference_mode():
        logits = logits_of(checkpoint, rows)
    if logits.shape[:2] != rows.shape or logits.shape[2] <= int(checkpoint.ids[-1]):
        raise ValueError(
            f"{checkpoint.path} gave logits of shape {tuple(logits.shape)}; expected {tuple(rows.shape)} and a number "
            f"for each of its tokens, up to {int(checkpoint.ids[-1])}"
        )
    if torch.equal(logits[0, :last], logits[1, :last]) and torch.equal(logits[0, :last], logits[2, :last]):
        raise ValueError(
            f"{checkpoint.path} sees the left alone: what it says of a position does not depend on the tokens to the "
            "right; give a masked language model or a diffusion language model"
        )


def logits_of(checkpoint: Checkpoint, rows: Any) -> Any:
    """What the model says of rows of its tokens, (rows, length, its vocabulary)."""
    found = checkpoint.model(input_ids=rows)
    logits = getattr(found, "logits", None)
    if logits is None:
        raise ValueError(
            f"{type(checkpoint.model).__name__} of {checkpoint.path} gives no logits of tokens; give a masked language "
            "model"
        )
    return logits


@contextmanager
def _one_line(path: str, *, download: bool) -> Iterator[None]:
    """What transformers or a checkpoint's own code raises, as a ValueError in one line, without bars and advice."""
    from transformers.utils import logging

    verbosity, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        yield
    except ValueError as error:
        if "\n" not in str(error) and str(path) in str(error):
            raise  # one of ours
        raise ValueError(f"{path} does not load: {_first_line(error)}") from error
    except MemoryError:
        raise
    except Exception as error:
        if isinstance(error, OSError) and not Path(path).expanduser().is_dir() and not download:
            raise ValueError(
                f"there is no folder {path}, and no model of the hub of that name is kept on this machine; check the "
                f"name, or give hf:{path}:download=true to have it downloaded"
            ) from error
        raise ValueError(f"{path} does not load: {_first_line(error)}") from error
    finally:
        logging.set_verbosity(verbosity)
        if bars:
            logging.enable_progress_bar()


def _first_line(error: BaseException) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return printable(lines[0]) if lines else type(error).__name__
