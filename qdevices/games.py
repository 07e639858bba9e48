"""The games that ship, by the name that documents have for them; adding one is a line here."""

from __future__ import annotations

from qdevices.game import Game
from qdevices.registry import Registry

GAMES: Registry[Game] = Registry("game", {"ks18": "qdevices.ks18.game:KS18"})
