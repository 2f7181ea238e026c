"""What a reader of a chain may know of its state: the sets that tokens and masks lead to from knowing nothing."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Int

from mdmtheory.core.limits import MOST_STATE_SETS, check_limit
from mdmtheory.languages.chain import Chain


@dataclass(frozen=True, eq=False)
class SecondReader:
    """The sets of a chain's states in which somebody may take it to be, set 0 none and set 1 all of them.

    `moves` (sets, V + 1) are the sets that a token leads to, and the mask, under which every token may be.
    """

    members: Bool[np.ndarray, "sets states"]
    moves: Int[np.ndarray, "sets evidence"]

    @classmethod
    def of(cls, chain: Chain) -> SecondReader:
        """All sets that are reached from all states; ValueError for more than MOST_STATE_SETS (core.limits)."""
        every = np.ones(len(chain.initial), dtype=np.bool_)
        successors, emits = chain.transition > 0, np.column_stack([chain.emission > 0, every])
        sets, number, moves = [~every, every], {(~every).tobytes(): 0, every.tobytes(): 1}, []
        for reached in sets:
            row = []
            for token in range(emits.shape[1]):
                then = np.asarray(successors[reached & emits[:, token]].any(axis=0))
                key = then.tobytes()
                if key not in number:
                    number[key] = len(sets)
                    sets.append(then)
                row.append(number[key])
            moves.append(row)
            large = f"of this chain a reader may know {len(sets):,} sets of states or more"
            check_limit(len(sets), MOST_STATE_SETS, "MOST_STATE_SETS", large, "use method='sharp' (ser_sharp)")
        return cls(np.array(sets), np.array(moves, dtype=np.int64))
