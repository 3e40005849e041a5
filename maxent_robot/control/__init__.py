"""Rotations, poses, kinematics and the description of an arm. NumPy only; no clock, no I/O but the YAML of a robot."""

from maxent_robot.control.kinematics import InverseKinematicsError, SerialChain
from maxent_robot.control.pose import Pose
from maxent_robot.control.robot import ImpedanceSetting, RobotConfig, load_robot

__all__ = ["ImpedanceSetting", "InverseKinematicsError", "Pose", "RobotConfig", "SerialChain", "load_robot"]
