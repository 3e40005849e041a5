"""The lifecycle manager gets a node to where it is asked to, also where the node's answers do not reach it."""

from __future__ import annotations

from contextlib import closing
from typing import Any

import pytest

pytest.importorskip("rclpy")

from ros_support import RosGraph, ros_graph  # noqa: F401

from maxent_robot.bringup import BringupError, LifecycleManager

pytestmark = pytest.mark.realtime

SUPERVISOR = "maxent_robot.nodes.supervisor_node"


class HardOfHearing(LifecycleManager):
    """Misses the first answer of every service, after the node has done what it was asked."""

    def __init__(self, domain_id: int) -> None:
        super().__init__("", domain_id)
        self.missed: set[str] = set()

    def _ask(self, name: str, kind: Any, service: str, request: Any, deadline: float) -> Any | None:
        response = super()._ask(name, kind, service, request, deadline)
        if response is None or service in self.missed:
            return response
        self.missed.add(service)
        return None


def test_an_answer_that_is_lost_does_not_matter(ros_graph: RosGraph) -> None:  # noqa: F811
    ros_graph.start(SUPERVISOR, "supervisor")
    with closing(HardOfHearing(ros_graph.domain_id)) as manager:
        manager.bring_up(["supervisor"])
        assert manager.missed == {"change_state", "get_state"}
        assert manager.state("supervisor") == "active"


def test_a_refusal_is_an_error_at_once_and_silence_one_in_time(ros_graph: RosGraph) -> None:  # noqa: F811
    ros_graph.start(SUPERVISOR, "supervisor", {"robot": "no_such_robot"})
    with LifecycleManager("", ros_graph.domain_id) as manager:
        with pytest.raises(BringupError, match="supervisor: configure failed in state 'unconfigured'"):
            manager.change("supervisor", "configure")
        with pytest.raises(BringupError, match=r"nobody: no answer from nobody/change_state within 0\.5 s"):
            manager.change("nobody", "configure", timeout_s=0.5)
        with pytest.raises(BringupError, match=r"nobody: no answer from nobody/get_state within 0\.5 s"):
            manager.state("nobody", timeout_s=0.5)
