"""Runs trials one after the other through the graph's own interfaces: every motion is a request to the supervisor."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np

from maxent_robot.control.pose import Pose
from maxent_robot.control.robot import RobotConfig
from maxent_robot.nodes.arm_moves import ArmMoves
from maxent_robot.nodes.supervisor_client import READY_TIMEOUT_S, SupervisorClient
from maxent_robot.nodes.trial_node import TrialNode
from maxent_robot.nodes.waiting_node import POLL_PERIOD_S, TrialError
from maxent_robot.safety.state_machine import STOPPED_NAMES
from maxent_robot.safety.wrench import WrenchFilter
from maxent_robot.trials.outcome import OPERATOR_STOP, InsertionJudge, SuccessCriterion, TrialResult
from maxent_robot.trials.protocol import (
    StartRange,
    TrialPlan,
    insertion_coordinates,
    pose_error,
    sample_start,
)
from maxent_robot.trials.series import TrialSeries
from maxent_robot.trials.statistics import summarise

SUPERVISOR, POLICY, ARM = "supervisor", "policy", "sim_arm"

TARE_S = 0.25
STILL_WITHOUT_SAMPLES_S = 2.0
"""Time without a sample of the plug's pose after which the trial cannot be judged."""

Progress = Callable[[float, float, float], None]
"""Called during a trial with the time in s, the depth in m and the force in N."""


class SkillSwitch(Protocol):
    """Takes a managed node through a lifecycle transition by name; raises if it does not succeed."""

    def change(self, name: str, transition: str) -> None:
        """`configure`, `activate`, `deactivate` or `cleanup`."""


@dataclass(frozen=True)
class TrialSetup:
    """What all trials of a series share: seated depth by connector, the sampler's mode, criterion and starts.

    `simulated` tells whether there is a `sim_arm` that draws a new scenario for each trial, `automatic` whether success
    follows from the pose of the plug.
    """

    full_depth_m: Mapping[str, float]
    mode: str
    criterion: SuccessCriterion
    start: StartRange
    simulated: bool = True
    automatic: bool = True


