"""The setting codes at hand for each game; a game with codes of its own has a line here."""

from __future__ import annotations

from protocol.settings.code import SettingCode
from qdevices.registry import Registry

#: What is tried when no code is asked for, by the game's name.
CANDIDATES: Registry[tuple[SettingCode, ...]] = Registry(
    "game with setting codes", {"ks18": "protocol.settings.ks18:CANDIDATE_CODES"}
)
