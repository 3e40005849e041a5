"""Tables of a decision process: taken as they are when they make sense, refused with both values when they don't."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from maxent_robot.errors import MaxentRobotError
from maxent_robot.exact import ExactError, TabularMdp, corridor, policy_value, soft_value_iteration
from maxent_robot.exact.mdp import require_discounted, require_undiscounted
from maxent_robot.exact.validation import as_array, as_distribution, check_horizon, check_temperature

GOOD: dict[str, Any] = {
    "transition": [[[0.5, 0.5], [0.0, 1.0]], [[0.0, 1.0], [0.0, 1.0]]],
    "reward": [[1.0, -2.0], [0.0, 0.0]],
    "discount": 0.9,
    "terminal": [False, True],
    "initial": [1.0, 0.0],
}


def test_tables_are_copied_and_closed_to_writing() -> None:
    reward = np.array(GOOD["reward"])
    mdp = TabularMdp(**{**GOOD, "reward": reward})
    reward[0, 0] = 7.0
    assert mdp.reward[0, 0] == 1.0
    for table in (mdp.transition, mdp.reward, mdp.terminal, mdp.initial):
        with pytest.raises(ValueError, match="read-only"):
            table[...] = 0
    assert (mdp.states, mdp.actions) == (2, 2)
    assert mdp.active.tolist() == [True, False]


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("transition", [[[0.5, 0.5]]], r"transition has shape \(1, 1, 2\); allowed is \(S, A, S\)"),
        ("transition", [[0.5, 0.5]], r"transition has shape \(1, 2\)"),
        (
            "transition",
            [[[0.5, 0.4], [0.0, 1.0]], [[0.0, 1.0], [0.0, 1.0]]],
            r"transition\[0, 0\] sums to .*0\.9.*; allowed is 1 within 1e-12",
        ),
        (
            "transition",
            [[[1.5, -0.5], [0.0, 1.0]], [[0.0, 1.0], [0.0, 1.0]]],
            r"transition\[0, 0, 1\] is -0\.5; allowed are probabilities",
        ),
        (
            "transition",
            [[[0.5, 0.5], [0.0, 1.0]], [[0.0, 1.0], [1.0, 0.0]]],
            r"transition\[1\] leaves terminal state 1",
        ),
        ("reward", [[1.0, -2.0]], r"reward has shape \(1, 2\); allowed is \(2, 2\)"),
        ("reward", [[1.0, np.nan], [0.0, 0.0]], r"reward\[0, 1\] is nan; allowed are finite numbers"),
        ("reward", [[1.0, -2.0], [0.0, 3.0]], r"reward\[1\] of a terminal state is \[0\. 3\.\]; allowed is 0"),
        ("discount", 1.1, r"discount is 1\.1; allowed is 0 <= discount <= 1"),
        ("discount", -0.1, r"discount is -0\.1"),
        ("discount", float("nan"), r"discount is nan"),
        ("terminal", [0, 1], r"terminal is int64 \(2,\); allowed is bool \(2,\)"),
        ("terminal", [False, True, True], r"terminal is bool \(3,\); allowed is bool \(2,\)"),
        ("initial", [0.5, 0.4], r"initial sums to .*0\.9.*; allowed is 1"),
    ],
)
def test_a_table_that_makes_no_sense_is_named_with_what_is_allowed(field: str, value: object, message: str) -> None:
    with pytest.raises(ExactError, match=message):
        TabularMdp(**{**GOOD, field: value})


def test_the_error_is_one_of_the_project() -> None:
    assert issubclass(ExactError, MaxentRobotError)


def test_no_bootstrap_comes_from_a_terminal_state_whatever_its_value_is_said_to_be() -> None:
    mdp = TabularMdp(**GOOD)
    expected = [[1.0 + 0.9 * 0.5 * 4.0, -2.0], [0.0, 0.0]]
    np.testing.assert_allclose(mdp.action_values([4.0, 100.0]), expected, rtol=0.0, atol=1e-15)


def test_infinite_horizons_refuse_a_discount_of_one_and_plain_sums_any_other() -> None:
    undiscounted = replace(TabularMdp(**GOOD), discount=1.0)
    policy = np.full((2, 2), 0.5)
    with pytest.raises(ExactError, match=r"discount is 1\.0; allowed is < 1"):
        soft_value_iteration(undiscounted, 1.0)
    with pytest.raises(ExactError, match=r"discount is 1\.0; allowed is < 1"):
        policy_value(undiscounted, policy, 1.0)
    with pytest.raises(ExactError, match=r"discount is 0\.9; allowed is 1"):
        require_undiscounted(TabularMdp(**GOOD))
    require_undiscounted(undiscounted)
    require_discounted(TabularMdp(**GOOD))


def test_policies_temperatures_and_horizons_are_checked() -> None:
    with pytest.raises(ExactError, match=r"policy\[0\] sums to"):
        corridor(2).check_policy([[0.5, 0.6], [0.5, 0.5]])
    with pytest.raises(ExactError, match=r"temperature is -1.0; allowed are finite numbers >= 0"):
        check_temperature(-1.0)
    with pytest.raises(ExactError, match=r"temperature is 0.0; allowed are finite numbers > 0"):
        check_temperature(0.0, positive=True)
    with pytest.raises(ExactError, match=r"horizon is 0"):
        check_horizon(0)
    assert check_temperature(0.0) == 0.0
    assert check_horizon(1) == 1


def test_rounding_is_no_error_and_an_empty_axis_is() -> None:
    assert as_distribution("p", [0.1] * 10, (10,)).shape == (10,)
    with pytest.raises(ExactError, match=r"p has shape \(0,\); allowed is \(n >= 1\)"):
        as_array("p", [], (None,))
