"""Hockey between two arms: games through the ROS 2 graph, observed, and what a skill loses on its way to the arm.

    python benchmarks/hockey_arms.py                    # two hours and a half on an idle machine
    python benchmarks/hockey_arms.py --only games       # interrupt it as you like: what was played is kept

`games` plays in real time with `maxent-robot demo hockey` while two independent observers (`attack/truth_recorder.py`)
write down the true joints, contacts and commands, which are then held against the limits. `transfer` has the
skills play on the planar table that they were trained on and on one whose mallets are held by simulated FR3s. Results:
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
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from attack.truth import Bounds, Truth, load_truth
from command_line import exit_status
from hockey_transfer import GOALS, MATCH_S, PHYSICS, RALLIES, ROWS, SEED, transfer, transferred
from pages import add_arguments, write_results
from provenance import ROOT, provenance

from maxent_robot.config import to_mapping
from maxent_robot.control.robot import load_robot
from maxent_robot.cores import usable_cores
from maxent_robot.learning.run_directory import write_json
from maxent_robot.safety.limits import load_limits
from maxent_robot.trials.game import PLAYERS
from maxent_robot.trials.plain import without_nan
from sim.hockey.arm_driver import build_model

RESULTS = ROOT / "benchmarks" / "results" / "hockey_arms.json"
RECORDER = ROOT / "benchmarks" / "attack" / "truth_recorder.py"
GAMES = 10
TIME_LIMIT_S = 7200
"""Of a game; longer than any was, so that each is decided by goals."""
LOST_AT_MOST = 0.10
PARTS = ("games", "transfer")
KEPT = ("origins", *PARTS, "transfer_parts")
DOMAIN_ID = 77


def games(count: int, played: Sequence[dict[str, Any]], keep: Callable[[list[dict[str, Any]]], None]) -> None:
    """Games of `hockey_duel` against `hockey_defend`, seen by the observers, until there are `count`.

    Args:
        played: those that there are already.
        keep: takes all of them after each one.
    """
    done = list(played)
    for number in range(len(done) + 1, count + 1):
        done.append(_game(number))
        keep(done)


def _game(number: int) -> dict[str, Any]:
    """One game, with what the observers saw of it."""
    with tempfile.TemporaryDirectory() as scratch, contextlib.ExitStack() as stack:
        place = Path(scratch)
        environment = {
            **os.environ,
            "ROS_DOMAIN_ID": str(DOMAIN_ID),
            "ROS_AUTOMATIC_DISCOVERY_RANGE": "LOCALHOST",
            "OMP_NUM_THREADS": "1",
        }
        observers = [
            subprocess.Popen(
                ["nice", sys.executable, str(RECORDER), str(place / f"{one}.npz"), one], env=environment
            )  # whoever looks on waits for those who play
            for one in PLAYERS
        ]
        stack.callback(_end, observers)
        words = ["--goals", str(GOALS), "--time-limit", str(TIME_LIMIT_S), "--seed", str(SEED + number)]
        words += ["--domain-id", str(DOMAIN_ID), "--output", str(place / "report")]
        words += ["--json", str(place / "games.json")]
        subprocess.run(
            [sys.executable, "-m", "maxent_robot.cli.main", "demo", "hockey", *words],
            env={**environment, "PYTHONPATH": str(ROOT)},
            check=False,  # a game that was stopped has its line in the file too
        )
        _end(observers)
        (game,) = without_nan(json.loads((place / "games.json").read_text(encoding="utf-8")))["games"]
        seen = {one: _judged(_truth(place, one)) for one in PLAYERS}
    del game["events"]
    return {**game, "game": number, "observed": seen}


def _end(processes: Sequence[subprocess.Popen[bytes]]) -> None:
    for process in processes:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
    for process in processes:
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(60.0)
        process.kill()
        process.wait()


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


def page(document: dict[str, Any]) -> str:
    """The figures as a page of Markdown."""
    lines = ["# Hockey between two arms", "", "Written by `python benchmarks/hockey_arms.py`."]
    if "games" in document:
        played = document["games"]
        ended = sum(not game["stopped"] for game in played)
        lines += [
            f"""
## Games in real time

`maxent-robot demo hockey`: `hockey_duel` at home, `hockey_defend` away, both drawing their actions. {ended} of
{len(played)} games to {GOALS} goals came to their end.

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
What the observers saw: the fastest joint and mallet, how far the mallet's foot was over or under the table (median and
99 %, each the largest of a game, and the most), the greatest contact.

