"""The tasks that can be trained: their environments, and what a skill trained on them assumes of a robot."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from maxent_robot.config import config_from_mapping, to_mapping
from maxent_robot.control.robot import load_robot
from maxent_robot.errors import ConfigError
from maxent_robot.learning.environment import VectorEnvironment
from maxent_robot.skill import ACTION_AXES, HISTORY_AGES, OBSERVATION_FIELDS

if TYPE_CHECKING:
    from sim.plug.config import PlugConfig

SKILL_TASKS = ("plug_insertion",)
"""Tasks of a robot: what is trained on them can be exported as a skill."""

TASKS = (*SKILL_TASKS, "gymnasium")


def check_task(task: str) -> None:
    """Raise ConfigError if there is no such task."""
    if task not in TASKS:
        raise ConfigError(f"no task {task!r}: must be one of {', '.join(TASKS)}")


def check_skill_task(task: str) -> None:
    """Raise ConfigError if the task does not make skills."""
    if task not in SKILL_TASKS:
        raise ConfigError(f"task {task!r} does not make skills for a robot: that is for {', '.join(SKILL_TASKS)}")


def environment_config(task: str, settings: Mapping[str, Any], source: str) -> PlugConfig:
    """The settings of a skill's environment, checked.

    Args:
        source: where `settings` came from, named in errors.

    Raises:
        ConfigError: no such task, or a setting that its schema does not allow.
    """
    from sim.plug.config import PlugConfig

    check_skill_task(task)
    return config_from_mapping(settings, PlugConfig, source=source)


def make_environment(
    task: str, settings: Mapping[str, Any], num_envs: int, source: str, threads: int = 1
) -> VectorEnvironment:
    """A vector environment of the task; arguments and errors as `environment_config`.

    Args:
        threads: of the physics, where the environments of the task share it.
    """
    check_task(task)
    if task == "gymnasium":
        from maxent_robot.learning.gymnasium_environment import GymnasiumConfig, GymnasiumEnvironment

        return GymnasiumEnvironment(config_from_mapping(settings, GymnasiumConfig, source=source), num_envs)
    config = environment_config(task, settings, source)
    from sim.vector import VectorPlugInsertion

    return VectorPlugInsertion(config, num_envs, threads)


def manifest_assumptions(task: str, settings: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of `SkillManifest` that follow from the environment a skill was trained in.

    Raises:
        ConfigError: no robot could give what the environment gave.
    """
    config = environment_config(task, settings, "environment")
    if not config.history:
        raise ConfigError(
            "environment.history is false: the observations of a robot have a history, so it makes no skill"
        )
    robot = load_robot(config.robot)
    return {
        "task": task,
        "connector": config.connector,
        "robot": robot.name,
        "observation": OBSERVATION_FIELDS,
        "history_ages": HISTORY_AGES,
        "action": ACTION_AXES,
        "policy_period_s": config.policy_period_s,
        "reward": to_mapping(config.reward),
        "impedance": robot.impedance,
        "T_flange_tcp": robot.T_flange_tcp,
        "randomisation": {
            **to_mapping(config.randomisation),
            "clearance_m": list(config.clearance_m),
            "allowed_force_n": list(config.allowed_force_n),
            "start": to_mapping(config.start),
        },
    }
