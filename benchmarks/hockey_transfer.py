"""What a hockey skill loses between the planar table and one whose mallets are held by simulated FR3s.

`hockey_arms.py` runs it, part by part, and keeps each.
"""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from hockey_skills import player
from tqdm import tqdm

from maxent_robot.trials.statistics import wilson_interval
from sim.hockey.config import HockeyConfig
from sim.hockey.evaluation import run_rallies
from sim.hockey.match import play_matches
from sim.hockey.task import USUAL_S

GOALS, SEED = 5, 11
RALLIES, MATCHES, MATCH_S, OPPONENT = 300, 200, 300.0, "striker"
TASKS, PHYSICS = ("defend", "hit", "duel"), ("numpy", "arms")
CHUNKS = 8
"""Of the matches, played by processes of their own."""


def transfer(parts: Mapping[str, dict[str, Any]], keep: Callable[[dict[str, Any]], None], jobs: int) -> None:
    """Shots saved and pucks struck home, and matches against the striker, on the planar table and on arms.

    Args:
        parts: those that there are already, by name.
        keep: takes all of them after each one.
        jobs: processes at the same time.
    """
    done = dict(parts)
    wanted = {
        f"{task}, {physics}, {chunk}": (task, physics, chunk)
        for task in TASKS
        for physics in PHYSICS
        for chunk in range(CHUNKS if task == "duel" else 1)
    }
    missing = {name: arguments for name, arguments in wanted.items() if name not in done}
    bar = tqdm(total=len(wanted), initial=len(wanted) - len(missing), desc="transfer", unit="part", disable=None)
    with bar, multiprocessing.get_context("spawn").Pool(jobs) as pool:
        for name, part in pool.imap_unordered(_named_part, missing.items()):
            done[name] = part
            keep(done)
            bar.update()


def _named_part(item: tuple[str, tuple[str, str, int]]) -> tuple[str, dict[str, Any]]:
    name, arguments = item
    return name, _part(*arguments)


def _part(task: str, physics: str, chunk: int) -> dict[str, Any]:
    """Some rallies or matches: how many, how many of them well ended, and goals for and against."""
    seed = SEED + 2 * chunk
    if task != "duel":
        config = HockeyConfig(task=task, opponents=("none",), time_limit_s=USUAL_S[task], physics=physics)
        good = run_rallies(config, player(f"hockey_{task}", RALLIES, seed), RALLIES, seed).success
        return {"n": RALLIES, "good": int(good.sum())}
    matches = MATCHES // CHUNKS
    home, away = player("hockey_duel", matches, seed), player(OPPONENT, matches, seed + 1)
    table = play_matches(
        HockeyConfig(task=task, physics=physics), home, away, matches, seed, goals_to_win=GOALS, time_limit_s=MATCH_S
    )
    return {"n": matches, "good": int(table.won.sum()), "goals": table.goals.sum(axis=0).tolist()}


def transferred(parts: Mapping[str, dict[str, Any]]) -> dict[str, Any]:
    """The parts of a task and a table together, and what arms lose."""
    rows = {}
    for task in TASKS:
        for physics in PHYSICS:
            name = f"{task}, {physics}"
            of_it = [part for key, part in parts.items() if key.startswith(f"{name}, ")]
            n, good = (sum(part[key] for part in of_it) for key in ("n", "good"))
            rows[name] = {"n": n, "share": good / n, "interval": list(wilson_interval(good, n))}
            if task == "duel":
                rows[name]["goals"] = (np.sum([part["goals"] for part in of_it], axis=0) / n).tolist()
    lost = {task: rows[f"{task}, numpy"]["share"] - rows[f"{task}, arms"]["share"] for task in TASKS}
    return {"rows": rows, "lost_points": lost}
