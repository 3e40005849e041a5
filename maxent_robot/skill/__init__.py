"""The skill contract: what a policy sees, what its actions mean, and the bundle that carries it to a robot."""

from maxent_robot.skill.action import (
    ACTION_AXES,
    ACTION_MAXIMUM,
    ACTION_SIZE,
    ActionAxis,
    Leash,
    action_to_twist,
    integrate_target,
)
from maxent_robot.skill.observation import (
    FRAME_SIZE,
    HISTORY_AGES,
    OBSERVATION_FIELDS,
    OBSERVATION_SIZE,
    Measurement,
    ObservationField,
    ObservationHistory,
    observation_frame,
    observation_scale,
)

__all__ = [
    "ACTION_AXES",
    "ACTION_MAXIMUM",
    "ACTION_SIZE",
    "FRAME_SIZE",
    "HISTORY_AGES",
    "OBSERVATION_FIELDS",
    "OBSERVATION_SIZE",
    "ActionAxis",
    "Leash",
    "Measurement",
    "ObservationField",
    "ObservationHistory",
    "action_to_twist",
    "integrate_target",
    "observation_frame",
    "observation_scale",
]
