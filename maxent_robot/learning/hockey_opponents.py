"""The opponents of hockey by name: players written by hand, and skills by their path."""

from __future__ import annotations

from typing import TYPE_CHECKING

from maxent_robot.errors import ConfigError
from maxent_robot.learning.skill_player import SkillPlayer
from maxent_robot.paths import find_skill
from maxent_robot.skill.bundle import load_bundle

if TYPE_CHECKING:
    from sim.hockey.config import HockeyConfig
    from sim.hockey.players import Player


def make_opponents(config: HockeyConfig, n: int, mode: str = "sample") -> Player:
    """The away players that the settings name, for n games.

    Args:
        mode: of the sampler, in which skills play.

    Raises:
        ConfigError: neither a player written by hand nor a hockey skill.
        BundleError: a skill does not verify.
    """
    from sim.hockey.opponents import SCRIPTED, make_player, one_of

    players: list[Player] = []
    for seed, name in enumerate(config.opponents):
        if name in SCRIPTED:
            players.append(make_player(name, config.table, n, seed))
            continue
        try:
            bundle = load_bundle(find_skill(name))
        except ConfigError as error:
            raise ConfigError(f"opponents: {name!r} is none of {', '.join(SCRIPTED)}, and {error}") from error
        if bundle.manifest.layout.inserts:
            raise ConfigError(f"opponents: skill {name!r} is for task {bundle.manifest.task!r}, must be for hockey")
        players.append(SkillPlayer(bundle, mode, seed))
    return one_of(players, n)
