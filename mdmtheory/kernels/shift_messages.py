"""The messages of an n-gram before every position, and room for one more, in which the next is made.

So it can be compared with the one that it renews, and stays where it was written.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from mdmtheory.kernels.compiling import part, scratch_maker


class Messages(NamedTuple):
    """Row place[i] of `entries` (length + 2, contexts) is the message before position i; the last place is to spare.

    `own` (length + 1,) says which are this row's, others being as when nothing is revealed, and `stale` over which
    positions a step must be made again.
    """

    entries: Any
    place: Any
    own: Any
    stale: Any


@scratch_maker
def message_room(length, size):
    """Room for the messages of one direction."""
    flags = np.zeros((2, length + 1), dtype=np.bool_)
    return Messages(np.empty((length + 2, size)), np.arange(length + 2), flags[0], flags[1])


@part
def forget(messages):
    """No message is this row's."""
    for i in range(len(messages.own)):
        messages.own[i] = messages.stale[i] = False


@part
def renew(messages, i):
    """What was made in the spare row is the message before position i from now on."""
    messages.place[i], messages.place[-1] = messages.place[-1], messages.place[i]
    messages.own[i] = True
