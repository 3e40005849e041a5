"""The penalty shot: the exact mixed equilibrium, and who comes near it by playing against himself.

    python benchmarks/hockey_penalty.py    # two minutes

Every shot is played against every guard on the planar table. The linear programme gives the value and the equilibrium;
beside it stand the maximum-entropy equilibrium at falling temperatures, and learners that play each other from samples,
softly or greedily, judged by what they do last and by the mean of what they have done.
Results: benchmarks/results/hockey_penalty.json, .md and .png.
"""

from __future__ import annotations

import argparse
import functools
import sys
from pathlib import Path
from typing import Any

import numpy as np
from command_line import exit_status
from numpy.typing import NDArray
from pages import add_arguments, write_results
from provenance import ROOT, provenance
from tqdm import tqdm

from maxent_robot.config import to_mapping
from maxent_robot.exact import (
    fictitious_play,
    guaranteed_payoff,
    matrix_game_equilibrium,
    maxent_equilibrium,
    softmax_policy,
)
from sim.hockey.config import TableConfig
from sim.hockey.penalty import PenaltyConfig, PenaltyGame, penalty_game

RESULTS = ROOT / "benchmarks" / "results" / "hockey_penalty.json"
TEMPERATURES = (0.3, 0.1, 0.03, 0.01, 0.003, 0.001)
LEARNED_TEMPERATURES = (0.3, 0.1, 0.03, 0.01, 0.003, 0.0)
SEEDS, ROUNDS, BATCH, RATE = (1, 2, 3, 4, 5), 20_000, 8, 0.02
FICTITIOUS_ROUNDS = 20_000
VALUE_BETWEEN, MEAN_GAP = (0.3, 0.7), 0.03

Array = NDArray[np.float64]


def self_play(payoff: Array, temperature: float, seed: int) -> tuple[Array, Array]:
    """Two learners without a model: each keeps the running mean of what its actions got against the other's, and acts
    by exp(Q / alpha), or greedily at temperature 0 (with the exploration of an epsilon of 0.05).

    Returns:
        The striker's strategy at the end and the mean of its strategies, (R,) both.
    """
    generator = np.random.default_rng(seed)
    rows, columns = payoff.shape
    q_row, q_column = np.full(rows, payoff.mean()), np.full(columns, -payoff.mean())
    total = np.zeros(rows)
    for _ in range(ROUNDS):
        row, column = softmax_policy(q_row, temperature), softmax_policy(q_column, temperature)
        total += row
        explore = 0.05 if temperature == 0.0 else 0.0
        i = generator.choice(rows, size=BATCH, p=(1.0 - explore) * row + explore / rows)
        j = generator.choice(columns, size=BATCH, p=(1.0 - explore) * column + explore / columns)
        goals = generator.random(BATCH) < payoff[i, j]
        np.add.at(q_row, i, RATE * (goals - q_row[i]))
        np.add.at(q_column, j, RATE * (-1.0 * goals - q_column[j]))
    return softmax_policy(q_row, temperature), total / ROUNDS


def figures(game: PenaltyGame, bar: tqdm[Any]) -> dict[str, Any]:
    """Guaranteed payoffs of all strategies."""
    payoff = game.payoff
    rows = len(payoff)
    exact = matrix_game_equilibrium(payoff)
    pure = [guaranteed_payoff(payoff, one) for one in np.eye(rows)]
    found: dict[str, Any] = {
        "value": exact.value,
        "striker": [round(float(value), 5) for value in exact.row],
        "keeper": [round(float(value), 5) for value in exact.column],
        "uniform": guaranteed_payoff(payoff, np.full(rows, 1.0 / rows)),
        "best_pure": max(pure),
        "fictitious_play": guaranteed_payoff(payoff, fictitious_play(payoff, FICTITIOUS_ROUNDS).row),
        "maxent": [],
        "self_play": [],
    }
    for temperature in TEMPERATURES:
        solution = maxent_equilibrium(payoff, temperature, 1e-6)
        found["maxent"].append({"temperature": temperature, "guaranteed": guaranteed_payoff(payoff, solution.row)})
        bar.update()
    for temperature in LEARNED_TEMPERATURES:
        last, mean = [], []
        for seed in SEEDS:
            end, average = self_play(payoff, temperature, seed)
            last.append(guaranteed_payoff(payoff, end / end.sum()))
            mean.append(guaranteed_payoff(payoff, average / average.sum()))
            bar.update()
        found["self_play"].append({"temperature": temperature, "last": last, "mean": mean})
    return found


