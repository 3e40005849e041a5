"""The console without ROS and without a browser: who may open it, what it allows, how the arm is drawn."""

from __future__ import annotations

import http
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import replace
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest
from browser import free_port

from maxent_robot.console.force_plot import ForcePlot
from maxent_robot.console.gate import Gate
from maxent_robot.console.twin import _segments, _turn_z_to
from maxent_robot.console.view import (
    ARM,
    INSERTED,
    RESET,
    START,
    STOP,
    TRIALS_ACKNOWLEDGE,
    TRIALS_START,
    TRIALS_STOP,
    ConsoleView,
    PolicyStatus,
    SamplerSettings,
    SupervisorStatus,
)
from maxent_robot.control import rotations
from maxent_robot.control.robot import load_robot
from maxent_robot.errors import ConfigError
from maxent_robot.trials.operator_desk import PHASES, Told

TOKEN = "a-secret-of-20-signs"
HERE = {"Host": "127.0.0.1:8080"}
SAME_SITE = {"Origin": "http://127.0.0.1:8080"}


def status(gate: Gate, headers: Mapping[str, str], path: str = "/", websocket: bool = False) -> http.HTTPStatus | None:
    answer = gate.check(path, headers, websocket)
    return None if answer is None else answer.status


@pytest.mark.parametrize(
    ("headers", "websocket", "expected"),
    [
        (HERE, False, None),
        (HERE | SAME_SITE, True, None),
        (HERE, True, None),
        ({"host": "localhost:8080", "origin": "http://localhost:8080"}, True, None),
        ({"Host": "[::1]:8080"}, False, None),
        (HERE | {"Origin": "https://example.org"}, True, http.HTTPStatus.FORBIDDEN),
        (HERE | {"Origin": "http://127.0.0.1:8081"}, True, http.HTTPStatus.FORBIDDEN),
        (HERE | {"Origin": "null"}, True, http.HTTPStatus.FORBIDDEN),
        ({"Host": "rebound.example.org:8080"}, False, http.HTTPStatus.FORBIDDEN),
        ({"Host": "rebound.example.org", "Origin": "http://rebound.example.org"}, True, http.HTTPStatus.FORBIDDEN),
        ({"Host": "127.0.0.1.example.org"}, False, http.HTTPStatus.FORBIDDEN),
        ({"Host": "[broken"}, False, http.HTTPStatus.FORBIDDEN),
        ({}, False, http.HTTPStatus.FORBIDDEN),
    ],
)
def test_without_a_token_only_this_machines_own_pages_come_in(
    headers: Mapping[str, str], websocket: bool, expected: http.HTTPStatus | None
) -> None:
    assert status(Gate("127.0.0.1", 8080), headers, websocket=websocket) == expected


def test_a_token_is_asked_for_and_remembered_by_a_cookie() -> None:
    gate = Gate("0.0.0.0", 8080, TOKEN)
    lab = {"Host": "cell:8080"}
    assert status(gate, lab) == http.HTTPStatus.UNAUTHORIZED
    assert status(gate, lab, "/?token=a-secret-of-20-sign") == http.HTTPStatus.UNAUTHORIZED
    assert status(gate, lab, "/?token=") == http.HTTPStatus.UNAUTHORIZED
    assert status(gate, lab | {"Cookie": "maxent_robot_console_8080=wrong"}) == http.HTTPStatus.UNAUTHORIZED
    answer = gate.check(f"/?token={TOKEN}", lab, False)
    assert answer is not None
    assert (answer.status, answer.headers["Location"]) == (http.HTTPStatus.FOUND, "/")
    assert "HttpOnly" in answer.headers["Set-Cookie"]
    cookie = {"Cookie": "other=1; " + answer.headers["Set-Cookie"].partition(";")[0]}
    assert status(gate, lab | cookie) is None
    for odd in ('prefs={"theme": "dark"}', "flag", "x@y=1"):
        assert status(gate, lab | {"Cookie": f"{odd}; {cookie['Cookie']}; {odd}"}) is None, "of another page here"
    assert status(gate, lab | cookie | {"Origin": "http://cell:8080"}, websocket=True) is None
    assert status(gate, lab | cookie | {"Origin": "http://evil"}, websocket=True) == http.HTTPStatus.FORBIDDEN
    assert status(gate, lab, websocket=True) == http.HTTPStatus.UNAUTHORIZED
    assert status(Gate("0.0.0.0", 8081, TOKEN), lab | cookie) == http.HTTPStatus.UNAUTHORIZED


