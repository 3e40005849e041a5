"""The update rules, one a file, and the learner of a configuration."""

from __future__ import annotations

from maxent_robot.errors import ConfigError
from maxent_robot.learning.algorithms.crossq import CrossQ
from maxent_robot.learning.algorithms.ddpg import Ddpg
from maxent_robot.learning.algorithms.discrete_sac import DiscreteSoftActorCritic
from maxent_robot.learning.algorithms.dqn import DeepQLearning
from maxent_robot.learning.algorithms.learner import Learner
from maxent_robot.learning.algorithms.sac import SoftActorCritic
from maxent_robot.learning.algorithms.soft_q import SoftQLearning
from maxent_robot.learning.algorithms.td3 import Td3
from maxent_robot.learning.config import CONTINUOUS_ALGORITHMS, DISCRETE_ALGORITHMS, LearnerConfig
from maxent_robot.learning.environment import Spaces

__all__ = ["ALGORITHMS", "Learner", "check_algorithm", "make_learner"]

ALGORITHMS: dict[str, type[Learner]] = {
    "ddpg": Ddpg,
    "td3": Td3,
    "sac": SoftActorCritic,
    "crossq": CrossQ,
    "dqn": DeepQLearning,
    "soft_q": SoftQLearning,
    "discrete_sac": DiscreteSoftActorCritic,
}


def check_algorithm(config: LearnerConfig, spaces: Spaces) -> None:
    """Raise ConfigError if the algorithm is for the other kind of actions."""
    allowed = DISCRETE_ALGORITHMS if spaces.action_count else CONTINUOUS_ALGORITHMS
    if config.algorithm not in allowed:
        kind = f"{spaces.action_count} discrete" if spaces.action_count else "continuous"
        raise ConfigError(
            f"learner.algorithm is {config.algorithm!r}, for {kind} actions it must be one of {', '.join(allowed)}"
        )


def make_learner(config: LearnerConfig, spaces: Spaces, seed: int) -> Learner:
    """The learner that `config` names; arguments as `Learner`.

    Raises:
        ConfigError: as `check_algorithm`.
    """
    check_algorithm(config, spaces)
    return ALGORITHMS[config.algorithm](config, spaces, seed)
