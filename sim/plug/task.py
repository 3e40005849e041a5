"""The task itself, for n episodes at once: what the policy sees, what its action does, what is rewarded, when it ends.

The vector environment, the Gymnasium environment, the evaluation and the observation test all stand on this one class.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from maxent_robot.control.pose import Pose
from maxent_robot.control.robot import load_robot
from maxent_robot.safety.wrench import wrench_at_tcp
from maxent_robot.skill import (
    ACTION_SIZE,
    Leash,
    Measurement,
    ObservationHistory,
    action_to_twist,
    integrate_target,
    observation_frame,
    observation_scale,
)
from maxent_robot.skill.layout import ObstacleMeasurement, full_observation_scale, obstacle_frame
from sim.plug.config import PlugConfig
from sim.plug.connectors import CONNECTORS
from sim.plug.obstacle import ObstacleCourse
from sim.plug.physics import PlugPhysics
from sim.plug.privileged import PRIVILEGED_SIZE, hidden_vector, privileged_vector
from sim.plug.reward import RewardTerms, reward_terms
from sim.plug.scenario import Scenario, sample_scenario

Array = NDArray[np.float64]

_DELAYS = 3  # places in the delay lines: 0, 1 or 2 policy periods old


@dataclass(frozen=True)
class Outcome:
    """What one policy step gave, for n episodes; ended ones keep their last state until ``begin``.

    Attributes:
        terms: named reward terms, each (n,).
        cost: (n,) force cost, at least zero.
        success: (n,) bool, inserted and held.
        failure: (n,) bool, the force limit was passed.
        timeout: (n,) bool, out of time.
    """

    terms: RewardTerms
    cost: Array
    success: NDArray[np.bool_]
    failure: NDArray[np.bool_]
    timeout: NDArray[np.bool_]

    @property
    def reward(self) -> Array:
        """(n,) sum of the terms."""
        return np.sum(list(self.terms.values()), axis=0)


class PlugTask:
    """``n`` episodes of plug insertion in lock step, their physics on ``threads`` threads."""

    def __init__(self, config: PlugConfig, n: int, threads: int = 1) -> None:
        self.config, self.n = config, n
        self.robot = load_robot(config.robot)
        self.chain = self.robot.chain()
        self.connector = CONNECTORS[config.connector]
        self.physics = PlugPhysics(config, self.robot, n, threads)
        self.scenarios: list[Scenario | None] = [None] * n
        self.generators = [np.random.default_rng(0) for _ in range(n)]
        self.history = ObservationHistory(n)
        self.course = ObstacleCourse(config.obstacle, n) if config.obstacle.present else None
        self._leash = Leash.of(self.robot.impedance)
        self._T_ft_tcp = self.robot.T_ft_tcp()
        self._seeds: list[tuple[int, ...]] = [(0,)] * n
        self._hidden = np.zeros((n, 0))
        self.socket, self.estimate = Pose.identity(n), Pose.identity(n)
        self.target, self.tcp, self.plug = Pose.identity(n), Pose.identity(n), Pose.identity(n)
        self.allowed_force_n = np.zeros(n)
        self.time_s, self.peak_force_n = np.zeros(n), np.zeros(n)
        self._seated_s, self._step = np.zeros(n), np.zeros(n, dtype=np.int64)
        self._contact_tcp = np.zeros((n, 6))
        self._bias, self._noise, self._dead_zone = np.zeros((n, 6)), np.zeros((n, 6)), np.zeros(n)
        self._joint_line, self._wrench_line = np.zeros((n, _DELAYS, 7)), np.zeros((n, _DELAYS, 6))
        self._action_line = np.zeros((n, _DELAYS, ACTION_SIZE))
        self._observation_delay, self._command_delay = np.zeros(n, dtype=np.int64), np.zeros(n, dtype=np.int64)

    # -- episodes ------------------------------------------------------------------------------------------------

    def begin(self, index: int, seed: tuple[int, ...]) -> None:
        """Start the episode that ``seed`` names in place ``index``; ``observe`` then gives its first observation."""
        generator = np.random.default_rng(seed)
        scenario = sample_scenario(self.config, generator)
        self.begin_scenario(index, scenario, generator)
        self._seeds[index] = seed

    def begin_scenario(self, index: int, scenario: Scenario, generator: np.random.Generator) -> None:
        """Start an episode in circumstances given by the caller; ``generator`` gives the sensor noise."""
        joints = self.chain.inverse(scenario.start, self.robot.home, tolerance_m=1e-5, tolerance_rad=1e-5)
        self._install(index, scenario, generator, joints)
        tcp = self.chain.forward(joints)
        self._put(self.target, index, tcp)
        self._put(self.tcp, index, tcp)
        self._put(self.plug, index, tcp @ Pose.of([*scenario.plug_offset, 0.0]))
        self.time_s[index] = self.peak_force_n[index] = self._seated_s[index] = 0.0
        self._step[index] = 0
        self._contact_tcp[index] = 0.0
        self._action_line[index] = 0.0
        self._joint_line[index] = joints
        self._wrench_line[index] = self._read(self._contact_tcp, np.array([index]))[0]
        self.history.reset(index)

    def _install(self, index: int, scenario: Scenario, generator: np.random.Generator, joints: Array) -> None:
        self.physics.begin(index, scenario, joints)
        self.scenarios[index], self.generators[index] = scenario, generator
        if self.course is not None:
            assert scenario.obstacle is not None
            self.course.begin(index, scenario.obstacle)
        self._put(self.socket, index, scenario.socket)
        self._put(self.estimate, index, scenario.estimate)
        self.allowed_force_n[index] = scenario.allowed_force_n
        self._bias[index], self._noise[index] = scenario.wrench_bias, scenario.wrench_noise
        self._dead_zone[index] = scenario.force_dead_zone_n
        self._observation_delay[index], self._command_delay[index] = scenario.observation_delay, scenario.command_delay
        hidden = hidden_vector(scenario)
        if self._hidden.shape[1] != hidden.size:
            self._hidden = np.zeros((self.n, hidden.size))
        self._hidden[index] = hidden

    @staticmethod
    def _put(poses: Pose, index: int, pose: Pose) -> None:
        poses.position[index], poses.quaternion[index] = pose.position, pose.quaternion

    # -- one policy step -----------------------------------------------------------------------------------------

    def measurement(self, rows: NDArray[np.intp] | None = None) -> Measurement:
        """What the robot knows now, delays included, of all episodes or of those in ``rows``."""
        at = np.arange(self.n) if rows is None else rows
        return Measurement(
            tcp=self.chain.forward(self._joint_line[at, self._observation_delay[at]]),
            target=self.target[at],
            socket=self.estimate[at],
            wrench_tcp=self._wrench_line[at, self._observation_delay[at]],
            previous_action=self._action_line[at, 0],
            allowed_force_n=self.allowed_force_n[at],
        )

    def observe(self, rows: NDArray[np.intp] | None = None) -> NDArray[np.float32]:
        """Stacked observation (n, 150); call once after ``begin`` (of ``rows``) and once after each ``advance``."""
        frame, index = observation_frame(self.measurement(rows)), ... if rows is None else rows
        if not self.config.history:
            self.history.reset(index)
        return self.history.push(frame, index)

    def observe_obstacle(self, rows: NDArray[np.intp] | None = None) -> NDArray[np.float32]:
        """The frame of the obstacle as it is measured now, (n, 6); only where there is one."""
        assert self.course is not None
        at = np.arange(self.n) if rows is None else rows
        noise = np.stack([self.generators[i].standard_normal(3) for i in at])
        exact = self.course.measured(self.time_s)
        measured = ObstacleMeasurement(exact.position[at] + self.config.obstacle.noise_m * noise, exact.velocity[at])
        tcp = self.chain.forward(self._joint_line[at, self._observation_delay[at]])
        return obstacle_frame(measured, tcp, self.estimate[at])

    def observe_full(self, rows: NDArray[np.intp] | None = None) -> NDArray[np.float32]:
        """All that can be observed: `observe`, and the frame of the obstacle behind it where there is one."""
        observation = self.observe(rows)
        return (
            observation if self.course is None else np.concatenate([observation, self.observe_obstacle(rows)], axis=1)
        )

    @property
    def observation_scale(self) -> NDArray[np.float32]:
        """Of `observe_full`; networks divide by it."""
        return observation_scale() if self.course is None else full_observation_scale()

    def privileged(self) -> NDArray[np.float32]:
        """What only the critic sees in training, (n, PRIVILEGED_SIZE)."""
        contact = self.tcp.rotate(self._contact_tcp[:, :3])
        vector = privileged_vector(self.plug, self.socket, contact, self._hidden)
        assert vector.shape == (self.n, PRIVILEGED_SIZE)
        return vector

    def advance(self, action: NDArray[np.floating[Any]]) -> Outcome:
        """One policy period with ``action`` (n, 6) in [-1, 1]."""
        rows, ticks = np.arange(self.n), self.config.ticks
        before = self._action_line[:, 0].copy()
        self._action_line = np.roll(self._action_line, 1, axis=1)
        self._action_line[:, 0] = np.clip(action, -1.0, 1.0)
        twist = action_to_twist(self._action_line[rows, self._command_delay], self.estimate)
        success, failure = np.zeros(self.n, dtype=bool), np.zeros(self.n, dtype=bool)
        step_peak = np.zeros(self.n)
        limit, period = self.config.success, self.config.control_period_s
        if self.course is not None:
            self.course.clear_step()
        joints = self.physics.joint_positions
        for _ in range(ticks):
            running = ~(success | failure)
            commanded = integrate_target(self.target, twist, self.tcp, period, self._leash)
            tick = self.physics.step(self.target, commanded)
            self.target = commanded
            joints = tick.joint_positions
            self.tcp, self.plug = tick.tcp, tick.plug
            self._contact_tcp = wrench_at_tcp(tick.wrench_ft, self._T_ft_tcp)
            step_peak = np.where(running, np.maximum(step_peak, tick.peak_force_n), step_peak)
            self.time_s = np.where(running, self.time_s + period, self.time_s)
            if self.course is not None:
                self.course.watch(tick.tcp.position, self.time_s, running)
            failure |= running & ((step_peak > limit.force_limit_n) | ~self.physics.finite())
            self._seated_s = np.where(running, np.where(self._seated(), self._seated_s + period, 0.0), self._seated_s)
            success |= running & ~failure & (self._seated_s >= limit.hold_s - 1e-9)
        self.peak_force_n = np.maximum(self.peak_force_n, step_peak)
        self._step += 1
        self._joint_line = np.roll(self._joint_line, 1, axis=1)
        self._joint_line[:, 0] = joints
        self._wrench_line = np.roll(self._wrench_line, 1, axis=1)
        self._wrench_line[:, 0] = self._read(self._contact_tcp, rows)
        timeout = (self._step * self.config.policy_period_s >= self.config.time_limit_s - 1e-9) & ~success & ~failure
        terms = reward_terms(
            self.config.reward, self.connector, self.socket.inverse() @ self.plug, self._action_line[:, 0], before,
            success, failure,
        )  # fmt: skip
        if self.course is not None:
            terms["obstacle"] = -self.config.obstacle.penalty * self.course.nearness()
        free = self.config.reward.force_free * self.allowed_force_n
        cost = self.config.reward.force * np.maximum(0.0, step_peak - free) / self.allowed_force_n
        return Outcome(terms, cost, success, failure, timeout)

    def _seated(self) -> NDArray[np.bool_]:
        limit, relative = self.config.success, self.socket.inverse() @ self.plug
        deep = relative.position[:, 2] >= self.connector.depth - limit.depth_tolerance_m
        beside = np.linalg.norm(relative.position[:, :2], axis=-1) > limit.lateral_tolerance_m
        tilted = np.linalg.norm(relative.rotvec(), axis=-1) > limit.tilt_tolerance_rad
        return np.asarray(deep & ~beside & ~tilted)

    def depth(self) -> Array:
        """(n,) how far the tip is below the mouth along the true socket axis [m]."""
        return (self.socket.inverse() @ self.plug).position[:, 2]

    def _read(self, contact_tcp: Array, rows: NDArray[np.intp]) -> Array:
        noise = np.stack([self.generators[i].standard_normal(6) for i in rows])
        force = contact_tcp[rows, :3]
        size = np.linalg.norm(force, axis=-1, keepdims=True)
        dead = np.maximum(0.0, 1.0 - self._dead_zone[rows, None] / np.maximum(size, 1e-9))
        reading = np.concatenate([force * dead, contact_tcp[rows, 3:]], axis=-1)
        return reading + self._bias[rows] + self._noise[rows] * noise

    # -- resume --------------------------------------------------------------------------------------------------

    _ARRAYS = (
        "allowed_force_n", "time_s", "peak_force_n", "_seated_s", "_step", "_contact_tcp", "_joint_line",
        "_wrench_line", "_action_line",
    )  # fmt: skip
    _POSES = ("target", "tcp", "plug")

    def state_dict(self) -> dict[str, Any]:
        """All that a bit-exact continuation needs."""
        state: dict[str, Any] = {name: getattr(self, name).copy() for name in self._ARRAYS}
        for name in self._POSES:
            pose = getattr(self, name)
            state[name] = np.concatenate([pose.position, pose.quaternion], axis=-1)
        state["seeds"] = [list(seed) for seed in self._seeds]
        state["generators"] = [generator.bit_generator.state for generator in self.generators]
        state["history"] = self.history.state()
        state["physics"] = self.physics.state_dict()
        if self.course is not None:
            state["course"] = self.course.state_dict()
        return state

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take back what ``state_dict`` gave; scenarios are drawn again from their seeds."""
        for index, (seed, generator_state) in enumerate(zip(state["seeds"], state["generators"], strict=True)):
            generator = np.random.default_rng(tuple(seed))
            scenario = sample_scenario(self.config, generator)
            generator.bit_generator.state = generator_state
            self._seeds[index] = tuple(seed)
            self._install(index, scenario, generator, np.array(self.robot.home))
        for name in self._ARRAYS:
            setattr(self, name, np.array(state[name]))
        for name in self._POSES:
            setattr(self, name, Pose(state[name][:, :3].copy(), state[name][:, 3:].copy()))
        self.history.restore(state["history"])
        self.physics.load_state_dict(state["physics"])
        if self.course is not None:
            self.course.load_state_dict(state["course"])
