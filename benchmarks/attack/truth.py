"""What the independent observer saw, judged: where the arm truly was, when it came to rest, what it touched.

Nothing of the supervisor is used: the kinematics are MuJoCo's, the limits plain numbers of the YAML files.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import mujoco
import numpy as np
import yaml
from numpy.typing import NDArray

from maxent_robot.control.robot import load_robot
from sim.plug.scene import build_model

Array = NDArray[np.float64]

REST_M_S, REST_RAD_S = 0.01, 0.05
"""TCP speed and joint speed below which the arm is at rest."""
STANDING_S, STREAM_GAP_S = 0.02, 0.05
SILENCE_S = 0.15
"""The policy is silent when three of its periods have passed without a twist."""
ARM_ROWS = 10
"""Rows of true motion, 50 ms at 200 Hz, in which the supervisor's measurement may have been taken."""
_ROUNDING_M = 1e-7
_JOINTS = 7


@dataclass(frozen=True)
class TrueMotion:
    """The arm as it was.

    Attributes:
        time_s: (n,) arrival on the steady clock.
        joint_positions: (n, 7) rad.
        joint_velocities: (n, 7) rad/s.
        tcp: (n, 3) position in the base frame [m].
        tcp_speed_m_s: (n,), by differences over the stamps.
    """

    time_s: Array
    joint_positions: Array
    joint_velocities: Array
    tcp: Array
    tcp_speed_m_s: Array

    def rest_s(self, since_s: float, until_s: float) -> float | None:
        """Time from `since_s` until TCP and joints rest for good, as far as `until_s` tells; None where they do not."""
        turning = np.abs(self.joint_velocities).max(axis=1) > REST_RAD_S
        return self._until_none(turning | (self.tcp_speed_m_s > REST_M_S), since_s, until_s)

    def tcp_rest_s(self, since_s: float, until_s: float) -> float | None:
        """The same for the TCP alone; the hand may still be turning about it."""
        return self._until_none(self.tcp_speed_m_s > REST_M_S, since_s, until_s)

    def _until_none(self, moving: NDArray[np.bool_], since_s: float, until_s: float) -> float | None:
        window = (self.time_s >= since_s) & (self.time_s <= until_s)
        times = self.time_s[window]
        if not len(times):
            return None
        restless = times[moving[window]]
        if not len(restless):
            return 0.0
        return None if restless[-1] >= times[-1] else float(restless[-1] - since_s)


@dataclass(frozen=True)
class Bounds:
    """What must hold of the true arm and of every command, as plain numbers of the YAML files."""

    position_min: Array
    position_max: Array
    velocity_max: Array
    tcp_speed_m_s: float
    contact_n: float
    box_min: Array
    box_max: Array
    box_tolerance_m: float
    step_m: float
    keep_out: tuple[tuple[Array, Array], ...] = ()

    @staticmethod
    def read(robot: Path, limits: Path) -> Bounds:
        """From the files that the session wrote for the nodes."""
        arm, allowed = (yaml.safe_load(path.read_text(encoding="utf-8")) for path in (robot, limits))
        joints = {key: np.array([joint[key] for joint in arm["joints"]]) for key in arm["joints"][0] if key != "name"}
        return Bounds(
            position_min=joints["position_min"],
            position_max=joints["position_max"],
            velocity_max=joints["velocity_max"],
            tcp_speed_m_s=allowed["measured_speed"]["linear_m_s"],
            contact_n=allowed["contact"]["force_n"],
            box_min=np.array(allowed["workspace"]["minimum"]),
            box_max=np.array(allowed["workspace"]["maximum"]),
            box_tolerance_m=allowed["workspace"]["tolerance_m"],
            step_m=allowed["jump"]["translation_m"],
            keep_out=tuple(
                (np.array(box["minimum"]), np.array(box["maximum"]))
                for box in allowed["workspace"]["keep_out"].values()
            ),
        )

    def excess_m(self, position: Array) -> float:
        """How far a position (3,) is outside of the box, or deep in a keep-out box [m]; not above 0: allowed."""
        outside = np.maximum(self.box_min - position, position - self.box_max).max()
        deep = [np.minimum(position - low, high - position).min() for low, high in self.keep_out]
        return float(max([outside, *deep]))


