"""The supervisor's core, without ROS, against the simulated arm, its inputs forged by the million.

Nothing waits here: a cycle is 5 ms of simulated time, so what takes hours on a graph takes minutes. The observer reads
the state of the physics and judges as in the running graph.
"""

from __future__ import annotations

import dataclasses
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from numpy.typing import NDArray

from attack.core_inputs import Inputs
from attack.truth import Bounds, TrueMotion, Truth
from maxent_robot.config import config_from_mapping, to_mapping
from maxent_robot.control.robot import RobotConfig, load_robot
from maxent_robot.safety.limits import SupervisorLimits, load_limits
from maxent_robot.safety.policy_report import ExpectedPolicy
from maxent_robot.safety.state_machine import MOVING, State
from maxent_robot.safety.supervisor import Supervisor
from sim.plug.arm_driver import PlugArmDriver

Array = NDArray[np.float64]

PERIOD_S = 0.05
CHUNK = 4000
"""Cycles that are judged together."""
GIVEN_UP_S = 3.0
"""Time without a way back to RUNNING after which a fresh arm is taken."""
RETURN_S = 0.1
"""How long an arm that was left outside of the workspace has to be inside again before it is judged."""
PATIENCE_S = 0.1
"""Between two requests of the operator."""


def narrow(robot: RobotConfig) -> dict[str, Any]:
    """A workspace whose walls, post and cone are soon reached."""
    home = robot.chain().forward(np.array(robot.home))
    around = home.position
    return {
        "minimum": (around - 0.02).tolist(),
        "maximum": (around + 0.03).tolist(),
        "tolerance_m": 0.02,
        "keep_out": {"post": {"minimum": (around + 0.006).tolist(), "maximum": (around + 0.016).tolist()}},
        "orientation": {
            "reference": home.quaternion.tolist(),
            "tilt_rad": 0.05,
            "turn_rad": 0.08,
            "tolerance_rad": 0.1,
        },
    }


VARIANTS = ("shipped", "narrow")


Row = tuple[float, Array, Array, Array, Array, "Array | None", bool]
"""A cycle: time, joint positions and velocities, TCP, contact force, target, whether the attacker has a hand on it."""


