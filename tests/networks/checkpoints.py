"""Folders in the form of Hugging Face that tests make: nobody trained them, or they are the oracle of a language."""

from __future__ import annotations

import json
from pathlib import Path

import torch

LETTERS = "abcdef"
SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")

ORACLE = '''
"""A diffusion model with code of its own: the exact posterior of a language, in the place of weights."""

import numpy as np
import torch
from transformers import PretrainedConfig, PreTrainedModel
from transformers.modeling_outputs import MaskedLMOutput

import mdmtheory as mt


class OracleConfig(PretrainedConfig):
    model_type = "oracle_of_a_language"

    def __init__(self, language="parity", first=5, shifted=False, causal=False, **more):
        super().__init__(**more)
        self.language, self.first, self.shifted, self.causal = language, first, shifted, causal


class OracleModel(PreTrainedModel):
    config_class = OracleConfig

    def __init__(self, config):
        super().__init__(config)
        self.rows = torch.nn.Embedding(config.vocab_size, 1)
        self.post_init()

    def get_input_embeddings(self):
        return self.rows

    def _init_weights(self, module):
        pass

    def forward(self, input_ids, **more):
        q, config = mt.as_language(self.config.language), self.config
        own = torch.where(input_ids == config.mask_token_id, config.first + q.vocab_size, input_ids) - config.first
        framed = input_ids[0, 0] == 2
        tokens = own[:, 1:-1] if framed else own
        tokens = tokens.numpy()
        if config.causal:
            found = np.stack([self.left(q, tokens, i) for i in range(tokens.shape[1])], axis=1)
        else:
            found = mt.Oracle(q).conditionals(tokens)
        logits = torch.full((*input_ids.shape, config.vocab_size), -30.0)
        at = slice(1, -1) if framed else slice(None)
        logits[:, at, config.first : config.first + q.vocab_size] = torch.from_numpy(found).log().clamp(min=-30).float()
        if config.shifted:
            logits = torch.cat([logits[:, 1:], logits[:, -1:]], dim=1)
        return MaskedLMOutput(logits=logits)

    def left(self, q, tokens, i):
        shown = tokens.copy()
        shown[:, i:] = q.vocab_size
        return mt.Oracle(q).conditionals(shown)[:, i]
'''


def write_tokenizer(folder: Path, words: str = LETTERS) -> None:
    """A tokenizer of words between blanks, which puts [CLS] before a text and [SEP] after it."""
    from tokenizers import Tokenizer, models, pre_tokenizers, processors
    from transformers import PreTrainedTokenizerFast

    vocabulary = {word: number for number, word in enumerate([*SPECIAL, *words])}
    made = Tokenizer(models.WordLevel(vocabulary, unk_token="[UNK]"))
    made.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    around = [(name, vocabulary[name]) for name in ("[CLS]", "[SEP]")]
    made.post_processor = processors.TemplateProcessing(single="[CLS] $A [SEP]", special_tokens=around)
    names = dict(zip(("pad_token", "unk_token", "cls_token", "sep_token", "mask_token"), SPECIAL, strict=True))
    PreTrainedTokenizerFast(tokenizer_object=made, **names).save_pretrained(folder)


def write_bert(folder: Path, *, words: str = LETTERS, **more) -> Path:
    """A BERT of 2 layers of 16 whose weights are drawn, and its tokenizer."""
    from transformers import BertConfig, BertForMaskedLM

    sizes = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 32}
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=len(SPECIAL) + len(words), max_position_embeddings=34, initializer_range=0.5, **sizes, **more
    )
    BertForMaskedLM(config).save_pretrained(folder)
    write_tokenizer(folder, words)
    return folder


def write_modernbert(folder: Path) -> Path:
    """A ModernBERT of 2 layers of 16 whose weights are drawn, and its tokenizer."""
    from transformers import ModernBertConfig, ModernBertForMaskedLM

    sizes = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 32}
    special = {"pad_token_id": 0, "cls_token_id": 2, "sep_token_id": 3, "bos_token_id": 2, "eos_token_id": 3}
    torch.manual_seed(0)
    config = ModernBertConfig(
        vocab_size=len(SPECIAL) + len(LETTERS),
        max_position_embeddings=34,
        initializer_range=0.5,
        initializer_cutoff_factor=3.0,
        **sizes,
        **special,
    )
    ModernBertForMaskedLM(config).save_pretrained(folder)
    write_tokenizer(folder)
    return folder


def write_gpt(folder: Path) -> Path:
    """The configuration of a causal model, and the tokenizer of a masked one."""
    from transformers import GPT2Config

    GPT2Config(vocab_size=11, architectures=["GPT2LMHeadModel"], bos_token_id=2, eos_token_id=3).save_pretrained(folder)
    write_tokenizer(folder)
    return folder


def write_oracle(folder: Path, language: str, vocab_size: int, *, tokenizer: bool = True, **said) -> Path:
    """A model with code of its own, registered as LLaDA and Dream are, which is the exact posterior of a language."""
    from safetensors.torch import save_file

    folder.mkdir(parents=True, exist_ok=True)
    (folder / "modeling_oracle.py").write_text(ORACLE)
    named = {"AutoConfig": "modeling_oracle.OracleConfig", "AutoModel": "modeling_oracle.OracleModel"}
    config = {
        "model_type": "oracle_of_a_language",
        "architectures": ["OracleModel"],
        "auto_map": named,
        "language": language,
        "vocab_size": len(SPECIAL) + vocab_size,
        "mask_token_id": 4,
        **said,
    }
    (folder / "config.json").write_text(json.dumps(config))
    weights = {"rows.weight": torch.zeros(len(SPECIAL) + vocab_size, 1)}
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    if tokenizer:
        write_tokenizer(folder, LETTERS[:vocab_size])
    return folder
