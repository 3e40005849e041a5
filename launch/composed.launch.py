"""Insert past an obstacle by composed skills: `ros2 launch maxent_robot composed.launch.py robot:=sim|fr3|ur5e`."""

from __future__ import annotations

from launch.launch_description import LaunchDescription

from maxent_robot.bringup.launch import launch_description


def generate_launch_description() -> LaunchDescription:
    """The processes of `config/graphs/composed.yaml` for the robot that is named."""
    return launch_description("composed")
