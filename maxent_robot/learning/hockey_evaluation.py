"""Evaluation of a hockey skill: every mode on the same numbered episodes, beside the best player written by hand."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from maxent_robot.learning.hockey_opponents import PAST_SELVES, make_opponents
from maxent_robot.learning.overrides import apply_overrides
from maxent_robot.learning.skill_evaluation import paired_figures, success_figures
from maxent_robot.learning.skill_player import SkillPlayer
from maxent_robot.learning.tasks import hockey_config
from maxent_robot.skill.bundle import ACTOR_FILE, SkillBundle

if TYPE_CHECKING:
    from sim.hockey.config import HockeyConfig
    from sim.hockey.evaluation import RallyTable

SCRIPT = "script"
MODES = ("mean", "sample", SCRIPT)
"""Modes of the sampler, and `script`, the player written by hand that a skill is measured against."""

_BATCH = 256


def promised_game(bundle: SkillBundle, assignments: Sequence[str]) -> HockeyConfig:
    """What a skill promises to do: its task against its opponents, for the task's usual time, and assignments.

    Raises:
        ConfigError: a setting that the environment does not have or allow.
    """
    from sim.hockey.task import USUAL_S

    trained = bundle.manifest.randomisation
    settings = {
        "robot": bundle.manifest.robot,
        "task": trained["task"],
        "opponents": [name for name in trained["opponents"] if name != PAST_SELVES] or ["none"],
        "time_limit_s": USUAL_S[trained["task"]],
    }
    return hockey_config(apply_overrides(settings, assignments), "--set")


def evaluate_player(
    bundle: SkillBundle,
    config: HockeyConfig,
    modes: Sequence[str],
    episodes: int,
    seed: int,
    progress: Callable[[str, int, int], None],
) -> dict[str, Any]:
    """Run episodes 0 to `episodes` - 1 of `seed` in every mode and compare the modes with the script.

    Returns:
        Figures of each mode under its name; `paired`, each mode against the script; `actor_sha256`; `wall_s`.
    """
    from sim.hockey.evaluation import run_rallies
    from sim.hockey.opponents import make_player
    from sim.hockey.task import SCRIPTS

    began = time.monotonic()
    tables: dict[str, RallyTable] = {}
    for mode in modes:
        batch = min(_BATCH, episodes)
        script = make_player(SCRIPTS[config.task], config.table, batch)
        player = script if mode == SCRIPT else SkillPlayer(bundle, mode, seed)

        def report(done: int, successes: int, mode: str = mode) -> None:
            progress(mode, done, successes)

        opponent = make_opponents(config, batch)
        tables[mode] = run_rallies(config, player, episodes, seed, report, opponent=opponent, batch=batch)
    return {
        **{mode: _figures(table) for mode, table in tables.items()},
        "paired": paired_figures({mode: table.success for mode, table in tables.items()}, SCRIPT),
        "actor_sha256": bundle.manifest.files[ACTOR_FILE],
        "wall_s": round(time.monotonic() - began, 1),
    }


def _figures(table: RallyTable) -> dict[str, Any]:
    return {
        **success_figures(table.success, table.time_s),
        "outcomes": dict(sorted(Counter(table.outcome).items())),
    }
