"""The hockey skills that ship: saves, goals against the best shot found by search, matches and ratings.

    python benchmarks/hockey_skills.py    # half an hour

Results: benchmarks/results/hockey_skills.json, .md and .png. The exit status is 1 where a skill misses its bound.
"""

from __future__ import annotations

import argparse
import functools
import itertools
import sys
from pathlib import Path
from typing import Any

import numpy as np
from command_line import exit_status
from numpy.typing import NDArray
from pages import add_arguments, write_results
from provenance import ROOT, provenance
from tqdm import tqdm

from maxent_robot.learning.skill_player import SkillPlayer
from maxent_robot.paths import find_skill
from maxent_robot.skill.bundle import load_bundle
from maxent_robot.trials.ratings import elo_ratings
from maxent_robot.trials.statistics import mcnemar_exact, wilson_interval
from sim.hockey.config import HockeyConfig
from sim.hockey.evaluation import run_rallies
from sim.hockey.launches import puck_in_reach
from sim.hockey.match import play_matches
from sim.hockey.opponents import make_player
from sim.hockey.players import Player
from sim.hockey.search import ShotSearch, best_shots
from sim.hockey.task import USUAL_S

RESULTS = ROOT / "benchmarks" / "results" / "hockey_skills.json"
SHOTS, STARTS, SEED = 1000, 500, 7
MATCHES, MATCHES_OF_OTHERS, GOALS_TO_WIN, MATCH_S = 200, 40, 5, 1800.0
SAVED, OF_THE_OPTIMUM, WON = 0.97, 0.85, 0.8
SCRIPTED = ("blocker", "keeper", "predictor", "striker")


def player(name: str, n: int, seed: int) -> Player:
    """A player by name: of a skill that ships (`hockey_...`, by its mean) or written by hand."""
    if name.startswith("hockey_"):
        return SkillPlayer(load_bundle(find_skill(name)), "mean", seed)
    return make_player(name, HockeyConfig().table, n, seed)


def rate(success: NDArray[np.bool_]) -> dict[str, Any]:
    """A share with its 95 % Wilson interval."""
    n, k = len(success), int(success.sum())
    return {"episodes": n, "share": k / n, "interval": list(wilson_interval(k, n))}


def defending() -> dict[str, Any]:
    """Shots saved by the skill and by the keepers written by hand."""
    config = HockeyConfig(task="defend", opponents=("none",))
    names = ("hockey_defend", *SCRIPTED[:3])
    saved = {name: run_rallies(config, player(name, 256, SEED), SHOTS, SEED).success for name in names}
    pair = mcnemar_exact(saved["hockey_defend"], saved["keeper"])
    return {
        "players": {name: rate(success) for name, success in saved.items()},
        "against_keeper": {"difference": pair.difference, "p_value": pair.p_value},
    }


def hitting() -> dict[str, Any]:
    """Goals of the skill, of the striker written by hand and of the best shots by search, from the same starts."""
    config = HockeyConfig(task="hit", opponents=("none",), time_limit_s=USUAL_S["hit"])
    starts = [puck_in_reach(config.table, 1, np.random.default_rng((SEED, number))) for number in range(STARTS)]
    optimum = best_shots(config.table, starts, ShotSearch(), SEED)
    scored = {
        name: run_rallies(config, player(name, 256, SEED), STARTS, SEED).success for name in ("hockey_hit", "striker")
    }
    pair = mcnemar_exact(scored["hockey_hit"], scored["striker"])
    return {
        "players": {name: rate(success) for name, success in scored.items()},
        "optimum": float(optimum.chance.mean()),
        "against_striker": {"difference": pair.difference, "p_value": pair.p_value},
    }


def matches() -> dict[str, Any]:
    """A round robin of the skill and the players written by hand."""
    names = ("hockey_duel", *SCRIPTED)
    config = HockeyConfig(task="duel")
    n = len(names)
    wins, games = np.zeros((n, n)), np.zeros((n, n))
    rows = []
    for i, j in tqdm(list(itertools.combinations(range(n), 2)), desc="matches", unit="pair", disable=None):
        count = MATCHES if i == 0 else MATCHES_OF_OTHERS
        home, away = (player(names[k], count, SEED + k) for k in (i, j))
        table = play_matches(config, home, away, count, SEED, goals_to_win=GOALS_TO_WIN, time_limit_s=MATCH_S)
        won, lost = int(table.won.sum()), int(table.lost.sum())
        games[i, j] = games[j, i] = count
        wins[i, j] = won + 0.5 * (count - won - lost)
        wins[j, i] = count - wins[i, j]
        rows.append(
            {
                "home": names[i],
                "away": names[j],
                "won": won,
                "lost": lost,
                "matches": count,
                "interval": list(wilson_interval(won, count)),
                "goals": [float(value) for value in table.goals.mean(axis=0)],
                "median_s": float(np.median(table.time_s)),
            }
        )
    found = elo_ratings(wins, games)
    return {
        "pairs": rows,
        "elo": {
            name: {"elo": float(found.elo[k]), "interval": [float(found.low[k]), float(found.high[k])]}
            for k, name in enumerate(names)
        },
    }


