"""The launch description of a graph, for `ros2 launch`: the processes of `maxent-robot up`, made from the same data."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from maxent_robot.bringup.graph import (
    LOG_LEVELS,
    NOT_SAFETY_RATED,
    NodeProcess,
    absolute_namespace,
    load_graph,
    processes,
    run_overrides,
)

if TYPE_CHECKING:
    from launch.launch_context import LaunchContext
    from launch.launch_description import LaunchDescription

PACKAGE = "maxent_robot"

ARGUMENTS = (
    ("robot", "sim", "name (sim, fr3, ur5e) or path of a robot description; sim starts the simulated arm too", None),
    ("namespace", "", "namespace of every node, for example cell_1", None),
    ("use_sim_time", "false", "take the time from /clock", ("true", "false")),
    ("params_file", "", "ROS parameter file for all nodes; arguments given here win over it", None),
    ("autostart", "true", "nodes configure and activate by themselves, else a manager does", ("true", "false")),
    ("dry_run", "false", "the supervisor publishes no command to the arm", ("true", "false")),
    ("log_level", "info", "of every node", LOG_LEVELS),
    ("skill", "", "name or path of a skill bundle; empty: the graph's", None),
    ("limits", "", "name or path of the supervisor's limits; empty: those of the robot's name", None),
    ("mode", "", "of the sampler: mean, sample, tempered, gated or retry; empty: the graph's", None),
)
"""Launch arguments: name, default, description, choices."""


def launch_description(graph: str = "plug_insertion") -> LaunchDescription:
    """The launch description of a shipped graph (or of a file), with the arguments of :data:`ARGUMENTS`."""
    from launch.actions import DeclareLaunchArgument, LogInfo, OpaqueFunction
    from launch.launch_description import LaunchDescription

    declared = [
        DeclareLaunchArgument(name, default_value=default, description=text, choices=choices and list(choices))
        for name, default, text, choices in ARGUMENTS
    ]
    return LaunchDescription(
        [*declared, LogInfo(msg=f"maxent_robot: {NOT_SAFETY_RATED}"), OpaqueFunction(function=_nodes, args=[graph])]
    )


def launched_processes(graph: str, values: Mapping[str, str]) -> tuple[NodeProcess, ...]:
    """The processes that a launch with these arguments starts; those without a value have their default.

    Raises:
        ConfigError: no such graph or robot.
    """
    given = {name: values.get(name, default) for name, default, *_ in ARGUMENTS}
    overrides = run_overrides(
        skill=given["skill"],
        mode=given["mode"],
        limits=given["limits"],
        dry_run=given["dry_run"] == "true",
        use_sim_time=given["use_sim_time"] == "true",
        autostart=given["autostart"] == "true",
    )
    return processes(load_graph(graph), given["robot"], overrides)


def _nodes(context: LaunchContext, graph: str) -> list[Any]:
    values: dict[str, str] = {name: context.launch_configurations[name] for name, *_ in ARGUMENTS}
    return [
        _node_action(process, absolute_namespace(values["namespace"]), values["log_level"], values["params_file"])
        for process in launched_processes(graph, values)
    ]


def _node_action(process: NodeProcess, namespace: str, log_level: str, params_file: str) -> Any:
    from launch.actions import Shutdown
    from launch_ros.actions import LifecycleNode

    user_file: list[Any] = [str(Path(params_file).resolve())] if params_file else []
    return LifecycleNode(
        name=process.base_name,
        namespace=process.namespace_in(namespace),
        **_executable(process),
        ros_arguments=process.ros_arguments(log_level),
        parameters=[*user_file, dict(process.overrides)],
        output="screen",
        # Once is enough: the end of the first node ends the others, each of which would ask again.
        on_exit=lambda event, context: None if context.is_shutdown else Shutdown(reason=f"{process.name} ended"),
    )


def _executable(process: NodeProcess) -> dict[str, Any]:
    """The installed console script where the package is in the ament index, the module itself otherwise."""
    from ament_index_python.packages import PackageNotFoundError, get_package_prefix

    try:
        script = Path(get_package_prefix(PACKAGE)) / "lib" / PACKAGE / process.executable
    except (PackageNotFoundError, OSError):  # OSError: there is no ament index at all
        script = Path()
    if script.is_file():
        return {"package": PACKAGE, "executable": process.executable}
    return {"executable": sys.executable, "arguments": ["-m", process.module]}