@dataclass(frozen=True)
class Truth:
    """All that one recording holds; texts with their times."""

    bounds: Bounds
    motion: TrueMotion
    contact_s: Array
    contact_n: Array
    """(n,) norm of the true contact force, mean of 10 ms."""
    target_s: Array
    target: Array
    """(n, 7) position and quaternion (x, y, z, w) of each command."""
    states: list[tuple[float, str]]
    faults: list[tuple[float, str]]
    twist_s: Array = field(default_factory=lambda: np.zeros(0))
    """(n,) when the policy's twists came."""

    def silent_s(self, since_s: float, until_s: float) -> float | None:
        """Time from the last twist before a silence to the first stand of the target; None without a silence."""
        heard = self.twist_s[(self.twist_s >= since_s - SILENCE_S) & (self.twist_s <= until_s)]
        gaps = np.diff(np.append(heard, until_s)) > SILENCE_S
        return self.target_rest_s(float(heard[gaps][0]), until_s) if gaps.any() else None

    def detected_s(self, since_s: float, until_s: float, fault: str) -> float | None:
        """Time from `since_s` until a fault was first published by this name; None where it was not until the end."""
        times = [at for at, name in self.faults if name == fault and since_s <= at <= until_s]
        return min(times) - since_s if times else None

    def target_rest_s(self, since_s: float, until_s: float) -> float | None:
        """Time from `since_s` until the target first stands still for 20 ms; None where it never does.

        A target that is sent no more stands still.
        """
        window = (self.target_s >= since_s) & (self.target_s <= until_s)
        times, positions = self.target_s[window], self.target[window]
        if len(times) < 2:
            return 0.0
        moved = np.abs(np.diff(positions, axis=0)).max(axis=1) > 1e-7
        last_moved = since_s
        for at, does in zip(times[1:], moved, strict=True):
            if does:
                last_moved = float(at)
            elif at - last_moved >= STANDING_S:
                return last_moved - since_s
        return last_moved - since_s if until_s - last_moved >= STANDING_S else None

    def state_at(self, time_s: float) -> str:
        """State that was published last before a time; empty before the first."""
        return next((state for at, state in reversed(self.states) if at <= time_s), "")

    def faults_between(self, since_s: float, until_s: float) -> list[str]:
        """Names of the faults published in a window, each once, in order."""
        seen = [name for at, name in self.faults if since_s <= at <= until_s and name not in ("NONE", "")]
        return list(dict.fromkeys(seen))

    def violations(self) -> list[str]:
        """Every bound that the true arm or a command passed, with how far and how often."""
        bounds, motion = self.bounds, self.motion
        slack = bounds.box_tolerance_m
        over = {
            "joint beyond its position limit [rad]": np.maximum(
                bounds.position_min - motion.joint_positions, motion.joint_positions - bounds.position_max
            ).max(axis=1),
            "joint faster than its limit [rad/s]": (np.abs(motion.joint_velocities) - bounds.velocity_max).max(axis=1),
            "TCP faster than allowed [m/s]": motion.tcp_speed_m_s - bounds.tcp_speed_m_s,
            "TCP outside of the workspace [m]": np.maximum(
                bounds.box_min - slack - motion.tcp, motion.tcp - bounds.box_max - slack
            ).max(axis=1),
            "contact above the ceiling [N]": self.contact_n - bounds.contact_n,
            "target that is no number": np.where(np.isfinite(self.target).all(axis=1), -1.0, 1.0),
            "target that is no rotation": np.abs(np.linalg.norm(self.target[:, 3:], axis=1) - 1.0) - 1e-6,
            "target outside of the workspace, farther than the arm [m]": self._beyond_arm(
                lambda point: np.maximum(bounds.box_min - point, point - bounds.box_max).max(axis=1, initial=-1.0)
            ),
            **{
                f"target in keep-out box {number}, deeper than the arm [m]": self._beyond_arm(
                    lambda point, low=low, high=high: np.minimum(point - low, high - point).min(axis=1, initial=1.0)
                )
                for number, (low, high) in enumerate(bounds.keep_out)
            },
            "step of the target too long [m]": self._steps() - bounds.step_m - 1e-9,
        }
        found = {name: excess[~(excess <= 0.0)] for name, excess in over.items()}
        return [f"{name}: {len(e)} times, by {np.max(e):.3g} at most" for name, e in found.items() if len(e)]

    def _beyond_arm(self, excess: Callable[..., Array]) -> Array:
        """(n,) how much farther each target is beyond a wall than the true TCP was within the last rows.

        A wall is passed by an arm that overshoots; a command to stay where it is does not lead it any farther.
        """
        beyond = excess(self.target[:, :3]) - _ROUNDING_M
        arm = excess(self.motion.tcp)
        lately = np.array([arm[max(0, row - ARM_ROWS) : row + 1].max(initial=0.0) for row in range(len(arm))])
        rows = np.searchsorted(self.motion.time_s, self.target_s, side="right") - 1
        allowed = np.where(rows >= 0, np.append(lately, 0.0)[rows], 0.0)
        return beyond - np.maximum(allowed, 0.0)

    def _steps(self) -> Array:
        """(n - 1,) distance between commands; between two streams of them, as before and after an arming, none."""
        steps: Array = np.linalg.norm(np.diff(self.target[:, :3], axis=0), axis=1)
        gaps_s = np.diff(self.target_s)
        return np.where((gaps_s > 0.0) & (gaps_s < STREAM_GAP_S), steps, 0.0)

    def peak_contact_n(self, since_s: float, until_s: float) -> float:
        """Largest true contact force in a window; 0 where nothing was recorded."""
        window = (self.contact_s >= since_s) & (self.contact_s <= until_s)
        return float(self.contact_n[window].max()) if window.any() else 0.0


