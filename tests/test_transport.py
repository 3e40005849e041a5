"""The nodes' transport: no shared memory, and still in reach of a peer that is left as it comes."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

pytest.importorskip("rclpy")

from geometry_msgs.msg import PoseStamped
from ros_support import RosGraph, ros_graph, wait_until  # noqa: F401  the fixture

from maxent_robot.nodes import transport

pytestmark = pytest.mark.realtime


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (transport.DISCOVERY_RANGE, *transport._CHOICES):
        monkeypatch.setenv(name, "")  # so that it is put back afterwards, whatever the test does
        monkeypatch.delenv(name)


def test_udp_is_chosen_and_on_one_machine_the_loopback_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    transport.avoid_shared_memory()
    assert os.environ[transport.TRANSPORTS] == "UDPv4"
    monkeypatch.delenv(transport.TRANSPORTS)
    monkeypatch.setenv(transport.DISCOVERY_RANGE, "localhost")
    transport.avoid_shared_memory()
    assert os.environ[transport.DISCOVERY_RANGE] == "SYSTEM_DEFAULT"
    assert "127.0.0.1" in Path(os.environ[transport.PROFILES]).read_text(encoding="utf-8")


@pytest.mark.parametrize("name", transport._CHOICES)
def test_what_the_user_has_chosen_stays(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv(name, "mine")
    before = dict(os.environ)
    transport.avoid_shared_memory()
    assert dict(os.environ) == before


@pytest.mark.skipif(not Path("/proc/self/maps").is_file(), reason="needs /proc")
def test_a_node_maps_no_shared_memory_and_is_heard(ros_graph: RosGraph) -> None:  # noqa: F811
    process = ros_graph.start("maxent_robot.nodes.sim_arm", "sim_arm", {"robot": "sim", "autostart": True})
    insertions = ros_graph.collect(PoseStamped, "sim_arm/insertion")
    wait_until(lambda: len(insertions) > 3, "messages of the node", 60.0)
    maps = Path(f"/proc/{process.pid}/maps").read_text(encoding="utf-8")
    assert "/dev/shm/fastdds" not in maps, "shared memory is in use"
