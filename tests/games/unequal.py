"""A toy with unequal parties: Alice has 2 settings and 2 outcomes, Bob 3 and 3.

On Bob's first two settings honest devices are a Popescu-Rohrlich box, x1 ⊕ x2 = u1·u2 with fair
outcomes; at his third one Bob answers with his third outcome.  What never happens loses, so Bell
value 0 leaves only this box, and its outcomes are random to anybody.
"""

from __future__ import annotations

import numpy as np

from protocol.settings.code import SettingCode
from qdevices.game import Game


def honest():
    table = np.zeros((2, 3, 2, 3))
    for u1, u2, x1 in np.ndindex(2, 3, 2):
        table[u1, u2, x1, 2 if u2 == 2 else x1 ^ (u1 * u2)] = 1 / 2
    return table.reshape(6, 6)


def symmetries():
    """Both answers flipped, and Alice's settings exchanged, with Bob's flip at his second."""
    entries = list(np.ndindex(2, 3, 2, 3))
    group = []
    for exchange in (0, 1):
        for flip in (0, 1):
            images = []
            for u1, u2, x1, x2 in entries:
                bob = flip ^ (exchange & (u2 == 1))
                y2 = x2 if x2 == 2 else x2 ^ bob
                images.append(
                    np.ravel_multi_index((u1 ^ exchange, u2, x1 ^ flip, y2), (2, 3, 2, 3))
                )
            group.append(images)
    return np.array(group, dtype=np.int64)


UNEQUAL = Game(
    name="unequal",
    settings=(2, 3),
    outcomes=(2, 3),
    losing=honest() == 0,
    honest=honest(),
    find_symmetries=symmetries,
)


def code() -> SettingCode:
    """Three bits: u0 = (1,1) has three words, each other pair one."""
    return SettingCode("unequal", (0, 0, 0, 1, 2, 3, 4, 5), 0, UNEQUAL)
