"""The setting codes at hand for each game; a game with codes of its own has a line here."""

from __future__ import annotations

from protocol.security import CLASSICAL, Security
from protocol.settings.code import SettingCode
from qdevices.game import Game
from qdevices.registry import Registry

#: What is tried when no code is asked for, by the game's name.
CANDIDATES: Registry[tuple[SettingCode, ...]] = Registry(
    "game with setting codes", {"ks18": "protocol.settings.ks18:CANDIDATE_CODES"}
)
#: The same where side information is classical; a game without a line here has those above.
CLASSICAL_CANDIDATES: Registry[tuple[SettingCode, ...]] = Registry(
    "game with setting codes for classical side information",
    {"ks18": "protocol.settings.ks18:CLASSICAL_CODES"},
)


def candidate_codes(game: Game, security: Security) -> tuple[SettingCode, ...]:
    """The setting codes that are worth trying for a game in a security model, in no order."""
    if security.side_information == CLASSICAL and game.name in CLASSICAL_CANDIDATES:
        return CLASSICAL_CANDIDATES[game.name]
    return CANDIDATES[game.name]