| arm | samples | limits passed | joints, of their limits | mallet [m/s] | height off [mm] | contact [N] |
| --- | ---: | --- | ---: | ---: | --- | ---: |"""
        ]
        for one in PLAYERS:
            rows = [game["observed"][one] for game in played]
            passed = sorted({violation for row in rows for violation in row["violations"]})
            height = np.max([row["height_mm"] for row in rows], axis=0)
            fastest, speed, contact = (
                max(row[key] for row in rows) for key in ("joint_speed_share", "tcp_speed_m_s", "contact_n")
            )
            lines.append(
                f"| {one} | {sum(row['samples'] for row in rows)} | {'; '.join(passed) or 'none'} | {fastest:.0%} "
                f"| {speed:.2f} | {' / '.join(f'{value:.1f}' for value in height)} | {contact:.1f} |"
            )
    if "transfer" in document:
        part = document["transfer"]
        lines += [
            f"""
## From the planar table to the arm

The skills by their mean, on the table that they were trained on, whose mallets are masses on springs, and on one whose
mallets are held by simulated FR3s. `defend` and `hit`: {RALLIES} rallies, the same on both. `duel`: matches to {GOALS}
goals or {MATCH_S / 60:.0f} minutes.

| task | n | planar (95 %) | arms (95 %) | points lost |
| --- | ---: | --- | --- | ---: |"""
        ]
        for task in ROWS:
            shares = []
            for physics in PHYSICS:
                row = part["rows"][f"{task}, {physics}"]
                low, high = row["interval"]
                goals = " (goals {:.1f} to {:.1f})".format(*row["goals"]) if "goals" in row else ""
                shares.append(f"{row['share']:.1%} ({low:.1%} to {high:.1%}){goals}")
            lines.append(f"| {task} | {row['n']} | {' | '.join(shares)} | {100 * part['lost_points'][task]:.1f} |")
    return "\n".join(lines) + "\n"


def plot(document: dict[str, Any], path: Path) -> None:
    """Goals of each game, and the rates of wins."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, (left, right) = pyplot.subplots(1, 2, figsize=(9.0, 3.2), layout="constrained")
    if "games" in document:
        played = document["games"]
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
        left.set_ylim(0.0, 1.25 * GOALS)
        left.legend(frameon=False, ncols=2, loc="upper center")
    if "transfer" in document:
        for place, task in enumerate(ROWS):
            for shift, physics, colour in ((-0.12, "numpy", "tab:gray"), (0.12, "arms", "tab:red")):
                row = document["transfer"]["rows"][f"{task}, {physics}"]
                low, high = row["interval"]
                error = [[row["share"] - low], [high - row["share"]]]
                name = {"numpy": "planar"}.get(physics, physics) if not place else None
                right.errorbar(row["share"], place + shift, xerr=error, fmt="o", color=colour, label=name)
        right.set_yticks(range(len(ROWS)), ROWS)
        right.set_xlabel("saved, scored, won (95 %)")
        right.invert_yaxis()
        right.legend(frameon=False, loc="lower left")
        right.grid(axis="x", alpha=0.3)
    figure.savefig(path, dpi=120)
    pyplot.close(figure)


def holds(document: dict[str, Any]) -> bool:
    """Whether every game came to its end without a limit passed, and the arm loses little."""
    good = []
    if "games" in document:
        played = document["games"]
        good += [len(played) >= GAMES, all(not game["stopped"] for game in played)]
        seen = [game["observed"][one] for game in played for one in PLAYERS]
        good += [not row["violations"] and row["samples"] > 0 for row in seen]
    if "transfer" in document:
        good += [lost <= LOST_AT_MOST for lost in document["transfer"]["lost_points"].values()]
    return all(good)


def main() -> int:
    parser = argparse.ArgumentParser(description="hockey between two arms")
    parser.add_argument(
        "--games",
        type=int,
        default=GAMES,
        help="in real time, those that there are already among them (default: %(default)s)",
    )
    parser.add_argument(
        "--jobs", type=int, default=usable_cores(), help="processes of the transfer (default: %(default)s)"
    )
    parser.add_argument("--only", nargs="+", choices=PARTS, default=list(PARTS), help="parts (default: all)")
    add_arguments(parser, RESULTS)
    arguments = parser.parse_args()

    def work() -> int:
        origin = provenance(["python", "benchmarks/hockey_arms.py", *sys.argv[1:]])
        kept = json.loads(arguments.json.read_text(encoding="utf-8")) if arguments.json.is_file() else {}
        document = {part: kept[part] for part in KEPT if part in kept}
        document["origins"] = {**document.get("origins", {}), **dict.fromkeys(arguments.only, origin)}

        def keep(part: str, found: Any) -> None:
            document[part] = found
            write_json(arguments.json, document)

        if "games" in arguments.only:
            games(arguments.games, document.get("games", []), functools.partial(keep, "games"))
        if "transfer" in arguments.only:
            transfer(document.get("transfer_parts", {}), functools.partial(keep, "transfer_parts"), arguments.jobs)
            document["transfer"] = transferred(document["transfer_parts"])
        write_results(arguments.json, document, page(document), functools.partial(plot, document))
        return 0 if holds(document) else 1

    return exit_status(parser, work)


if __name__ == "__main__":
    sys.exit(main())
