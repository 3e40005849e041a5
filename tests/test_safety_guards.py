"""Each guard of the supervisor by itself: with it disabled, a test fails (benchmarks/mutation_check.py)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from safety_bench import limits

from maxent_robot.config import config_from_mapping, to_mapping
from maxent_robot.errors import ConfigError
from maxent_robot.safety.faults import Fault
from maxent_robot.safety.limits import SupervisorLimits
from maxent_robot.safety.reactions import CHOICES, reactions
from maxent_robot.safety.state_machine import TRANSITIONS, State

# What a limits file may say

POST = {"minimum": [0.4, 0.1, 0.0], "maximum": [0.5, 0.2, 0.3]}
PLAIN = to_mapping(limits(workspace={"keep_out": {"post": POST}}))


def numbers(data: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Where numbers stand in plain data."""
    if isinstance(data, (Mapping, list)):
        for key, value in data.items() if isinstance(data, Mapping) else enumerate(data):
            yield from numbers(value, (*path, key))
    else:
        yield path


def with_number(data: Any, path: tuple[Any, ...], number: float) -> Any:
    """The data with another number at a path."""
    if not path:
        return number
    changed = dict(data) if isinstance(data, Mapping) else list(data)
    changed[path[0]] = with_number(data[path[0]], path[1:], number)
    return changed


@pytest.mark.parametrize("path", list(numbers(PLAIN)), ids=lambda path: ".".join(map(str, path)))
def test_every_number_in_a_limits_file_has_a_least_and_a_greatest_value(path: tuple[Any, ...]) -> None:
    with pytest.raises(ConfigError, match="is too small"):
        config_from_mapping(with_number(PLAIN, path, -1e6), SupervisorLimits)
    with pytest.raises(ConfigError, match="is too large"):
        config_from_mapping(with_number(PLAIN, path, 1e6), SupervisorLimits)


REACTIONS = {
    "STALE_JOINT_STATE": "freeze",
    "STALE_WRENCH": "controlled_stop",
    "STALE_ACTION": "hold, controlled_stop",
    "CLOCK_JUMP": "controlled_stop, hold",
    "SEQUENCE_GAP": "degrade, reject, hold, controlled_stop",
    "NONFINITE": "controlled_stop, hold",
    "NAME_OR_SIZE_MISMATCH": "controlled_stop, hold",
    "JOINT_POSITION": "release",
    "JOINT_VELOCITY": "release",
    "WORKSPACE": "release",
    "TCP_SPEED": "release",
    "FORCE": "release",
    "TORQUE": "release",
    "WRENCH_BIAS": "controlled_stop, hold",
    "TRACKING_ERROR": "release",
    "COMMAND_JUMP": "freeze",
    "CONTROLLER_INACTIVE": "release",
    "SECOND_PUBLISHER": "controlled_stop",
    "HARDWARE": "release, controlled_stop",
    "ROBOT_SAFETY_STOP": "release",
    "HEARTBEAT_LOST": "hold, controlled_stop",
    "OPERATOR_STOP": "hold, controlled_stop",
    "QOS_INCOMPATIBLE": "controlled_stop, hold, reject",
}


@pytest.mark.parametrize("fault", list(Fault), ids=lambda fault: fault.value)
def test_a_fault_has_the_reaction_that_ships_and_no_other_may_be_chosen_than_these(fault: Fault) -> None:
    allowed = REACTIONS[fault.value].split(", ")
    assert reactions({})[fault].value == allowed[0]
    for name in ("reject", "degrade", "hold", "controlled_stop", "release", "freeze"):
        if name in allowed:
            assert reactions({fault.value: name})[fault].value == name
        else:
            with pytest.raises(ConfigError, match=f"{fault.value}: '{name}' is not allowed"):
                reactions({fault.value: name})
    assert len(CHOICES[fault]) == len(allowed)


FOLLOWERS = {
    "UNCONFIGURED": {"INACTIVE"},
    "INACTIVE": {"UNCONFIGURED", "ARMED"},
    "ARMED": {"INACTIVE", "RAMPING", "STOPPING"},
    "RAMPING": {"INACTIVE", "RUNNING", "STOPPING"},
    "RUNNING": {"INACTIVE", "ARMED", "DEGRADED", "STOPPING"},
    "DEGRADED": {"INACTIVE", "RUNNING", "STOPPING"},
    "STOPPING": {"INACTIVE", "HOLD", "FAULT"},
    "HOLD": {"INACTIVE", "ARMED", "FAULT"},
    "FAULT": {"INACTIVE"},
}


@pytest.mark.parametrize("state", list(State), ids=lambda state: state.value)
def test_only_these_states_may_follow(state: State) -> None:
    assert {follower.value for follower in TRANSITIONS[state]} == FOLLOWERS[state.value]
