"""The run-time graph as data, and what starts and stops its processes."""

from __future__ import annotations

from maxent_robot.bringup.graph import (
    NOT_SAFETY_RATED,
    GraphConfig,
    NodeProcess,
    NodeSetting,
    absolute_namespace,
    is_simulated,
    load_graph,
    processes,
    run_overrides,
)
from maxent_robot.bringup.lifecycle import LifecycleManager
from maxent_robot.bringup.supervise import BringupError, GraphOptions, ProcessGroup

__all__ = [
    "NOT_SAFETY_RATED",
    "BringupError",
    "GraphConfig",
    "GraphOptions",
    "LifecycleManager",
    "NodeProcess",
    "NodeSetting",
    "ProcessGroup",
    "absolute_namespace",
    "is_simulated",
    "load_graph",
    "processes",
    "run_overrides",
]
