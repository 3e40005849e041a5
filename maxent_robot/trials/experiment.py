"""The protocol of an experiment (`config/trials/*.yaml`): what is compared, where, how often, and when it ends."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from maxent_robot.config import load_config, require_different_names, setting
from maxent_robot.errors import ConfigError
from maxent_robot.paths import find_experiment
from maxent_robot.trials.outcome import SuccessCriterion
from maxent_robot.trials.protocol import StartRange
from maxent_robot.trials.sequential import SequentialTest
from maxent_robot.trials.statistics import StatisticsError

_UNIT_TOLERANCE = 1e-2
"""Of the square of a quaternion's length: values are written with a few digits."""
ORDERS = ("shuffled", "alternating", "fixed")
JUDGES = ("simulator", "reference", "operator")


@dataclass(frozen=True)
class Condition:
    """One of the things that are compared."""

    name: str = setting(doc="in tables and plots")
    skill: str = setting(doc="name or path of a skill bundle")
    policy: Mapping[str, Any] = setting({}, doc="parameters of the policy node that differ from the graph's")


@dataclass(frozen=True)
class SequentialRule:
    """Stop as soon as two conditions are told apart, or are known not to be as far apart as that."""

    rates: tuple[float, float] = setting(
        (0.85, 0.95), minimum=0.001, maximum=0.999, doc="success rates that are to be told apart"
    )
    alpha: float = setting(0.05, minimum=1e-6, maximum=0.5, doc="chance to see a difference where there is none")
    beta: float = setting(0.2, minimum=1e-6, maximum=0.5, doc="chance to miss one as large as that")
    correlation: float = setting(0.0, minimum=-1.0, maximum=1.0, doc="of success at the same place, as expected")

    def __post_init__(self) -> None:
        try:
            self.test()
        except StatisticsError as error:
            raise ConfigError(str(error)) from error

    def test(self) -> SequentialTest:
        """The test of these settings."""
        return SequentialTest.planned(*self.rates, self.alpha, self.beta, self.correlation)


@dataclass(frozen=True)
class StopRule:
    """When an experiment is broken off, whatever its statistics."""

    failures_in_a_row: int = setting(0, minimum=0, doc="of one condition; 0: any number")
    force_stops: int = setting(0, minimum=0, doc="trials ended by the force limit; 0: any number")
    faults: int = setting(0, minimum=0, doc="trials ended by a fault of the supervisor; 0: any number")
    interruptions: int = setting(20, minimum=1, doc="attempts that ended without an outcome, such as by a power cut")


@dataclass(frozen=True)
class Experiment:
    """A whole experiment. Each condition is tried once at each place: a randomised complete block design."""

    name: str = setting(doc="of the experiment")
    conditions: tuple[Condition, ...] = setting(doc="what is compared; at least one, two for a sequential test")
    robot: str = setting("sim", doc="name or path of a robot description")
    limits: str = setting("", doc="name or path of the supervisor's limits; empty: those of the robot's name")
    graph: str = setting("plug_insertion", doc="name or path of the graph that is started")
    seed: int = setting(1, minimum=0, doc="of places, order and labels")
    places: int = setting(
        60, minimum=1, maximum=10_000, doc="start poses and errors of the estimate; the most, if sequential"
    )
    order: str = setting("shuffled", choices=ORDERS, doc="of the conditions at a place")
    blinded: bool = setting(False, doc="the operator sees labels (A, B) for the conditions, until the report")
    judge: str = setting(
        "simulator",
        choices=JUDGES,
        doc="who says that a plug is in: the simulated truth, the arm's pose against a taught one, or the operator",
    )
    seated_pose: tuple[float, ...] = setting(
        (), doc="of the TCP with the plug seated, taught, in the base frame: x y z [m] qx qy qz qw; judge reference"
    )
    depth_m: Mapping[str, float] = setting(
        {}, unit="m", minimum=1e-3, maximum=0.1, doc="of the seated plug, by connector; else that of the simulation"
    )
    arm: Mapping[str, Any] = setting(
        {}, doc="parameters of the simulated arm, such as scene or disturbance.command_delay_s; rehearsals only"
    )
    after_fault: str = setting(
        "acknowledge", choices=("acknowledge", "go_on"), doc="wait for the operator, or go on (simulation only)"
    )
    start: StartRange = setting(StartRange(), doc="where trials start")
    criterion: SuccessCriterion = setting(SuccessCriterion(), doc="what counts as an insertion")
    stop: StopRule = setting(StopRule(), doc="when it is broken off")
    sequential: SequentialRule | None = setting(None, doc="a test that may end it early; none: all places are used")

    def __post_init__(self) -> None:
        names = [condition.name for condition in self.conditions]
        if not names:
            raise ConfigError("conditions is empty, must name at least one")
        require_different_names("conditions", names)
        given = {condition.name: set(condition.policy) for condition in self.conditions}
        for name, keys in given.items():
            missing = sorted(set().union(*given.values()) - keys)
            if missing:
                raise ConfigError(
                    f"conditions: {name!r} lacks policy.{missing[0]}, which another has: all must set the same ones"
                )
        if self.sequential is not None and len(names) != 2:
            raise ConfigError(f"sequential compares two conditions, but there are {len(names)}")
        for connector, depth_m in self.depth_m.items():
            if depth_m <= self.criterion.depth_tolerance_m:
                raise ConfigError(
                    f"depth_m of {connector!r} is {depth_m:g} m, must be more than criterion.depth_tolerance_m, "
                    f"{self.criterion.depth_tolerance_m:g} m"
                )
        if self.seated_pose and abs(sum(value**2 for value in self.seated_pose[3:7]) - 1.0) > _UNIT_TOLERANCE:
            raise ConfigError(f"seated_pose: the quaternion {list(self.seated_pose[3:7])} is not of length 1")
        if self.judge == "reference" and len(self.seated_pose) != 7:
            raise ConfigError(
                f"seated_pose has {len(self.seated_pose)} numbers, must have 7 for judge reference: x y z qx qy qz qw"
            )

    def condition(self, name: str) -> Condition:
        """The condition of that name."""
        return next(condition for condition in self.conditions if condition.name == name)


def load_experiment(name_or_path: str | os.PathLike[str]) -> tuple[Experiment, Path]:
    """Read a protocol named as shipped (`compare`) or by a path, and where it lies.

    Raises:
        ConfigError: no such file, or a key or value that is not allowed.
    """
    path = find_experiment(name_or_path)
    return load_config(path, Experiment), path
