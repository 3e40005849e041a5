"""The opponents of hockey by name: players written by hand, past selves of a learner, and skills by their path."""

from __future__ import annotations

from typing import TYPE_CHECKING

from maxent_robot.errors import ConfigError
from maxent_robot.learning.past_selves import PastSelves
from maxent_robot.learning.skill_player import SkillPlayer
from maxent_robot.paths import find_skill
from maxent_robot.skill.bundle import load_bundle

if TYPE_CHECKING:
    from sim.hockey.config import HockeyConfig
    from sim.hockey.players import Player


PAST_SELVES = "past_selves"


def make_opponents(config: HockeyConfig, n: int, mode: str = "sample", self_play: bool = False) -> Player:
    """The away players that the settings name, for n games.

    Args:
        mode: of the sampler, in which skills play.
        self_play: whether there is a learner whose past selves may play.

    Raises:
        ConfigError: no player written by hand, no hockey skill, and no past selves where they may play.
        BundleError: a skill does not verify.
    """
    from sim.hockey.opponents import SCRIPTED, make_player, one_of

    def make(name: str, seed: int) -> Player:
        if name in SCRIPTED:
            return make_player(name, config.table, n, seed)
        if name == PAST_SELVES:
            if not self_play:
                raise ConfigError(f"opponents: {PAST_SELVES} play in training only")
            return PastSelves(n, seed)
        try:
            bundle = load_bundle(find_skill(name))
        except ConfigError as error:
            allowed = ", ".join((*SCRIPTED, PAST_SELVES))
            raise ConfigError(f"opponents: {name!r} is none of {allowed}, and {error}") from error
        if bundle.manifest.layout.inserts:
            raise ConfigError(f"opponents: skill {name!r} is for task {bundle.manifest.task!r}, must be for hockey")
        return SkillPlayer(bundle, mode, seed)

    return one_of(config.opponents, make, n)
