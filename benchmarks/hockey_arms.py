"""Hockey between two arms: games through the ROS 2 graph, observed, and what a skill loses on its way to the arm.

    python benchmarks/hockey_arms.py                    # three quarters of an hour on an idle machine
    python benchmarks/hockey_arms.py --only games

`games` plays in real time with `maxent-robot demo hockey` while two independent observers (`attack/truth_recorder.py`)
write down the true joints, contacts and commands, which are then held against the limits. `transfer` plays the same
matches on the planar table that the skill was trained on and on one whose mallets are held by simulated FR3s. Results:
benchmarks/results/hockey_arms.json, .md and .png. The exit status is 1 where a bound is missed.
"""

from __future__ import annotations

import argparse
import contextlib
import functools
import json
import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from attack.truth import Bounds, Truth, load_truth
from command_line import exit_status
from hockey_skills import player
from pages import add_arguments, write_results
from provenance import ROOT, provenance

from maxent_robot.config import to_mapping
from maxent_robot.control.robot import load_robot
from maxent_robot.safety.limits import load_limits
from maxent_robot.trials.statistics import wilson_interval
from sim.hockey.arm_driver import build_model
from sim.hockey.config import HockeyConfig
from sim.hockey.match import play_matches

RESULTS = ROOT / "benchmarks" / "results" / "hockey_arms.json"
RECORDER = ROOT / "benchmarks" / "attack" / "truth_recorder.py"
GAMES, GOALS, SEED = 10, 5, 11
PLANAR_MATCHES, ARM_MATCHES, OPPONENT = 400, 60, "striker"
LOST_AT_MOST = 0.10
PLAYERS = ("home", "away")
DOMAIN_ID = 77


def games() -> dict[str, Any]:
    """Ten games of the skill against itself, seen by the observers."""
    with tempfile.TemporaryDirectory() as scratch:
        place = Path(scratch)
        environment = {
            **os.environ,
            "ROS_DOMAIN_ID": str(DOMAIN_ID),
            "ROS_AUTOMATIC_DISCOVERY_RANGE": "LOCALHOST",
            "OMP_NUM_THREADS": "1",
        }
        observers = [
            subprocess.Popen([sys.executable, str(RECORDER), str(place / f"{one}.npz"), one], env=environment)
            for one in PLAYERS
        ]
        try:
            words = ["--games", str(GAMES), "--goals", str(GOALS), "--seed", str(SEED), "--domain-id", str(DOMAIN_ID)]
            words += ["--output", str(place / "report"), "--json", str(place / "games.json")]
            subprocess.run(
                [sys.executable, "-m", "maxent_robot.cli.main", "demo", "hockey", *words],
                env={**environment, "PYTHONPATH": str(ROOT)},
                check=False,
            )
        finally:
            for observer in observers:
                observer.send_signal(signal.SIGTERM)
            for observer in observers:
                with contextlib.suppress(subprocess.TimeoutExpired):
                    observer.wait(60.0)
        played = json.loads((place / "games.json").read_text(encoding="utf-8"))["games"]
        seen = {one: _judged(_truth(place, one)) for one in PLAYERS}
    for game in played:
        del game["events"]
    return {"games": played, "observed": seen}


def _truth(place: Path, one: str) -> Truth:
    robot, limits = load_robot("sim_hockey"), load_limits("sim_hockey")
    for name, mapping in (("robot", to_mapping(robot)), ("limits", to_mapping(limits))):
        (place / f"{name}.yaml").write_text(yaml.safe_dump(mapping), encoding="utf-8")
    bounds = Bounds.read(place / "robot.yaml", place / "limits.yaml")
    task = robot.chain().forward(np.array(robot.home))
    return load_truth(place / f"{one}.npz", bounds, build_model(robot, task))


def _judged(truth: Truth) -> dict[str, Any]:
    motion, bounds = truth.motion, truth.bounds
    shares = np.abs(motion.joint_velocities).max(axis=0) / bounds.velocity_max
    height_m = np.abs(motion.tcp[:, 2] - np.mean([bounds.box_min[2], bounds.box_max[2]]))
    return {
        "samples": len(motion.time_s),
        "violations": truth.violations(),
        "joint_speed_share": float(shares.max()),
        "tcp_speed_m_s": float(motion.tcp_speed_m_s.max()),
        "height_mm": [float(1e3 * value) for value in np.percentile(height_m, (50, 99, 100))],
        "contact_n": float(truth.contact_n.max(initial=0.0)),
    }


def transfer() -> dict[str, Any]:
    """Matches of the skill against the striker, on the planar table and on arms."""
    rows: dict[str, dict[str, Any]] = {}
    for physics, matches in (("numpy", PLANAR_MATCHES), ("arms", ARM_MATCHES)):
        config = HockeyConfig(task="duel", physics=physics)
        home, away = player("hockey_duel", matches, SEED), player(OPPONENT, matches, SEED + 1)
        table = play_matches(config, home, away, matches, SEED, goals_to_win=GOALS)
        won = int(table.won.sum())
        rows[physics] = {
            "matches": matches,
            "won": won,
            "lost": int(table.lost.sum()),
            "share": won / matches,
            "interval": list(wilson_interval(won, matches)),
            "goals": [float(value) for value in table.goals.mean(axis=0)],
            "median_s": float(np.median(table.time_s)),
        }
    return {"opponent": OPPONENT, "rows": rows, "lost_points": rows["numpy"]["share"] - rows["arms"]["share"]}


