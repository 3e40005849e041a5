"""The console in a browser: a rehearsal and an experiment, clicked through, on the real graph."""

from __future__ import annotations

import re
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from browser import browser_page, elsewhere, free_port, violations
from ros_support import ROOT, RosGraph, ros_graph, wait_until

pytest.importorskip("viser")
from geometry_msgs.msg import TwistStamped
from rcl_interfaces.srv import GetParameters

from maxent_robot.nodes.qos import RELIABLE
from maxent_robot.trials.experiment_files import ExperimentFiles

__all__ = ["ros_graph"]

pytestmark = pytest.mark.realtime

TIMEOUT_MS = 30_000
AA = ("color-contrast", "page-has-heading-one", "aria-progressbar-name", "document-title", "html-has-lang")
PROTOCOL = """
name: by_hand
places: 2
judge: operator
conditions:
  - {name: retry, skill: plug_insertion, policy: {mode: retry}}
  - {name: mean, skill: plug_insertion, policy: {mode: mean}}
"""


def open_console(page: Any, port: int) -> None:
    page.set_default_timeout(TIMEOUT_MS)
    page.goto(f"http://127.0.0.1:{port}/")
    page.get_by_role("heading", level=1).wait_for()


def click(page: Any, label: str) -> None:
    """Press a button, as soon as it may be."""
    page.locator("button:not([disabled]):not([data-disabled])", has_text=re.compile(f"^{label}$")).click()


def wait_for_heading(page: Any, text: str, level: int = 1) -> None:
    page.get_by_role("heading", level=level, name=text, exact=True).wait_for()


def test_a_rehearsal_is_clicked_through(ros_graph: RosGraph) -> None:
    port = free_port()
    ros_graph.bring_up("maxent_robot.nodes.sim_arm", "sim_arm", {"connector": "two_pin", "scenario_seed": 1})
    ros_graph.bring_up("maxent_robot.nodes.supervisor_node", "supervisor", {"skill": "plug_insertion"})
    ros_graph.bring_up("maxent_robot.nodes.policy_node", "policy", {"skill": "plug_insertion", "mode": "retry"})
    ros_graph.bring_up("maxent_robot.nodes.console_node", "console", {"port": port})

    def parameter(name: str) -> Any:
        value = ros_graph.call(GetParameters, "policy/get_parameters", GetParameters.Request(names=[name])).values[0]
        return value.string_value or value.double_value

    with browser_page(1200, 1500) as (page, asked):
        open_console(page, port)
        wait_for_heading(page, "INACTIVE")
        click(page, "Arm")
        wait_for_heading(page, "ARMED")
        page.get_by_text("supervisor/arm: done").wait_for()
        assert page.get_by_role("button", name="Reset").is_disabled()
        click(page, "Start the policy")
        wait_for_heading(page, "RUNNING")
        page.get_by_text("moved by the policy").wait_for()
        page.get_by_text(re.compile(r"entropy -?\d+\.\d\d nat")).wait_for()

        # The keyboard alone: down the slider by one step, and the key that stops.
        temperature = page.get_by_role("slider").first
        temperature.focus()
        page.keyboard.press("ArrowLeft")
        wait_until(lambda: parameter("temperature") == pytest.approx(0.95), "temperature of the policy", 20.0)
        page.get_by_role("combobox", name="Mode").click()
        page.get_by_role("option", name="mean", exact=True).click()
        wait_until(lambda: parameter("mode") == "mean", "mode of the policy", 20.0)
        page.get_by_text("temperature in use 0.00").wait_for()
        assert violations(page, AA) == []
        page.keyboard.press("Escape")
        page.get_by_role("heading", level=1).click()
        page.keyboard.press("s")
        wait_for_heading(page, "HOLD")
        page.get_by_role("button", name="Reset").focus()
        page.keyboard.press("Enter")
        wait_for_heading(page, "ARMED")
        assert violations(page, AA) == []
        assert elsewhere(asked) == []


def test_an_experiment_is_run_broken_off_and_judged_by_clicking(ros_graph: RosGraph, tmp_path: Path) -> None:
    port, output, protocol = free_port(), tmp_path / "experiment", tmp_path / "by_hand.yaml"
    protocol.write_text(PROTOCOL)
    words = ["trials", "run", str(protocol), "--output", str(output), "--wait", "--console", str(port)]
    log = tmp_path / "run.log"
    with log.open("w") as stream:
        command = subprocess.Popen(
            [sys.executable, "-m", "maxent_robot.cli.main", *words, "--domain-id", str(ros_graph.domain_id)],
            cwd=ROOT, env=ros_graph.environment, stdout=stream, stderr=stream, stdin=subprocess.DEVNULL,
        )  # fmt: skip
    try:
        wait_until(lambda: is_served(port) or command.poll() is not None, "console", 90.0, log.read_text)
        with browser_page(900, 1700) as (page, asked):
            open_console(page, port)
            wait_for_heading(page, "start the next trial", level=2)
            click(page, "Start or go on")
            wait_for_heading(page, "running", level=2)
            assert page.get_by_role("button", name="Arm", exact=True).is_disabled()
            click(page, "Break off this trial")
            page.get_by_text("last outcome: operator").wait_for()
            click(page, "The cause is gone")
            wait_for_heading(page, "start the next trial", level=2)

            click(page, "Start or go on")
            wait_for_heading(page, "running", level=2)
            click(page, "The plug is in")
            page.get_by_text("last outcome: success").wait_for()

            page.get_by_text("trial 3, attempt 1").wait_for()
            wait_for_heading(page, "running", level=2)
            rival = ros_graph.node.create_publisher(TwistStamped, "candidate_twist", RELIABLE)
            rival.publish(TwistStamped())
            page.get_by_text(re.compile("remove the cause, then acknowledge")).wait_for()
            assert violations(page, AA) == []
            ros_graph.node.destroy_publisher(rival)
            click(page, "The cause is gone")

            page.get_by_text("trial 4, attempt 1").wait_for()
            wait_for_heading(page, "running", level=2)
            click(page, "The plug is not in")
            page.get_by_text("4 of 4 trials have an outcome").wait_for()
            assert elsewhere(asked) == []
        assert command.wait(60) == 0, log.read_text()
    finally:
        if command.poll() is None:
            command.send_signal(signal.SIGTERM)
            command.wait(30)
    results = ExperimentFiles(output).read_ledger().results
    assert [results[number].outcome for number in (1, 2, 4)] == ["operator", "success", "not_inserted"]
    assert results[3].outcome == "fault:SECOND_PUBLISHER"


def is_served(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
