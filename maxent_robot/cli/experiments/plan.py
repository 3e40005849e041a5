"""How many trials tell two success rates apart, and what a protocol is able to say.

The paired tests are exact, the groups by the normal approximation, the sequential test by 10 000 simulated experiments.
"""

from __future__ import annotations

import argparse
import json
import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

from maxent_robot.errors import ConfigError

if TYPE_CHECKING:
    from maxent_robot.trials.experiment import Experiment

RATES, ALPHA, POWER = (0.85, 0.95), 0.05, 0.8
_ENOUGH = 4
"""Times the pairs of the fixed test that a simulated sequential experiment may take."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of `maxent-robot trials plan`."""
    parser.add_argument("protocol", nargs="?", help="name (compare) or path of a protocol, to see what it can tell")
    parser.add_argument(
        "--rates", type=float, nargs=2, metavar="RATE", help="success rates to tell apart (default: 0.85 0.95)"
    )
    parser.add_argument("--alpha", type=float, help=f"chance of a difference seen where none is (default: {ALPHA})")
    parser.add_argument("--power", type=float, help=f"chance to see one that is there (default: {POWER})")
    parser.add_argument(
        "--correlation",
        type=float,
        help="of success at the same place, 0 to 1: how much the place matters (default: 0)",
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the figures as JSON")


def run(arguments: argparse.Namespace) -> int:
    """Print the plan.

    Raises:
        ConfigError: no such protocol.
        StatisticsError: rates, power or alpha that can't be.
    """
    experiment = None
    if arguments.protocol is not None:
        from maxent_robot.trials.experiment import load_experiment

        experiment, _ = load_experiment(arguments.protocol)
    if arguments.json is not None and not arguments.json.absolute().parent.is_dir():
        raise ConfigError(f"--json: no directory '{arguments.json.parent}'")
    figures = plan(experiment, arguments)
    print("\n".join(_lines(figures)))
    if arguments.json is not None:
        arguments.json.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")
    return 0


def plan(experiment: Experiment | None, arguments: argparse.Namespace) -> dict[str, Any]:
    """The figures, by what was asked for, else by the protocol's sequential test, else the defaults."""
    from maxent_robot.trials.power import (
        Discordance,
        discordance,
        group_size_needed,
        half_width,
        paired_power,
        pairs_needed,
    )
    from maxent_robot.trials.sequential import ALIKE, CONTINUE, SequentialTest, simulate_campaigns

    rule = None if experiment is None else experiment.sequential
    first, second = arguments.rates or (RATES if rule is None else rule.rates)
    alpha = arguments.alpha if arguments.alpha is not None else ALPHA if rule is None else rule.alpha
    power = arguments.power if arguments.power is not None else POWER if rule is None else 1.0 - rule.beta
    phi = arguments.correlation if arguments.correlation is not None else 0.0 if rule is None else rule.correlation
    found = discordance(max(first, second), min(first, second), phi)
    pairs = pairs_needed(found, power, alpha)
    test = SequentialTest(found.first_share, alpha, 1.0 - power)
    most = _ENOUGH * pairs if experiment is None or rule is None else experiment.places
    same = 0.5 * found.discordant
    differ = simulate_campaigns(test, found, most)
    alike = simulate_campaigns(test, Discordance(same, same), most, seed=1)
    figures: dict[str, Any] = {
        "rates": [first, second],
        "alpha": alpha,
        "power": power,
        "correlation": phi,
        "pairs": pairs,
        "group_size": math.ceil(group_size_needed(first, second, power, alpha)),
        "sequential": {
            "most_pairs": most,
            "mean_pairs_if_they_differ": float(differ.pairs.mean()),
            "mean_pairs_if_alike": float(alike.pairs.mean()),
            "undecided_if_they_differ": differ.share(CONTINUE),
            "undecided_if_alike": alike.share(CONTINUE),
            "missed": differ.share(ALIKE),
            "wrong": 1.0 - alike.share(ALIKE) - alike.share(CONTINUE),
        },
    }
    if experiment is not None:
        figures["protocol"] = {
            "name": experiment.name,
            "places": experiment.places,
            "conditions": [condition.name for condition in experiment.conditions],
            "trials": experiment.places * len(experiment.conditions),
            "power": paired_power(experiment.places, found, alpha),
            "half_width": half_width(experiment.places, max(first, second)),
        }
    return figures


def _lines(figures: dict[str, Any]) -> list[str]:
    first, second = (f"{100 * rate:g} %" for rate in figures["rates"])
    pairs, size, sequential = figures["pairs"], figures["group_size"], figures["sequential"]
    wrong, missed = f"{100 * figures['alpha']:g} %", f"{100 * (1 - figures['power']):g} %"
    differ, alike = (sequential[f"mean_pairs_if_{name}"] for name in ("they_differ", "alike"))
    lines = [
        f"To tell {first} from {second}, with a wrong alarm in {wrong} and a miss in {missed} of experiments:",
        f"  pairs at the same places (McNemar, exact)         {pairs} places, {2 * pairs} trials",
        f"  two independent groups (normal approximation)     {size} each, {2 * size} trials",
        f"  pairs, stopping once it is decided (sequential)   {differ:.0f} places on average where they differ so,",
        f"{'':52}{alike:.0f} where they are alike; {sequential['most_pairs']} at most",
    ]
    if figures["correlation"] == 0.0:
        lines.append("  (as if success had nothing to do with the place; where it has, --correlation, fewer will do)")
    if (protocol := figures.get("protocol")) is not None:
        versus, places, trials = " against ".join(protocol["conditions"]), protocol["places"], protocol["trials"]
        lines += [
            f"{protocol['name']}: {versus} at {places} places, {trials} trials,",
            f"  sees that difference in {100 * protocol['power']:.0f} % of experiments,",
            f"  and knows a rate near {max(first, second)} to +-{100 * protocol['half_width']:.1f} points (95 %)",
        ]
    return lines
