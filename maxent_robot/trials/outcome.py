"""When an insertion has succeeded, failed, or is still going on: one judge for rehearsal and report."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from maxent_robot.config import setting
from maxent_robot.errors import ConfigError, ContractError

SUCCESS = "success"
TIMEOUT = "timeout"
JAM = "jam"
OPERATOR = "operator"
NOT_INSERTED = "not_inserted"
FORCE_STOP = "force_stop"
FAULT_PREFIX = "fault:"
OPERATOR_STOP = "OPERATOR_STOP"
_OF_FAULTS = {"FORCE": FORCE_STOP, OPERATOR_STOP: OPERATOR}
"""Faults that are outcomes of their own."""


@dataclass(frozen=True)
class SuccessCriterion:
    """What counts as an insertion: seated, held there, and never pressed too hard."""

    depth_tolerance_m: float = setting(
        1e-3, unit="m", minimum=1e-5, maximum=5e-3, doc="Seated means at most this far from the full depth."
    )
    hold_s: float = setting(0.25, unit="s", minimum=0.0, maximum=5.0, doc="Time that the plug must stay seated.")
    force_limit_n: float = setting(
        30.0, unit="N", minimum=1.0, maximum=200.0, doc="Largest allowed norm of the contact force, 10 ms mean."
    )
    force_window_s: float = setting(
        0.01, unit="s", minimum=1e-3, maximum=0.1, doc="Window of the moving mean that the force limit applies to."
    )
    timeout_s: float = setting(10.0, unit="s", minimum=0.5, maximum=120.0, doc="Time after which a trial has failed.")
    lateral_tolerance_m: float = setting(
        2e-3, unit="m", minimum=1e-4, maximum=1e-2, doc="Farther off the axis a depth is beside the socket, not in it."
    )
    tilt_tolerance_rad: float = setting(
        0.1, unit="rad", minimum=1e-3, maximum=0.5, doc="A plug tilted by more than this is not seated."
    )
    jam_s: float = setting(
        2.0, unit="s", minimum=0.1, maximum=60.0, doc="A time-out is a jam if the plug, in the hole, rested so long ..."
    )
    jam_travel_m: float = setting(
        5e-4, unit="m", minimum=1e-5, maximum=1e-2, doc="... moving along by less than this ..."
    )
    jam_force_n: float = setting(
        3.0, unit="N", minimum=0.0, maximum=100.0, doc="... pressed by at least this, on average."
    )

    def __post_init__(self) -> None:
        if self.hold_s >= self.timeout_s:
            raise ConfigError(f"hold_s is {self.hold_s:g} s, must be less than timeout_s, {self.timeout_s:g} s")


@dataclass(frozen=True)
class TrialResult:
    """One trial as the table keeps it.

    `latency_*_ms` is from observation to candidate action, NaN if none was seen; `obstacle_clearance_mm` the least
    distance of the tip from the obstacle's surface while the skill acted, less than 0 inside it, NaN without one.
    `condition`, `place` and `attempt` are those of an experiment.
    """

    skill: str
    connector: str
    trial: int
    seed: int
    mode: str
    outcome: str
    time_s: float
    peak_force_n: float
    final_depth_m: float
    full_depth_m: float
    estimate_error_mm: float = math.nan
    estimate_error_deg: float = math.nan
    interventions: Mapping[str, int] = field(default_factory=dict)
    latency_p50_ms: float = math.nan
    latency_p95_ms: float = math.nan
    latency_p99_ms: float = math.nan
    obstacle_clearance_mm: float = math.nan
    condition: str = ""
    place: int = 0
    attempt: int = 1

    @property
    def succeeded(self) -> bool:
        """Whether the plug was inserted."""
        return self.outcome == SUCCESS

    @property
    def fault(self) -> str | None:
        """Name of the fault that ended the trial, None if no fault did."""
        return self.outcome[len(FAULT_PREFIX) :] if self.outcome.startswith(FAULT_PREFIX) else None


class InsertionJudge:
    """Follows one trial sample by sample and decides once; after that nothing changes its mind.

    The clock is the caller's: `t` is in seconds since the start of the trial, from any monotonic clock. The force is
    the norm of the tared contact force, already averaged over `SuccessCriterion.force_window_s`.
    """

    def __init__(self, full_depth_m: float, criterion: SuccessCriterion | None = None, automatic: bool = True) -> None:
        """
        Args:
            full_depth_m: depth of the seated plug along the socket axis, in m.
            criterion: of success; the defaults if not given.
            automatic: whether success follows from the pose; if not, somebody has to `decide` it.
        """
        if not (math.isfinite(full_depth_m) and full_depth_m > 0.0):
            raise ContractError(f"InsertionJudge: full_depth_m = {full_depth_m}; allowed is a positive depth in m")
        self.criterion = criterion or SuccessCriterion()
        self.full_depth_m = full_depth_m
        self.automatic = automatic
        self.outcome: str | None = None
        self.time_s = math.nan
        self.peak_force_n = 0.0
        self.depth_m = math.nan
        self._last_t = -math.inf
        self._seated_since: float | None = None
        self._latest: deque[tuple[float, float, float]] = deque()

    def update(self, t: float, depth_m: float, lateral_m: float, tilt_rad: float, force_n: float) -> str | None:
        """Take one sample and return the outcome, or None while the trial goes on.

        Args:
            t: time since the start of the trial, in s; never smaller than that of the sample before.
            depth_m: position of the plug's tip along the socket axis, 0 at the mouth, positive inside.
            lateral_m: distance of the tip from the socket axis.
            tilt_rad: angle between the plug's axis and the socket axis.
            force_n: norm of the tared contact force, mean of the last `force_window_s`.

        Raises:
            ContractError: a value is not finite, or time runs backwards.
        """
        if self.outcome is not None:
            return self.outcome
        sample = {"t": t, "depth_m": depth_m, "lateral_m": lateral_m, "tilt_rad": tilt_rad, "force_n": force_n}
        for name, value in sample.items():
            if not math.isfinite(value):
                raise ContractError(f"InsertionJudge: {name} = {value}; allowed are finite numbers")
        if t < self._last_t:
            raise ContractError(f"InsertionJudge: t = {t} s after t = {self._last_t} s; time must not run backwards")
        self._last_t = t
        self.depth_m = depth_m
        self.peak_force_n = max(self.peak_force_n, force_n)
        if force_n > self.criterion.force_limit_n:
            return self._decide(FORCE_STOP, t)
        if not self.automatic or not self._seated(depth_m, lateral_m, tilt_rad):
            self._seated_since = None
        elif self._seated_since is None:
            self._seated_since = t
        if self._seated_since is not None and t - self._seated_since >= self.criterion.hold_s - 1e-9:
            return self._decide(SUCCESS, t)
        self._latest.append((t, depth_m, force_n))
        while self._latest and self._latest[0][0] < t - self.criterion.jam_s:
            self._latest.popleft()
        if t >= self.criterion.timeout_s:
            return self._decide(JAM if self._jammed() else TIMEOUT, t)
        return None

    def decide(self, outcome: str, t: float) -> str:
        """The operator says at `t` what the outcome is, unless it was decided before."""
        return self.outcome or self._decide(outcome, t)

    def fault(self, name: str, t: float) -> str:
        """The supervisor stopped for fault `name` at `t`: it ends the trial unless the trial was decided before.

        FORCE is the criterion's own limit, seen by the supervisor first: `force_stop`. A stop that somebody asked the
        supervisor for is the operator's.
        """
        if self.outcome is not None:
            return self.outcome
        return self._decide(_OF_FAULTS.get(name, f"{FAULT_PREFIX}{name}"), t)

    def _seated(self, depth_m: float, lateral_m: float, tilt_rad: float) -> bool:
        c = self.criterion
        return (
            depth_m >= self.full_depth_m - c.depth_tolerance_m
            and lateral_m <= c.lateral_tolerance_m
            and tilt_rad <= c.tilt_tolerance_rad
        )

    def _jammed(self) -> bool:
        """Whether the plug stands in the hole, and is pressed."""
        _, depth, force = np.array(self._latest).T
        c = self.criterion
        return bool(depth.min() > 0.0 and np.ptp(depth) < c.jam_travel_m and force.mean() >= c.jam_force_n)

    def _decide(self, outcome: str, t: float) -> str:
        self.outcome, self.time_s = outcome, t
        return outcome