def page(document: dict[str, Any]) -> str:
    """The figures as a page of Markdown."""
    lines = ["# Hockey between two arms", "", "Written by `python benchmarks/hockey_arms.py`."]
    if "games" in document:
        played, seen = document["games"]["games"], document["games"]["observed"]
        ended = sum(not game["stopped"] for game in played)
        lines += [
            f"""
## Games in real time

`maxent-robot demo hockey`: two simulated arms, two policies, two supervisors. {ended} of {len(played)} games to {GOALS}
goals came to their end.

| game | home : away | end | rallies | time of play [s] | faults | latency p50 / p95 [ms] |
| ---: | --- | --- | ---: | ---: | --- | --- |"""
        ]
        for game in played:
            latency = ", ".join("{:.1f} / {:.1f}".format(*game["latency_ms"][one]) for one in PLAYERS)
            lines.append(
                f"| {game['game']} | {game['goals'][0]} : {game['goals'][1]} | {game['stopped'] or game['winner']} "
                f"| {game['rallies']} | {game['time_s']:.0f} | {game['faults'][0]} : {game['faults'][1]} | {latency} |"
            )
        lines += [
            """
What the observers saw, of all games together: the fastest joint and mallet, how far the mallet's foot was over or under
the table (median, 99 %, most), the greatest contact.

| arm | samples | limits passed | joints, of their limits | mallet [m/s] | height off [mm] | contact [N] |
| --- | ---: | --- | ---: | ---: | --- | ---: |"""
        ]
        for one in PLAYERS:
            row = seen[one]
            lines.append(
                f"| {one} | {row['samples']} | {'; '.join(row['violations']) or 'none'} "
                f"| {row['joint_speed_share']:.0%} "
                f"| {row['tcp_speed_m_s']:.2f} | {' / '.join(f'{value:.1f}' for value in row['height_mm'])} "
                f"| {row['contact_n']:.1f} |"
            )
    if "transfer" in document:
        part = document["transfer"]
        lines += [
            f"""
## From the planar table to the arm

Matches to {GOALS} goals or five minutes against the {part["opponent"]}; `hockey_duel` plays by its mean. It loses
{100 * part["lost_points"]:.1f} points of its rate of wins.

| mallets | matches | won (95 %) | lost | goals, mean | median length [s] |
| --- | ---: | --- | ---: | --- | ---: |"""
        ]
        for physics, name in (("numpy", "masses on springs (planar)"), ("arms", "held by simulated FR3s")):
            row = part["rows"][physics]
            low, high = row["interval"]
            lines.append(
                f"| {name} | {row['matches']} | {row['share']:.1%} ({low:.1%} to {high:.1%}) "
                f"| {row['lost'] / row['matches']:.1%} | {row['goals'][0]:.1f} to {row['goals'][1]:.1f} "
                f"| {row['median_s']:.0f} |"
            )
    return "\n".join(lines) + "\n"


def plot(document: dict[str, Any], path: Path) -> None:
    """Goals of each game, and the rates of wins."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, (left, right) = pyplot.subplots(1, 2, figsize=(9.0, 3.2), layout="constrained")
    if "games" in document:
        played = document["games"]["games"]
        numbers = [game["game"] for game in played]
        for k, (one, colour) in enumerate((("home", "tab:blue"), ("away", "tab:orange"))):
            left.bar(
                [n + 0.4 * k - 0.2 for n in numbers],
                [game["goals"][k] for game in played],
                0.4,
                label=one,
                color=colour,
            )
        left.set_xlabel("game")
        left.set_ylabel("goals")
        left.legend(frameon=False)
    if "transfer" in document:
        rows = document["transfer"]["rows"]
        for place, row in enumerate((rows["numpy"], rows["arms"])):
            low, high = row["interval"]
            error = [[row["share"] - low], [high - row["share"]]]
            right.errorbar(row["share"], place, xerr=error, fmt="o", color="tab:red")
        right.set_yticks([0, 1], ["planar", "arms"])
        right.set_ylim(-0.6, 1.6)
        right.set_xlabel(f"matches won against the {document['transfer']['opponent']} (95 %)")
        right.grid(axis="x", alpha=0.3)
    figure.savefig(path, dpi=120)
    pyplot.close(figure)


def holds(document: dict[str, Any]) -> bool:
    """Whether every game came to its end without a limit passed, and the arm loses little."""
    good = []
    if "games" in document:
        played, seen = document["games"]["games"], document["games"]["observed"]
        good += [len(played) == GAMES, all(not game["stopped"] for game in played)]
        good += [not seen[one]["violations"] and seen[one]["samples"] > 0 for one in PLAYERS]
    if "transfer" in document:
        good.append(document["transfer"]["lost_points"] <= LOST_AT_MOST)
    return all(good)


def main() -> int:
    parser = argparse.ArgumentParser(description="hockey between two arms")
    parts = {"games": games, "transfer": transfer}
    parser.add_argument("--only", nargs="+", choices=tuple(parts), default=list(parts), help="parts (default: all)")
    add_arguments(parser, RESULTS)
    arguments = parser.parse_args()

    def work() -> int:
        origin = provenance(["python", "benchmarks/hockey_arms.py", *sys.argv[1:]])
        kept = json.loads(arguments.json.read_text(encoding="utf-8")) if arguments.json.is_file() else {}
        kept = {part: kept[part] for part in parts if part in kept}
        document = {**origin, **kept, **{part: parts[part]() for part in arguments.only}}
        write_results(arguments.json, document, page(document), functools.partial(plot, document))
        return 0 if holds(document) else 1

    return exit_status(parser, work)


if __name__ == "__main__":
    sys.exit(main())
