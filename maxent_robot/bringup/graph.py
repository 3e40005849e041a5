"""The run-time graph as data (`config/graphs/*.yaml`), and the processes it means for one robot."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

import yaml

from maxent_robot.config import load_config, setting
from maxent_robot.control.robot import load_robot
from maxent_robot.errors import ConfigError
from maxent_robot.paths import share_directory

ParameterValue: TypeAlias = "bool | int | float | str | list[float]"
Overrides: TypeAlias = "Mapping[str, Mapping[str, ParameterValue]]"
"""Parameters by node name; the key `*` is for every node."""

LOG_LEVELS = ("debug", "info", "warn", "error", "fatal")
NOT_SAFETY_RATED = (
    "the supervisor is application software, NOT safety-rated: it never replaces the robot's own safety functions, "
    "guards or emergency stop"
)
"""Said by everything that starts the graph."""

DEFAULT_GRAPH = "plug_insertion"
"""The one that is started where none is named."""

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*")


@dataclass(frozen=True)
class NodeSetting:
    """One process of the graph."""

    name: str = setting(doc="node name, relative to the namespace; home/policy is policy in the namespace home")
    executable: str = setting(doc="module of maxent_robot.nodes, and the console script of the same name")
    robots: tuple[str, ...] = setting((), doc="robots it runs for; empty: all")
    parameters: dict[str, Any] = setting({}, doc="parameters that differ from the node's defaults")


@dataclass(frozen=True)
class GraphConfig:
    """The processes that make up a running skill, in the order they are activated."""

    name: str = setting(doc="name of the graph")
    nodes: tuple[NodeSetting, ...] = setting(doc="processes, in the order they are configured and activated")


@dataclass(frozen=True)
class NodeProcess:
    """One node, ready to be started.

    Parameters, the later ones winning: the node's defaults, `parameters`, the user's parameter file, `overrides`.

    Attributes:
        name: node name, relative to the namespace of the graph: `policy`, or `home/policy`.
        executable: module of `maxent_robot.nodes`, and the console script of the same name.
        parameters: what the graph sets.
        overrides: what the command line sets.
    """

    name: str
    executable: str
    parameters: Mapping[str, ParameterValue] = field(default_factory=dict)
    overrides: Mapping[str, ParameterValue] = field(default_factory=dict)

    @property
    def base_name(self) -> str:
        """The name without namespaces."""
        return _base(self.name)

    def namespace_in(self, namespace: str) -> str:
        """The node's own namespace where the graph's is `namespace`, absolute or empty; both are absolute or empty."""
        own = self.name.rpartition("/")[0]
        return f"{namespace}/{own}" if own else namespace

    @property
    def module(self) -> str:
        """Python module whose `main` is the node."""
        return f"maxent_robot.nodes.{self.executable}"

    def ros_arguments(self, log_level: str = "info") -> list[str]:
        """Log level and graph parameters, as they stand after `--ros-args`.

        The parameters are for any node name, so that every entry of a parameter file that follows wins over them.
        """
        arguments = ["--log-level", log_level]
        for name, value in self.parameters.items():
            arguments += ["-p", f"{name}:={json.dumps(value)}"]
        return arguments

    def command(
        self, directory: Path, namespace: str = "", log_level: str = "info", params_file: Path | None = None
    ) -> list[str]:
        """Arguments of the process: its module, then those for ROS.

        Args:
            directory: where a parameter file with the overrides is written. They go under the full name of the node: on
                the command line rcl takes no namespace, and an entry that names the node would win over them.
            namespace: absolute, or empty.
            log_level: one of LOG_LEVELS.
            params_file: the user's parameter file.
        """
        arguments = [self.module, "--ros-args", *self.ros_arguments(log_level), "-r", f"__node:={self.base_name}"]
        namespace = self.namespace_in(namespace)
        if namespace:
            arguments += ["-r", f"__ns:={namespace}"]
        if params_file is not None:
            arguments += ["--params-file", str(params_file.resolve())]
        if self.overrides:
            path = directory / f"{self.name.replace('/', '.')}.yaml"
            full_name = f"{namespace}/{self.base_name}"
            path.write_text(yaml.safe_dump({full_name: {"ros__parameters": dict(self.overrides)}}))
            arguments += ["--params-file", str(path)]
        return arguments


def graph_path(name_or_path: str) -> Path:
    """The file of a graph named as shipped (`plug_insertion`) or by a path.

    Raises:
        ConfigError: there is no such file; the message lists the shipped graphs.
    """
    shelf = share_directory() / "config" / "graphs"
    for candidate in (shelf / f"{name_or_path}.yaml", Path(name_or_path)):
        if candidate.is_file():
            return candidate
    shipped = ", ".join(sorted(path.stem for path in shelf.glob("*.yaml"))) or "none"
    raise ConfigError(f"no graph '{name_or_path}': give the path of a .yaml file or a shipped name: {shipped}")


def load_graph(name_or_path: str = DEFAULT_GRAPH) -> GraphConfig:
    """Read a graph.

    Raises:
        ConfigError: no such file, a key or value the schema does not allow, or names that are doubled or not ROS names.
    """
    path = graph_path(name_or_path)
    graph = load_config(path, GraphConfig)
    seen: set[str] = set()
    for node in graph.nodes:
        if not all(_NAME.fullmatch(part) for part in node.name.split("/")):
            raise ConfigError(
                f"{path}: node name '{node.name}' must be letters, digits and '_', a letter first; a namespace before "
                "it likewise, with a '/' between"
            )
        if node.name in seen:
            raise ConfigError(f"{path}: node name '{node.name}' is given twice")
        seen.add(node.name)
        for key, value in node.parameters.items():
            if not isinstance(value, (bool, int, float, str)) and not _is_list_of_floats(value):
                raise ConfigError(
                    f"{path}: {node.name}.{key} is {value!r}, must be a bool, a number, text or a list of floats"
                )
    return graph


def parameters_of(graph: GraphConfig, node: str) -> Mapping[str, ParameterValue]:
    """What the graph sets of a node; nothing where it has no such node."""
    return next((setting.parameters for setting in graph.nodes if setting.name == node), {})


def _base(name: str) -> str:
    return name.rpartition("/")[2]


def _is_list_of_floats(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(part, float) for part in value)


def processes(graph: GraphConfig, robot: str, overrides: Overrides | None = None) -> tuple[NodeProcess, ...]:
    """The processes of `graph` for `robot`, in the order they are activated; each gets the parameter `robot`.

    Args:
        graph: as :func:`load_graph` gives it.
        robot: name or path of a robot description.
        overrides: parameters that win over the graph's, by node name (`policy` is that in every namespace), or `*` for
            every node. A node that the graph has, but not for this robot, is left out together with its overrides.

    Raises:
        ConfigError: no such robot, or `overrides` names a node that the graph does not have.
    """
    overrides = overrides or {}
    robot_name = load_robot(robot).name
    known = [node.name for node in graph.nodes]
    named = {"*", *known, *map(_base, known)}
    for name in overrides:
        if name not in named:
            raise ConfigError(f"graph '{graph.name}' has no node '{name}': it has {', '.join(known)}")
    return tuple(
        NodeProcess(
            name=node.name,
            executable=node.executable,
            parameters=node.parameters,
            overrides={
                "robot": robot,
                **overrides.get("*", {}),
                **overrides.get(_base(node.name), {}),
                **overrides.get(node.name, {}),
            },
        )
        for node in graph.nodes
        if not node.robots or robot_name in node.robots
    )


def is_simulated(graph: Sequence[NodeProcess]) -> bool:
    """Whether the arm of these processes is a simulated one."""
    return any(process.base_name == "sim_arm" for process in graph)


def absolute_namespace(namespace: str) -> str:
    """`cell_1` or `/cell_1` as `/cell_1`; empty stays empty.

    Raises:
        ConfigError: not a ROS namespace.
    """
    parts = namespace.strip("/").split("/")
    if parts == [""]:
        return ""
    if not all(_NAME.fullmatch(part) for part in parts):
        raise ConfigError(f"namespace is '{namespace}', must be names of letters, digits and '_', joined by '/'")
    return "/" + "/".join(parts)


def run_overrides(
    skill: str = "",
    mode: str = "",
    limits: str = "",
    dry_run: bool = False,
    use_sim_time: bool = False,
    autostart: bool = False,
) -> dict[str, dict[str, ParameterValue]]:
    """Overrides for what a user usually sets; what is empty or false is left to the graph and the parameter file.

    Args:
        skill: name or path of the skill that the policy node runs, and that the supervisor expects.
        mode: the sampler's mode.
        limits: name or path of the supervisor's limits.
        dry_run: the supervisor publishes no command to the arm.
        use_sim_time: nodes take their time from `/clock`.
        autostart: nodes configure and activate by themselves, without a lifecycle manager.
    """
    chosen: dict[str, dict[str, ParameterValue]] = {
        "policy": {"skill": skill, "mode": mode},
        "supervisor": {"skill": skill, "limits": limits, "dry_run": dry_run},
        "*": {"use_sim_time": use_sim_time, "autostart": autostart},
    }
    return {node: {name: value for name, value in values.items() if value} for node, values in chosen.items()}
