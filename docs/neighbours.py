"""How many of the pairs of neighbours a rule draws at once, along sequences of the language, with either way of ties.

python docs/neighbours.py [STEPS [COUNT]]      # prints a table in Markdown; about a minute
"""

import sys

import mdmtheory as mt
from mdmtheory.languages.presets import as_language
from mdmtheory.samplers.budgeted import Confidence, Entropy, Margin

LANGUAGES = ("ngram:order=2", "ngram:order=3", "hmm", "hmm:sticky=0.9", "dyck")
LENGTH = 64


def at_once(rule, ties, language, steps, count):
    """Of LENGTH - 1 pairs of neighbours, the mean number that one call opens together."""
    together = 0

    class Watched(rule):
        def step(self, state, tokens, wanted, marginals, drawn):
            nonlocal together
            found = super().step(state, tokens, wanted, marginals, drawn)
            opened = found[1] != tokens
            together += int((opened[:, 1:] & opened[:, :-1]).sum())
            return found

    model = mt.MaskedDiffusion(mt.Oracle(language), sampler=Watched(ties=ties), steps=steps)
    model.log_prob(language.sample(count, LENGTH, seed=0), threads=1)
    return together / count


def main(steps: str = "16", count: str = "1000") -> None:
    """Print the table."""
    rules = (Confidence, Entropy, Margin)
    heads = [f"`{rule.name}`, {ties}" for rule in rules for ties in ("lowest", "random")]
    print(f"| of {LENGTH - 1} pairs, {steps} calls | {' | '.join(heads)} |")
    print("| :-- |" + " --: |" * len(heads))
    for name in LANGUAGES:
        language = as_language(name)
        cells = [
            at_once(rule, ties, language, int(steps), int(count)) for rule in rules for ties in ("lowest", "random")
        ]
        print(f"| {name} | {' | '.join(f'{each:.1f}' for each in cells)} |", flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