class TrialRunner:
    """Runs one trial at a time. The arm begins and ends each of them armed, at rest and clear of the socket."""

    def __init__(
        self,
        node: TrialNode,
        robot: RobotConfig,
        lifecycle: SkillSwitch,
        setup: TrialSetup,
        loaded_skill: str = "",
        told: Callable[[], str | None] = lambda: None,
        consent: Callable[[str], None] = lambda reason: None,
    ) -> None:
        """
        Args:
            loaded_skill: what the policy node runs already, as in the plans.
            told: an outcome that the operator has decided on, asked while a trial runs.
            consent: see `ArmMoves`.
        """
        self._node = node
        self.supervisor = SupervisorClient(node, lambda: node.supervisor, SUPERVISOR)
        self.moves = ArmMoves(node, self.supervisor, consent)
        self._lifecycle = lifecycle
        self._setup = setup
        self._filter = WrenchFilter(robot.tool.mass, robot.tool.center_of_mass, setup.criterion.force_window_s)
        self._T_tcp_ft = robot.T_ft_tcp().inverse()
        self._park = robot.chain().forward(np.array(robot.home))
        self._skill = loaded_skill
        self._told = told

    def run(self, plan: TrialPlan, progress: Progress | None = None) -> tuple[TrialResult, TrialSeries]:
        """`attempt` a trial, then clear the arm from the socket; raises what these do."""
        done = self.attempt(plan, progress)
        self.moves.clear()
        return done

    def attempt(self, plan: TrialPlan, progress: Progress | None = None) -> tuple[TrialResult, TrialSeries]:
        """Run a trial to its outcome, which may be a fault of the supervisor; the arm is left where it then is.

        Raises:
            TrialError: a node does not answer, or the arm cannot be made ready.
            MaxentRobotError: what `alive` of the node raises when a process of the graph has ended.
        """
        node = self._node
        setup = self._setup
        judge = InsertionJudge(setup.full_depth_m[plan.connector], setup.criterion, setup.automatic)
        socket = self._prepare(plan)
        error = (float("nan"), float("nan"))
        trace = _Trace()
        clearance_mm = float("nan")
        before = node.supervisor.interventions
        fault = self._approach(sample_start(plan.seed, socket, self._setup.start))
        if fault:
            judge.fault(fault, 0.0)
        else:
            error = self._estimate_error(socket)
            before = node.supervisor.interventions
            node.take_nearest_m()
            self._follow(judge, trace, progress or (lambda time_s, depth_m, force_n: None))
            clearance_mm = self._clearance_mm()
        interventions = node.supervisor.increase(before)
        latencies = node.take_latencies_ms()
        latency = summarise(latencies)
        result = TrialResult(
            skill=Path(plan.skill).name,
            connector=plan.connector,
            trial=plan.number,
            seed=plan.seed,
            mode=str(plan.policy.get("mode", self._setup.mode)),
            outcome=str(judge.outcome),
            time_s=judge.time_s,
            peak_force_n=judge.peak_force_n,
            final_depth_m=judge.depth_m,
            full_depth_m=judge.full_depth_m,
            estimate_error_mm=1e3 * error[0],
            estimate_error_deg=float(np.degrees(error[1])),
            interventions=interventions,
            latency_p50_ms=latency.p50,
            latency_p95_ms=latency.p95,
            latency_p99_ms=latency.p99,
            obstacle_clearance_mm=clearance_mm,
            condition=plan.condition,
            place=plan.place,
            attempt=plan.attempt,
        )
        return result, trace.series(latencies)

    def _prepare(self, plan: TrialPlan) -> Pose:
        """Load the skill, set the scene, and return the new estimate of the socket, T_base_socket."""
        node = self._node
        self.load(plan)
        self.supervisor.make_ready()
        if not self._setup.simulated:
            node.wait(lambda: node.socket is not None and node.insertion is not None, "socket_pose and joint states")
            assert node.socket is not None
            return node.socket
        node.wait(lambda: node.insertion is not None, f"{ARM}/insertion", READY_TIMEOUT_S)
        seen = node.socket_count
        node.set_parameters_of(ARM, {"connector": plan.connector, "scenario_seed": plan.seed})
        done, reason = node.trigger(f"{ARM}/new_scenario")
        if not done:  # the arm stands where the new socket would be
            self.moves.go(self._park)
            done, reason = node.trigger(f"{ARM}/new_scenario")
        if not done:
            raise TrialError(f"{ARM}/new_scenario refused connector {plan.connector}, seed {plan.seed}: {reason}")
        node.wait(lambda: node.socket_count > seen, "socket_pose of the new scenario")
        assert node.socket is not None
        return node.socket

    def load(self, plan: TrialPlan) -> None:
        """Have the policy node run the plan's skill with its parameters, and the supervisor expect it."""
        wanted = {"skill": plan.skill, "connector": plan.connector, **plan.policy}
        if plan.skill == self._skill and not plan.policy:
            return
        # They are asked: a node that died and came back has what it began with.
        expects = {"skill": plan.skill}
        changed = tuple(
            name
            for name, values in ((POLICY, wanted), (SUPERVISOR, expects))
            if self._node.parameters_of(name, list(values)) != values
        )
        for name in changed:
            for transition in ("deactivate", "cleanup"):
                self._lifecycle.change(name, transition)
        if SUPERVISOR in changed:
            self._node.set_parameters_of(SUPERVISOR, expects)
        if POLICY in changed:
            self._node.set_parameters_of(POLICY, wanted)
        for name in reversed(changed):
            for transition in ("configure", "activate"):
                self._lifecycle.change(name, transition)
        self._skill = plan.skill

    def _approach(self, start: Pose) -> str:
        """Go to the start pose and tare there; returns the fault that came up on the way, or an empty string."""
        node = self._node
        self.supervisor.make_ready()
        outcome = self.moves.near(start)
        if outcome:
            node.pause(5 * POLL_PERIOD_S)
            if node.supervisor.state in ("FAULT", "HOLD"):
                return node.supervisor.fault or OPERATOR_STOP
            raise TrialError(f"start pose: {outcome}")
        self.supervisor.request("arm")
        for _ in node.take_samples():
            continue
        node.pause(TARE_S)
        wrenches = [wrench for sample in node.take_samples() for _, wrench in sample.wrenches]
        if not wrenches:
            raise TrialError("no wrench received while the arm held still for the tare")
        self._filter.reset()
        self._filter.tare(np.array(wrenches), (node.tcp @ self._T_tcp_ft).quaternion)
        return ""

    def _estimate_error(self, socket: Pose) -> tuple[float, float]:
        """How far the socket, seen from the plug in the hand, is from where it is believed: m and rad."""
        insertion = self._node.insertion
        if insertion is None:
            raise TrialError(f"{ARM}/insertion: no pose received")
        return pose_error(socket, self._node.tcp @ insertion.inverse())

    def _follow(self, judge: InsertionJudge, trace: _Trace, progress: Progress) -> None:
        """Start the skill, feed the judge until it decides, and stop."""
        node = self._node
        self.supervisor.request("start")
        node.take_latencies_ms()
        node.poll()
        started_s = None
        for sample in node.take_samples():
            started_s = sample.stamp_s
            self._add_wrenches(sample.wrenches)
        last_sample_s = time.monotonic()
        time_s = 0.0
        while judge.outcome is None:
            node.poll()
            quaternion = (node.tcp @ self._T_tcp_ft).quaternion
            for sample in node.take_samples():
                started_s = sample.stamp_s if started_s is None else started_s
                time_s = sample.stamp_s - started_s
                self._add_wrenches(sample.wrenches)
                depth, lateral, tilt = insertion_coordinates(sample.T_socket_tcp)
                force = float(np.linalg.norm(self._filter.contact(quaternion)[:3]))
                trace.add(time_s, depth, lateral, tilt, force)
                if judge.update(time_s, depth, lateral, tilt, force) is not None:
                    break
                last_sample_s = time.monotonic()
                progress(time_s, depth, force)
            if (told := self._told()) is not None:
                judge.decide(told, time_s)
            if node.supervisor.state in STOPPED_NAMES:
                judge.fault(node.supervisor.fault or OPERATOR_STOP, time_s)
            if time.monotonic() - last_sample_s > STILL_WITHOUT_SAMPLES_S:
                raise TrialError(f"{ARM}/insertion: nothing received for {STILL_WITHOUT_SAMPLES_S:g} s")
            if judge.outcome is None:
                time.sleep(POLL_PERIOD_S)
        self.supervisor.stop()

    def _clearance_mm(self) -> float:
        """How far the tip stayed from the obstacle, less than 0 inside it; NaN where there is none."""
        nearest_m, radius_m = self._node.take_nearest_m(), self._node.obstacle_radius_m
        return float("nan") if radius_m is None or math.isinf(nearest_m) else 1e3 * (nearest_m - radius_m)

    def _add_wrenches(self, wrenches: tuple[tuple[float, np.ndarray], ...]) -> None:
        for stamp_s, wrench in wrenches:
            self._filter.add(stamp_s, wrench)


class _Trace:
    """Samples of one trial as they come."""

    def __init__(self) -> None:
        self._rows: list[tuple[float, float, float, float, float]] = []

    def add(self, time_s: float, depth_m: float, lateral_m: float, tilt_rad: float, force_n: float) -> None:
        self._rows.append((time_s, depth_m, lateral_m, tilt_rad, force_n))

    def series(self, latency_ms: np.ndarray) -> TrialSeries:
        columns = np.array(self._rows, dtype=np.float64).reshape(-1, 5).T
        time_s, depth_m, lateral_m, tilt_rad, force_n = columns
        return TrialSeries(time_s, depth_m, lateral_m, tilt_rad, force_n, latency_ms)