def page(document: dict[str, Any]) -> str:
    """The figures as a page of Markdown."""
    lines = ["# Hockey skills", "", "Written by `python benchmarks/hockey_skills.py`; skills play by their mean."]
    if "defend" in document:
        lines += [
            f"""
## Saves

{SHOTS} shots on goal of 3 to 5 m/s, straight and off the rims, the same for all.

| player | saved (95 %) |
| --- | --- |"""
        ]
        lines += [f"| {name} | {_share(row)} |" for name, row in document["defend"]["players"].items()]
    if "hit" in document:
        lines += [
            f"""
## Goals

{STARTS} pucks at rest and a mallet that stands somewhere before the goal, the same for all. The best shot found by
search scores in {document["hit"]["optimum"]:.1%}.

| player | scored (95 %) | of the optimum |
| --- | --- | ---: |"""
        ]
        lines += [
            f"| {name} | {_share(row)} | {row['share'] / document['hit']['optimum']:.0%} |"
            for name, row in document["hit"]["players"].items()
        ]
    if "duel" in document:
        lines += [
            f"""
## Matches

{MATCHES} matches of the skill with each player, {MATCHES_OF_OTHERS} of these with each other, to {GOALS_TO_WIN} goals
or {MATCH_S / 60:.0f} minutes; whoever has more goals then has won.

![ratings](hockey_skills.png)

| home | away | won (95 %) | lost | goals, mean | median length [s] |
| --- | --- | --- | ---: | --- | ---: |"""
        ]
        for row in document["duel"]["pairs"]:
            low, high = row["interval"]
            lines.append(
                f"| {row['home']} | {row['away']} | {row['won'] / row['matches']:.1%} ({low:.1%} to {high:.1%}) "
                f"| {row['lost'] / row['matches']:.1%} | {row['goals'][0]:.1f} to {row['goals'][1]:.1f} "
                f"| {row['median_s']:.0f} |"
            )
        lines += ["", "| player | Elo (95 %) |", "| --- | --- |"]
        for name, row in sorted(document["duel"]["elo"].items(), key=lambda item: -item[1]["elo"]):
            low, high = row["interval"]
            lines.append(f"| {name} | {row['elo']:.0f} ({low:.0f} to {high:.0f}) |")
    return "\n".join(lines) + "\n"


def _share(row: dict[str, Any]) -> str:
    low, high = row["interval"]
    return f"{row['share']:.1%} ({low:.1%} to {high:.1%})"


def plot(document: dict[str, Any], path: Path) -> None:
    """Shares and ratings with their intervals."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    parts = [part for part in ("defend", "hit", "duel") if part in document]
    figure, axes = pyplot.subplots(1, len(parts), figsize=(4.0 * len(parts), 3.4), layout="constrained", squeeze=False)
    for axis, part in zip(axes[0], parts, strict=True):
        if part == "duel":
            rows = {name: (row["elo"], *row["interval"]) for name, row in document[part]["elo"].items()}
        else:
            rows = {name: (row["share"], *row["interval"]) for name, row in document[part]["players"].items()}
        for place, (name, (value, low, high)) in enumerate(rows.items()):
            colour = "tab:red" if name.startswith("hockey_") else "tab:gray"
            axis.errorbar(value, place, xerr=[[value - low], [high - value]], fmt="o", color=colour)
        axis.set_yticks(range(len(rows)), list(rows))
        axis.set_xlabel({"defend": "shots saved", "hit": "shots scored", "duel": "Elo"}[part] + " (95 %)")
        if part == "hit":
            axis.axvline(document[part]["optimum"], linestyle="--", color="black", linewidth=0.8)
        axis.grid(axis="x", alpha=0.3)
    figure.savefig(path, dpi=120)
    pyplot.close(figure)


def holds(document: dict[str, Any]) -> bool:
    """Whether every skill that was measured keeps its bounds."""
    good = []
    if "defend" in document:
        found = document["defend"]["players"]
        good += [found["hockey_defend"]["share"] >= SAVED, found["hockey_defend"]["share"] > found["keeper"]["share"]]
    if "hit" in document:
        found = document["hit"]["players"]
        good.append(found["hockey_hit"]["share"] >= OF_THE_OPTIMUM * document["hit"]["optimum"])
        good.append(found["hockey_hit"]["share"] > found["striker"]["share"])
    if "duel" in document:
        good += [
            row["won"] >= WON * row["matches"] for row in document["duel"]["pairs"] if row["home"] == "hockey_duel"
        ]
    return all(good)


def main() -> int:
    parser = argparse.ArgumentParser(description="saves, goals and matches of the hockey skills that ship")
    parts = {"defend": defending, "hit": hitting, "duel": matches}
    parser.add_argument("--only", nargs="+", choices=tuple(parts), default=list(parts), help="skills (default: all)")
    add_arguments(parser, RESULTS)
    arguments = parser.parse_args()

    def work() -> int:
        origin = provenance(["python", "benchmarks/hockey_skills.py", *sys.argv[1:]])
        document = {**origin, **{part: parts[part]() for part in arguments.only}}
        write_results(arguments.json, document, page(document), functools.partial(plot, document))
        return 0 if holds(document) else 1

    return exit_status(parser, work)


if __name__ == "__main__":
    sys.exit(main())