class Campaign:
    """One arm and one supervisor at a time, `commands` forged inputs.

    Args:
        directory: for the YAML files that the observer reads its bounds from.
    """

    def __init__(self, variant: str, seed: int, directory: Path) -> None:
        self._robot = load_robot("sim")
        self._generator = np.random.default_rng(seed)
        self._seed, self._arms, self._lived_s = seed, 0, 0.0
        mapping = to_mapping(load_limits("sim"))
        if variant == "narrow":
            mapping["workspace"] = narrow(self._robot)
        self._limits = config_from_mapping(mapping, SupervisorLimits)
        robot_file, limits_file = directory / "robot.yaml", directory / "limits.yaml"
        robot_file.write_text(yaml.safe_dump(to_mapping(self._robot)), encoding="utf-8")
        limits_file.write_text(yaml.safe_dump(mapping), encoding="utf-8")
        self._bounds = Bounds.read(robot_file, limits_file)
        self._unbounded = dataclasses.replace(
            self._bounds, box_min=np.full(3, -np.inf), box_max=np.full(3, np.inf), keep_out=()
        )
        self.states: Counter[str] = Counter()
        self.faults: Counter[str] = Counter()
        self.sent: Counter[str] = Counter()
        self.violations: list[str] = []
        self.rest_s: list[float] = []
        self.tick_s: list[float] = []
        self._fresh_arm()

    def _fresh_arm(self) -> None:
        self._arms += 1
        self._origin_s = self._lived_s + 1.0  # so that time goes on from arm to arm
        self._driver = PlugArmDriver(self._robot, "two_pin", 1000 * self._seed + self._arms)
        self._supervisor = Supervisor(self._robot, self._limits, ExpectedPolicy(self._robot.fingerprint(), PERIOD_S))
        self._supervisor.configure()
        self._inputs = Inputs(self._robot, self._supervisor, self._driver, self._generator, self.sent)
        self._asked_s = self._useful_s = 0.0
        self._displaced_until_s = 0.0
        self._stopped_s: float | None = None
        self._was_stopped = False

    def run(self, commands: int, tick: Callable[[int], object]) -> None:
        """Go on until so many inputs were forged."""
        while (before := sum(self.sent.values())) < commands:
            rows = [self._cycle() for _ in range(CHUNK)]
            self._judge(rows)
            tick(min(sum(self.sent.values()), commands) - min(before, commands))

    def _cycle(self) -> Row:
        """Arm, forged inputs, supervisor, arm again."""
        reading = self._driver.cycle()
        now_s = reading.time_s
        self._inputs.measure(reading, now_s)
        self._inputs.forge(now_s, self._supervisor.state in MOVING)
        began = time.perf_counter()
        command = self._supervisor.tick(now_s)
        self.tick_s.append(time.perf_counter() - began)
        if command.target is not None:
            self._driver.set_target(command.target)
        self.states[command.state.value] += 1
        target = None
        if command.target is not None:
            target = np.concatenate([command.target.position, command.target.quaternion])
        row = (
            self._origin_s + now_s, reading.joint_positions, reading.joint_velocities, self._driver.tcp().position,
            reading.contact_n, target, self._in_hand(now_s),
        )  # fmt: skip
        self._lived_s = row[0]
        self._watch_stop(command.state, reading.joint_velocities, now_s)
        self._operate(command.state, now_s)
        return row

    def _in_hand(self, now_s: float) -> bool:
        """Whether the attacker has a hand on the arm, or had, and has left it outside of the workspace."""
        outside = self._bounds.excess_m(self._driver.tcp().position) > 0.0
        if self._inputs.handled(now_s) or (outside and now_s < self._displaced_until_s):
            self._displaced_until_s = now_s + RETURN_S
        return now_s < self._displaced_until_s

    def _watch_stop(self, state: State, velocities: Array, now_s: float) -> None:
        """Time from the stop to the true rest, where no hand holds or pushes the arm."""
        stopped = state in (State.STOPPING, State.HOLD, State.FAULT)
        if stopped and not self._was_stopped:
            self._stopped_s = now_s
        self._was_stopped = stopped
        if self._stopped_s is not None and self._inputs.handled(now_s):
            self._stopped_s = None
        if self._stopped_s is not None and np.abs(velocities).max() < 0.05:
            self.rest_s.append(now_s - self._stopped_s)
            self._stopped_s = None

    def _operate(self, state: State, now_s: float) -> None:
        """What a patient operator does: reset, arm, start, and a fresh arm where that leads nowhere."""
        if state in MOVING:
            self._useful_s = now_s
            return
        if now_s - self._asked_s < PATIENCE_S:
            return
        self._asked_s = now_s
        if state in (State.HOLD, State.FAULT):
            if now_s - self._useful_s > 2 * PATIENCE_S:
                self._inputs.relent()
            self._note_faults()
            self._supervisor.request_reset(now_s)
        elif state is State.INACTIVE:
            self._supervisor.request_arm(now_s)
        elif state is State.ARMED:
            self._supervisor.request_start(now_s)
        if now_s - self._useful_s > GIVEN_UP_S:
            self._fresh_arm()

    def _note_faults(self) -> None:
        for violation in self._supervisor.command().faults:
            self.faults[violation.fault.value] += 1

    def _judge(self, rows: list[Row]) -> None:
        """Let the observer judge the cycles.

        While the attacker pushes the arm or lies about where it is, its own force and its own lie are not judged: then
        a command only has to be a pose, and near the last one.
        """
        time_s = np.array([row[0] for row in rows])
        free = ~np.array([row[6] for row in rows])
        tcp = np.array([row[3] for row in rows])
        speed = np.zeros(len(rows))
        speed[1:] = np.linalg.norm(np.diff(tcp, axis=0), axis=1) / self._driver.period_s
        speed[1:][np.diff(time_s) > 0.5] = 0.0  # a fresh arm
        force = np.array([row[4] for row in rows])
        contact = np.zeros(len(rows))
        contact[1:] = np.linalg.norm(0.5 * (force[1:] + force[:-1]), axis=1)
        motion = TrueMotion(
            time_s[free],
            np.array([row[1] for row in rows])[free],
            np.array([row[2] for row in rows])[free],
            tcp[free],
            speed[free],
        )
        found = self._seen(self._bounds, motion, contact[free], [row for row in rows if not row[6]]).violations()
        found += self._seen(self._unbounded, motion, contact[free], rows).violations()
        self.violations += [f"seed {self._seed}, until {time_s[-1]:.1f} s: {text}" for text in found]

    @staticmethod
    def _seen(bounds: Bounds, motion: TrueMotion, contact_n: Array, rows: list[Row]) -> Truth:
        sent = [(row[0], row[5]) for row in rows if row[5] is not None]
        target = np.array([pose for _, pose in sent]).reshape(-1, 7)
        return Truth(bounds, motion, motion.time_s, contact_n, np.array([at for at, _ in sent]), target, [], [])


def run_shard(variant: str, seed: int, commands: int, directory: Path, tick: Callable[[int], object]) -> dict[str, Any]:
    """One shard: its figures as plain data, tick and rest times as lists."""
    campaign = Campaign(variant, seed, directory)
    campaign.run(commands, tick)
    return {
        "commands": sum(campaign.sent.values()),
        "by_kind": dict(campaign.sent),
        "faults": dict(campaign.faults),
        "cycles_by_state": dict(campaign.states),
        "violations": campaign.violations,
        "rest_s": campaign.rest_s,
        "tick_s": campaign.tick_s,
    }