def page(document: dict[str, Any]) -> str:
    """The figures as a page of Markdown."""
    found, value = document["figures"], document["figures"]["value"]
    lines = [
        f"""\
# The penalty shot

Written by `python benchmarks/hockey_penalty.py`. {document["shots"]} directions against {document["guards"]} places of
a mallet that does not see the shot coming; each payoff is counted in {document["penalty"]["repeats"]} shots.
*Guaranteed* is the share of goals against the best guard for who knows the strategy, *gap* what is missing to the value
of the game, {value:.3f}.

![payoffs, equilibrium, and guaranteed payoffs against temperature](hockey_penalty.png)

| strategy of the striker | guaranteed | gap |
| --- | ---: | ---: |"""
    ]
    named = [
        ("equilibrium, by the linear programme", value),
        (f"fictitious play, mean of {FICTITIOUS_ROUNDS:,} rounds", found["fictitious_play"]),
        ("uniform", found["uniform"]),
        ("the best single shot", found["best_pure"]),
        *(
            (f"maximum-entropy equilibrium, alpha = {row['temperature']:g}", row["guaranteed"])
            for row in found["maxent"]
        ),
    ]
    lines += [f"| {name} | {guaranteed:.3f} | {value - guaranteed:.3f} |" for name, guaranteed in named]
    lines += [
        f"""
Learners that play each other, from {ROUNDS:,} rounds of {BATCH} shots; guaranteed payoff, mean and range of
{len(SEEDS)} seeds.

| acts by | what it does last | mean of what it has done |
| --- | --- | --- |"""
    ]
    for row in found["self_play"]:
        name = f"exp(Q / {row['temperature']:g})" if row["temperature"] else "its greatest Q"
        lines.append(f"| {name} | {_spread(row['last'])} | {_spread(row['mean'])} |")
    return "\n".join(lines) + "\n"


def _spread(values: list[float]) -> str:
    return f"{np.mean(values):.3f} ({min(values):.3f} to {max(values):.3f})"


def plot(game: PenaltyGame, found: dict[str, Any], path: Path) -> None:
    """Payoffs, the equilibrium's shots, and what is guaranteed against the temperature."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, (left, middle, right) = pyplot.subplots(1, 3, figsize=(13, 4.0), layout="constrained")
    image = left.imshow(game.payoff, aspect="auto", origin="lower", cmap="viridis", vmin=0.0, vmax=1.0)
    ticks = np.linspace(0, len(game.directions_deg) - 1, 7).round().astype(int)
    left.set_yticks(ticks, [f"{game.directions_deg[tick]:.0f}" for tick in ticks])
    left.set_xlabel("guard (lines one after the other, each from right to left)")
    left.set_ylabel("direction of the shot [degrees]")
    figure.colorbar(image, ax=left, label="share of goals")
    middle.bar(game.directions_deg, found["striker"], width=2.0)
    middle.set_xlabel("direction of the shot [degrees]")
    middle.set_ylabel("probability at the equilibrium")
    value = found["value"]
    right.axhline(value, color="black", linewidth=1, label="value of the game")
    right.axhline(found["uniform"], color="tab:gray", linestyle="--", linewidth=1, label="uniform")
    right.plot(
        [row["temperature"] for row in found["maxent"]],
        [row["guaranteed"] for row in found["maxent"]],
        "o-",
        label="maximum-entropy equilibrium",
    )
    soft = [row for row in found["self_play"] if row["temperature"]]
    for key, label in (("last", "self-play, last"), ("mean", "self-play, mean")):
        right.plot(
            [row["temperature"] for row in soft], [np.mean(row[key]) for row in soft], "s--", markersize=4, label=label
        )
    right.set_xscale("log")
    right.set_xlabel("temperature")
    right.set_ylabel("guaranteed share of goals")
    right.set_ylim(-0.03, 0.75)
    right.legend(fontsize="small", loc="upper left")
    right.grid(alpha=0.3)
    figure.savefig(path, dpi=120)
    pyplot.close(figure)


def main() -> int:
    parser = argparse.ArgumentParser(description="the penalty shot as a matrix game, solved and learned")
    add_arguments(parser, RESULTS)
    arguments = parser.parse_args()

    def work() -> int:
        origin = provenance(["python", "benchmarks/hockey_penalty.py", *sys.argv[1:]])
        table, config = TableConfig(), PenaltyConfig()
        game = penalty_game(table, config, 0)
        total = len(TEMPERATURES) + len(LEARNED_TEMPERATURES) * len(SEEDS)
        with tqdm(total=total, unit="part", disable=None) as bar:
            found = figures(game, bar)
        document = {
            **origin,
            "penalty": to_mapping(config),
            "shots": len(game.directions_deg),
            "guards": len(game.guards_m),
            "figures": found,
        }
        write_results(arguments.json, document, page(document), functools.partial(plot, game, found))
        low, high = VALUE_BETWEEN
        averaged = found["value"] - found["fictitious_play"]
        return 0 if low <= found["value"] <= high and averaged <= MEAN_GAP * found["value"] else 1

    return exit_status(parser, work)


if __name__ == "__main__":
    sys.exit(main())