@pytest.mark.parametrize(
    ("host", "token", "message"),
    [
        ("0.0.0.0", "", "which other machines can reach, and token is empty"),
        ("cell.lab", "", "which other machines can reach"),
        ("127.0.0.1", "short", "token has 5 characters, must be at least 16"),
        ("127.0.0.1", "with spaces in between", "letters, digits"),
    ],
)
def test_a_console_that_would_be_open_to_all_is_refused(host: str, token: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        Gate(host, 8080, token)


def test_the_server_asks_the_gate_before_anything_else() -> None:
    pytest.importorskip("viser")
    from websockets.exceptions import InvalidStatus
    from websockets.sync.client import connect
    from websockets.typing import Origin

    from maxent_robot.console.server import ConsoleError, open_server

    port = free_port()
    server = open_server("127.0.0.1", port, Gate("127.0.0.1", port))
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=20) as answer:
            assert answer.status == 200
            assert "default-src 'self'" in answer.headers["Content-Security-Policy"]
        with pytest.raises(urllib.error.HTTPError, match="403"):
            urllib.request.urlopen(
                urllib.request.Request(f"http://127.0.0.1:{port}/", headers={"Host": "example.org"}), timeout=20
            )
        with pytest.raises(InvalidStatus, match="403"):
            connect(f"ws://127.0.0.1:{port}/", origin=Origin("http://example.org"))
        with pytest.raises(ConsoleError, match=f"port {port} of 127.0.0.1 can't be used: Address already in use"):
            open_server("127.0.0.1", port, Gate("127.0.0.1", port))
    finally:
        server.stop()


ALL = (ARM, START, STOP, RESET, TRIALS_START, TRIALS_STOP, TRIALS_ACKNOWLEDGE, INSERTED)


@pytest.mark.parametrize(
    ("state", "allowed"),
    [
        (None, {STOP}),
        ("UNCONFIGURED", {STOP}),
        ("INACTIVE", {STOP, ARM}),
        ("ARMED", {STOP, ARM, START}),
        ("RUNNING", {STOP}),
        ("DEGRADED", {STOP}),
        ("HOLD", {STOP, RESET}),
        ("FAULT", {STOP, RESET}),
    ],
)
def test_what_may_be_pressed_depends_on_the_state_and_a_stop_may_always(state: str | None, allowed: set[str]) -> None:
    view = ConsoleView(supervisor=None if state is None else SupervisorStatus(state))
    assert {request for request in ALL if view.allows(request)} == allowed


def test_an_experiment_has_the_arm_to_itself_until_it_rests() -> None:
    view = ConsoleView(SupervisorStatus("ARMED"), sampler=SamplerSettings("retry", 1.0))
    assert view.sampler_is_free
    running = replace(view, trials=Told("running"))
    assert not running.sampler_is_free
    assert {request for request in ALL if running.allows(request)} == {STOP, TRIALS_STOP, INSERTED}
    waiting = replace(view, trials=Told("acknowledge"))
    assert {request for request in ALL if waiting.allows(request)} == {STOP, TRIALS_ACKNOWLEDGE}
    for phase in ("waiting", "paused", "finished", "failed"):
        rests = replace(view, trials=Told(phase))
        assert rests.sampler_is_free
        assert rests.allows(START)
        assert rests.allows(TRIALS_START) == (phase in ("waiting", "paused"))


@pytest.mark.parametrize("phase", PHASES)
def test_a_stop_reaches_an_experiment_in_every_phase_and_a_blinded_operator_sees_no_sampler(phase: str) -> None:
    view = ConsoleView(sampler=SamplerSettings("retry", 1.0), trials=Told(phase))
    assert view.has_experiment == (phase not in ("finished", "failed"))
    assert view.shows_sampler
    assert replace(view, trials=Told(phase, blinded=True)).shows_sampler == (not view.has_experiment)
    assert not ConsoleView(sampler=view.sampler).has_experiment


