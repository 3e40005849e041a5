"""The tasks that can be trained: their environments, and what a skill trained on them assumes of a robot."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from maxent_robot.config import config_from_mapping, to_mapping
from maxent_robot.control.robot import load_robot
from maxent_robot.errors import ConfigError
from maxent_robot.learning.environment import VectorEnvironment
from maxent_robot.skill import ACTION_AXES, HISTORY_AGES, OBSERVATION_FIELDS
from maxent_robot.skill.hockey import HOCKEY_AGES, HOCKEY_AXES, HOCKEY_FIELDS

if TYPE_CHECKING:
    from sim.hockey.config import HockeyConfig
    from sim.plug.config import PlugConfig

INSERTION, HOCKEY, GYMNASIUM = "plug_insertion", "hockey", "gymnasium"

SKILL_TASKS = (INSERTION, HOCKEY)
"""Tasks of a robot: what is trained on them can be exported as a skill."""

TASKS = (*SKILL_TASKS, GYMNASIUM)


def check_task(task: str) -> None:
    """Raise ConfigError if there is no such task."""
    if task not in TASKS:
        raise ConfigError(f"no task {task!r}: must be one of {', '.join(TASKS)}")


def makes_skill(task: str, settings: Mapping[str, Any]) -> bool:
    """Whether a robot could run what was trained in an environment with these settings."""
    if task == INSERTION:
        config = insertion_config(settings, "environment")
        return config.history and not config.obstacle.present
    return task == HOCKEY


def insertion_config(settings: Mapping[str, Any], source: str) -> PlugConfig:
    """The settings of plug insertion, checked.

    Args:
        source: where `settings` came from, named in errors.

    Raises:
        ConfigError: a setting that its schema does not allow.
    """
    from sim.plug.config import PlugConfig

    return config_from_mapping(settings, PlugConfig, source=source)


def hockey_config(settings: Mapping[str, Any], source: str) -> HockeyConfig:
    """The settings of hockey, checked; arguments and errors as `insertion_config`."""
    from sim.hockey.config import HockeyConfig

    return config_from_mapping(settings, HockeyConfig, source=source)


def make_environment(
    task: str, settings: Mapping[str, Any], num_envs: int, source: str, threads: int = 1, training: bool = False
) -> VectorEnvironment:
    """A vector environment of the task; arguments as `insertion_config`.

    Args:
        threads: of the physics, where the environments of the task share it.
        training: whether a learner plays there, against its past selves where the settings say so.

    Raises:
        ConfigError: no such task, or a setting that its schema does not allow.
    """
    check_task(task)
    if task == GYMNASIUM:
        from maxent_robot.learning.gymnasium_environment import GymnasiumConfig, GymnasiumEnvironment

        return GymnasiumEnvironment(config_from_mapping(settings, GymnasiumConfig, source=source), num_envs)
    if task == HOCKEY:
        from maxent_robot.learning.hockey_opponents import make_opponents
        from sim.hockey.tasks import make_task
        from sim.hockey.vector import VectorHockey

        config = hockey_config(settings, source)
        return VectorHockey(make_task(config, num_envs, make_opponents(config, num_envs, self_play=training)))
    from sim.vector import VectorPlugInsertion

    return VectorPlugInsertion(insertion_config(settings, source), num_envs, threads)


def manifest_assumptions(task: str, settings: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of `SkillManifest` that follow from the environment a skill was trained in.

    Raises:
        ConfigError: the task does not make skills, or no robot could give what the environment gave.
    """
    if task == INSERTION:
        return {"task": task, **_of_insertion(insertion_config(settings, "environment"))}
    if task == HOCKEY:
        return {"task": task, **_of_hockey(hockey_config(settings, "environment"))}
    raise ConfigError(f"task {task!r} does not make skills for a robot: that is for {', '.join(SKILL_TASKS)}")


def _of_insertion(config: PlugConfig) -> dict[str, Any]:
    if not config.history:
        raise ConfigError(
            "environment.history is false: the observations of a robot have a history, so it makes no skill"
        )
    return {
        "connector": config.connector,
        "observation": OBSERVATION_FIELDS,
        "history_ages": HISTORY_AGES,
        "action": ACTION_AXES,
        "policy_period_s": config.policy_period_s,
        "reward": to_mapping(config.reward),
        "randomisation": {
            **to_mapping(config.randomisation),
            "clearance_m": list(config.clearance_m),
            "allowed_force_n": list(config.allowed_force_n),
            "start": to_mapping(config.start),
        },
        **_of_robot(config.robot),
    }


def _of_hockey(config: HockeyConfig) -> dict[str, Any]:
    mapping = to_mapping(config)
    return {
        "connector": "none",
        "observation": HOCKEY_FIELDS,
        "history_ages": HOCKEY_AGES,
        "action": HOCKEY_AXES,
        "policy_period_s": config.table.control_period_s,
        "reward": mapping["reward"],
        "randomisation": {name: mapping[name] for name in ("task", "opponents", "shot_m_s", "sensing", "table")},
        **_of_robot(config.robot),
    }


def _of_robot(name: str) -> dict[str, Any]:
    robot = load_robot(name)
    return {"robot": robot.name, "impedance": robot.impedance, "T_flange_tcp": robot.T_flange_tcp}
