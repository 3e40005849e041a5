"""Spiral search, the scripted baseline: press, turn outwards from the estimate, push when the plug drops in.

It acts through the same observation and action as a skill, so it meets the same noise, delays, leash and limits. An
Archimedean spiral covers the disc of possible offsets with tracks closer than the clearance allows to miss (Chhatpar
and Branicky, "Search strategies for peg-in-hole assemblies with position uncertainty", IROS 2001).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from maxent_robot.config import setting
from maxent_robot.skill import ACTION_MAXIMUM, FRAME_SIZE, OBSERVATION_SIZE

Array = NDArray[np.float64]

_APPROACH, _SEARCH, _INSERT = 0, 1, 2
_MEMORY = ("_phase", "_angle", "_time", "_contact_z", "_center")
_ROCK_HZ = (0.7, 0.9, 1.1)  # incommensurable, so that the three turns meet in every combination


@dataclass(frozen=True)
class SpiralConfig:
    """Settings of the search; ``SPIRAL`` holds those found by ``benchmarks/tune_spiral.py`` for each connector."""

    approach_speed_m_s: float = setting(0.03, unit="m/s", minimum=0.001, maximum=0.04)
    contact_force_n: float = setting(4.0, unit="N", minimum=1.0, maximum=20.0, doc="ends the approach")
    press_force_n: float = setting(5.0, unit="N", minimum=0.5, maximum=12.0, doc="while searching, by target offset")
    push_force_n: float = setting(10.0, unit="N", minimum=1.0, maximum=12.0, doc="once engaged, by target offset")
    pitch_m: float = setting(0.0006, unit="m", minimum=0.0001, maximum=0.003, doc="between turns")
    speed_m_s: float = setting(0.012, unit="m/s", minimum=0.001, maximum=0.03, doc="along the spiral")
    radius_m: float = setting(0.0045, unit="m", minimum=0.001, maximum=0.02, doc="then it begins again")
    drop_m: float = setting(0.0012, unit="m", minimum=0.0002, maximum=0.005, doc="below the contact height: engaged")
    wiggle_m: float = setting(0.0015, unit="m", minimum=0.0, maximum=0.005, doc="lateral motion while pushing")
    wiggle_hz: float = setting(1.5, unit="Hz", minimum=0.1, maximum=5.0)
    turn_deg: float = setting(1.5, unit="deg", minimum=0.0, maximum=5.0, doc="rocking about x, y and z all the while")
    stiffness: float = setting(800.0, unit="N/m", minimum=50.0, maximum=3000.0, doc="of the impedance behind it")


class SpiralSearch:
    """``n`` searches; call with observations (n, 150) or full ones (n, 156), get actions (n, 6)."""

    def __init__(self, n: int, period_s: float, config: SpiralConfig | None = None) -> None:
        self.config = config or SpiralConfig()
        self.period_s = period_s
        self._phase = np.zeros(n, dtype=np.int64)
        self._angle, self._time = np.zeros(n), np.zeros(n)
        self._contact_z, self._center = np.zeros(n), np.zeros((n, 2))

    def reset(self, index: Any = ...) -> None:
        """Begin again at ``index``."""
        for name in _MEMORY:
            getattr(self, name)[index] = 0

    def state_dict(self) -> dict[str, Any]:
        """Where each search is."""
        return {name.lstrip("_"): getattr(self, name).copy() for name in _MEMORY}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Put back what ``state_dict`` gave."""
        for name in _MEMORY:
            getattr(self, name)[...] = state[name.lstrip("_")]

    def __call__(self, observation: NDArray[np.floating]) -> NDArray[np.float32]:
        """Actions for the newest frame of each observation."""
        frame = np.asarray(observation, dtype=np.float64)[:, OBSERVATION_SIZE - FRAME_SIZE : OBSERVATION_SIZE]
        position, rotation, force = frame[:, 0:3], frame[:, 3:6], frame[:, 6:9]
        offset, turn = frame[:, 12:15], frame[:, 15:18]
        config, dt = self.config, self.period_s
        target = position + offset
        touched = (self._phase == _APPROACH) & (-force[:, 2] > config.contact_force_n)
        self._contact_z = np.where(touched, position[:, 2], self._contact_z)
        self._phase = np.where(touched, _SEARCH, self._phase)
        dropped = (self._phase == _SEARCH) & (position[:, 2] > self._contact_z + config.drop_m)
        self._center = np.where(dropped[:, None], position[:, :2], self._center)
        self._phase = np.where(dropped, _INSERT, self._phase)
        searching, inserting = self._phase == _SEARCH, self._phase == _INSERT
        self._advance_spiral(searching)
        self._time = np.where(searching | inserting, self._time + dt, self._time)
        radius = config.pitch_m * self._angle / (2.0 * np.pi)
        spiral = radius[:, None] * np.stack([np.cos(self._angle), np.sin(self._angle)], axis=-1)
        phase = 2.0 * np.pi * config.wiggle_hz * self._time
        wiggle = config.wiggle_m * np.stack([np.cos(phase), np.sin(phase)], axis=-1)
        lateral = np.where(inserting[:, None], position[:, :2] + wiggle, np.where(searching[:, None], spiral, 0.0))
        press = np.where(inserting, config.push_force_n, config.press_force_n) / config.stiffness
        velocity = np.zeros((len(frame), 6))
        velocity[:, :2] = (lateral - target[:, :2]) / dt
        velocity[:, 2] = np.where(self._phase == _APPROACH, config.approach_speed_m_s, (press - offset[:, 2]) / dt)
        rock = np.radians(config.turn_deg) * np.sin(2.0 * np.pi * self._time[:, None] * np.array(_ROCK_HZ))
        velocity[:, 3:] = (rock - (rotation + turn)) / dt
        return np.clip(velocity / ACTION_MAXIMUM, -1.0, 1.0).astype(np.float32)

    def _advance_spiral(self, searching: NDArray[np.bool_]) -> None:
        config = self.config
        radius = config.pitch_m * self._angle / (2.0 * np.pi)
        slope = config.pitch_m / (2.0 * np.pi)
        step = config.speed_m_s * self.period_s / np.hypot(np.maximum(radius, 0.5 * config.pitch_m), slope)
        self._angle = np.where(searching, self._angle + step, self._angle)
        self._angle = np.where(config.pitch_m * self._angle / (2.0 * np.pi) > config.radius_m, 0.0, self._angle)


SPIRAL: dict[str, SpiralConfig] = {
    # Found by benchmarks/tune_spiral.py; figures in benchmarks/results/spiral_two_pin.json.
    "two_pin": replace(
        SpiralConfig(),
        approach_speed_m_s=0.023,
        press_force_n=3.5,
        push_force_n=9.7,
        pitch_m=0.00043,
        speed_m_s=0.0152,
        radius_m=0.0042,
        drop_m=0.0024,
        wiggle_m=0.0003,
        wiggle_hz=1.75,
        turn_deg=2.23,
    ),
    "usb_a": SpiralConfig(),
}
