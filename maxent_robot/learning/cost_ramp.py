"""The weight of the force cost, which follows the success of recent episodes.

A strong cost from the start teaches the arm to hover over the socket. So the weight is 0 until the task is done now and
then, and full when it is done nearly always:

    goal(s) = maximum * clip((s - success_from) / (success_to - success_from), 0, 1)

never falls as success `s` rises. The weight moves towards the goal at no more than maximum / rise_steps for each
environment step, in both directions: should success fall, the cost gives way until it has come back.
"""

from __future__ import annotations

from maxent_robot.errors import ConfigError
from maxent_robot.learning.config import CostRampConfig


class CostRamp:
    """The weight and the rule that moves it."""

    def __init__(self, config: CostRampConfig) -> None:
        if config.success_to <= config.success_from:
            raise ConfigError(
                f"cost_ramp.success_to is {config.success_to:g}, it must be over success_from, {config.success_from:g}"
            )
        self.config = config
        self.weight = 0.0

    def goal(self, success: float) -> float:
        """The weight that belongs to a success rate."""
        config = self.config
        share = (success - config.success_from) / (config.success_to - config.success_from)
        return config.maximum * min(max(share, 0.0), 1.0)

    def advance(self, success: float, steps: int) -> float:
        """Move the weight for `steps` environment steps at the recent success rate and return it."""
        reach = self.config.maximum * steps / self.config.rise_steps
        self.weight += min(max(self.goal(success) - self.weight, -reach), reach)
        return self.weight
