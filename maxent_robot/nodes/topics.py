"""Names of the topics between the nodes, relative to the namespace; those of the arm stand in its description."""

from __future__ import annotations

from maxent_robot.safety.policy_input import TOPIC as CANDIDATE_TWIST
from maxent_robot.safety.policy_report import TOPIC as POLICY_TELEMETRY

__all__ = [
    "CANDIDATE_TWIST",
    "COMMANDED_POSE",
    "HOCKEY_MALLETS",
    "HOCKEY_PICTURE",
    "HOCKEY_PUCK",
    "HOCKEY_SCORE",
    "HOCKEY_TABLE_POSE",
    "MOVE_TARGET",
    "OBSTACLE",
    "POLICY_OBSERVATION",
    "POLICY_TELEMETRY",
    "SOCKET_POSE",
    "SUPERVISOR_FAULT",
    "SUPERVISOR_STATE",
    "TRIALS_RESULT",
    "TRIALS_STATE",
]

POLICY_OBSERVATION = "policy/observation"
SUPERVISOR_STATE, SUPERVISOR_FAULT, MOVE_TARGET = "supervisor/state", "supervisor/fault", "supervisor/move_target"
HOCKEY_TABLE_POSE, HOCKEY_PICTURE = "table_pose", "table_picture"
HOCKEY_PUCK, HOCKEY_MALLETS, HOCKEY_SCORE = "hockey/puck", "hockey/mallets", "hockey/score"
TRIALS_STATE, TRIALS_RESULT = "trials/state", "trials/result"
COMMANDED_POSE, SOCKET_POSE, OBSTACLE = "commanded_pose", "socket_pose", "obstacle"