def test_a_weight_beyond_its_slider_stays_when_another_is_moved() -> None:
    viser = pytest.importorskip("viser")
    from maxent_robot.console.page import ConsolePage

    server = viser.ViserServer("127.0.0.1", free_port(), verbose=False)
    try:
        page = ConsolePage(server, "arm", lambda _: None, lambda *_: None)
        settings = SamplerSettings("retry", 1.0, ("first", "second", "third"), (10.0, 1.0, 0.5))
        page.show(ConsoleView(sampler=settings), 0.0)
        assert [slider.value for slider in page._weights] == [4.0, 1.0, 0.5]
        assert page._reweighted(1, 2.0) == [10.0, 2.0, 0.5]
        assert page._reweighted(2, 3.0) == [10.0, 2.0, 3.0], "also before the policy has answered"
    finally:
        server.stop()


def test_the_view_says_what_stands_in_the_way() -> None:
    silent = ConsoleView()
    assert silent.is_bad
    assert silent.headline == "No supervisor is heard"
    fault = ConsoleView(
        SupervisorStatus("FAULT", fault="CONTACT_FORCE: 31 N, allowed 30 N", dry_run=True),
        PolicyStatus(problem="wrench: stale"),
    )
    assert fault.is_bad
    assert fault.headline == "FAULT (dry run)"
    assert list(fault.details) == ["CONTACT_FORCE: 31 N, allowed 30 N", "policy: wrench: stale"]


def test_the_force_is_drawn_with_gaps_where_nothing_is_known() -> None:
    plot = ForcePlot()
    assert "polyline" not in plot.svg()
    for k in range(300):
        plot.add(0.1 * k + 0.01, None if 200 <= k < 210 else 12.0)
    drawing = ElementTree.fromstring(plot.svg())
    lines = [line.attrib["points"].split() for line in drawing.iter("polyline")]
    assert [len(line) for line in lines] == [100, 90], "the last 20 s, without the second that is not known"
    places = np.array([point.split(",") for line in lines for point in line], dtype=float)
    assert np.all(np.diff(places[:, 0]) > 0.0)
    assert places[-1, 0] == 360.0 - 12.0, "the newest one is at the right"
    assert np.ptp(places[:, 1]) == 0.0
    assert "15" in {text.text for text in drawing.iter("text")}, "the axis ends at the next 5 N"


@pytest.mark.parametrize("robot", ["sim", "fr3", "ur5e"])
def test_the_rods_of_the_twin_lead_from_joint_to_joint_in_every_posture(robot: str) -> None:
    chain = load_robot(robot).chain()
    generator = np.random.default_rng(0)
    rods: dict[str, list[Any]] = {}
    for name, start, end, _ in _segments(chain):
        rods.setdefault(name.rpartition("/")[0], []).append((start, end))
    for _ in range(5):
        frames = chain.frames(generator.uniform(chain.position_min, chain.position_max))
        parents = {"/arm/base": np.eye(4), **{f"/arm/{i}": frame for i, frame in enumerate(frames)}}
        for i in range(len(chain.joint_names) - 1):
            parent, child = f"/arm/{i}", frames[i + 1][:3, 3]
            ends = [parents[parent] @ np.append(end, 1.0) for _, end in rods.get(parent, [])]
            reached = ends[-1][:3] if ends else parents[parent][:3, 3]
            np.testing.assert_allclose(reached, child, atol=1e-9)
        last = len(chain.joint_names) - 1
        _, tool = rods[f"/arm/{last}"][-1]
        np.testing.assert_allclose((frames[last] @ np.append(tool, 1.0))[:3], frames[-1][:3, 3], atol=1e-9)


@pytest.mark.parametrize("direction", [(0, 0, 1), (0, 0, -2), (1, 0, 0), (-0.3, 0.2, -0.9)])
def test_a_rod_is_turned_along_its_direction(direction: tuple[float, float, float]) -> None:
    towards = np.array(direction, dtype=float)
    turned = rotations.to_matrix(_turn_z_to(towards)) @ [0.0, 0.0, 1.0]
    np.testing.assert_allclose(turned, towards / np.linalg.norm(towards), atol=1e-12)
