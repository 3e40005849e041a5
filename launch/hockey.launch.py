"""A game of air hockey between two arms: `ros2 launch maxent_robot hockey.launch.py robot:=sim_hockey`."""

from __future__ import annotations

from launch.launch_description import LaunchDescription

from maxent_robot.bringup.launch import launch_description


def generate_launch_description() -> LaunchDescription:
    """The processes of `config/graphs/hockey.yaml` for the robot that is named."""
    return launch_description("hockey")