def load_truth(path: Path, bounds: Bounds, model: mujoco.MjModel | None = None) -> Truth:
    """Read what the observer wrote; `model` has the arm with its site tcp, that with a plug where it is not given."""
    with np.load(path) as arrays:
        joints, contact, target = (arrays[name] for name in ("joints", "contact", "target"))
        texts = {
            name: list(zip(arrays[f"{name}_s"].tolist(), arrays[name].tolist(), strict=True))
            for name in ("state", "fault")
        }
        twist_s = arrays["twist"].reshape(-1)
    force = contact[:, 1:]
    pairs = np.linalg.norm(0.5 * (force[1:] + force[:-1]), axis=1) if len(force) > 1 else np.zeros(0)
    return Truth(
        bounds=bounds,
        motion=_motion(joints, model or build_model(load_robot("sim"), "two_pin", 0.0003, 0.001)),
        contact_s=contact[1:, 0],
        contact_n=pairs,
        target_s=target[:, 0] if len(target) else np.zeros(0),
        target=target[:, 1:] if len(target) else np.zeros((0, 7)),
        states=texts["state"],
        faults=texts["fault"],
        twist_s=twist_s,
    )


def _motion(joints: Array, model: mujoco.MjModel) -> TrueMotion:
    data, site = mujoco.MjData(model), model.site("tcp").id
    positions, velocities = joints[:, 2 : 2 + _JOINTS], joints[:, 2 + _JOINTS :]
    tcp = np.zeros((len(joints), 3))
    for row, q in enumerate(positions):
        data.qpos[:_JOINTS] = q
        mujoco.mj_kinematics(model, data)
        tcp[row] = data.site_xpos[site]
    step_s = np.maximum(np.diff(joints[:, 1]), 1e-4)
    speed = np.linalg.norm(np.diff(tcp, axis=0), axis=1) / step_s
    return TrueMotion(joints[:, 0], positions, velocities, tcp, np.concatenate([[0.0], speed]))
