"""A tiny ModernBERT in the form of Hugging Face, trained on a language that is known, and a held-out text of it.

python experiments/tiny_checkpoint.py [FOLDER]      # results/tiny; needs the extra hf; half a minute of one processor

The language is the preset bigram, token by token a, b, c, ...; each token is masked by itself at a rate that is uniform
from 0 to 1, so that the network has seen all rates, and they weigh as much. A line of held_out.txt is a sequence.
"""

from __future__ import annotations

import json
import string
import sys
from pathlib import Path

import torch
from tokenizers import Tokenizer, models, pre_tokenizers, processors
from transformers import ModernBertConfig, ModernBertForMaskedLM, PreTrainedTokenizerFast

import mdmtheory as mt

LANGUAGE, LENGTH = "ngram:order=2", 32
STEPS, BATCH, RATE = 800, 64, 3e-3
HELD_OUT = 1000
SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
FIRST = len(SPECIAL)
CLS, SEP, MASK = (SPECIAL.index(each) for each in ("[CLS]", "[SEP]", "[MASK]"))


def tokenizer(words: str) -> PreTrainedTokenizerFast:
    """Words between blanks, [CLS] before a text and [SEP] after it."""
    made = Tokenizer(models.WordLevel({word: i for i, word in enumerate([*SPECIAL, *words])}, unk_token="[UNK]"))
    made.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    around = [("[CLS]", CLS), ("[SEP]", SEP)]
    made.post_processor = processors.TemplateProcessing(single="[CLS] $A [SEP]", special_tokens=around)
    names = dict(zip(("pad_token", "unk_token", "cls_token", "sep_token", "mask_token"), SPECIAL, strict=True))
    return PreTrainedTokenizerFast(tokenizer_object=made, **names)


def trained(q: mt.NGram) -> ModernBertForMaskedLM:
    """A ModernBERT of 2 layers of 64; rotations that suit short sequences."""
    torch.manual_seed(0)
    rotations = {"rope_type": "default", "rope_theta": 100.0}
    special = {"pad_token_id": 0, "cls_token_id": CLS, "sep_token_id": SEP, "bos_token_id": CLS, "eos_token_id": SEP}
    config = ModernBertConfig(
        vocab_size=FIRST + q.vocab_size,
        hidden_size=64,
        num_hidden_layers=2,
        num_attention_heads=4,
        intermediate_size=128,
        max_position_embeddings=LENGTH + 2,
        global_attn_every_n_layers=1,
        rope_parameters={"full_attention": rotations, "sliding_attention": rotations},
        **special,
    )
    network = ModernBertForMaskedLM(config)
    optimiser = torch.optim.AdamW(network.parameters(), lr=RATE, weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, RATE, total_steps=STEPS)
    generator = torch.Generator().manual_seed(0)
    for step in range(STEPS):
        tokens = torch.from_numpy(q.sample(BATCH, LENGTH, 1, first=step * BATCH).astype("int64")) + FIRST
        rates = (torch.arange(BATCH) + torch.rand(BATCH, generator=generator)) / BATCH
        masked = torch.rand(BATCH, LENGTH, generator=generator) < rates[:, None]
        ends = torch.full((BATCH, 1), CLS), torch.full((BATCH, 1), SEP)
        logits = network(input_ids=torch.cat([ends[0], torch.where(masked, MASK, tokens), ends[1]], dim=1)).logits
        losses = torch.nn.functional.cross_entropy(logits[:, 1:-1].flatten(0, 1), tokens.flatten(), reduction="none")
        loss = (losses.view(BATCH, LENGTH) * masked / rates[:, None]).mean()
        optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimiser.step()
        schedule.step()
    return network


def main(folder: str = "results/tiny") -> None:
    """Train, and write the model, its tokenizer and a text."""
    torch.set_num_threads(1)
    q, out = mt.as_language(LANGUAGE), Path(folder)
    words = string.ascii_lowercase[: q.vocab_size]
    trained(q).save_pretrained(out)
    tokenizer(words).save_pretrained(out)
    lines = (" ".join(words[token] for token in row) for row in q.sample(HELD_OUT, LENGTH, 2))
    (out / "held_out.txt").write_text("\n".join(lines) + "\n")
    print(json.dumps({"folder": folder, "language": LANGUAGE, "length": LENGTH, "tokens": STEPS * BATCH * LENGTH}))


if __name__ == "__main__":
    main(*sys.argv[1:])
