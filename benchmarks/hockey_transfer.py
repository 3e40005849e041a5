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
RALLIES, MATCH_S = 300, 1800.0
MATCHES = {"striker": 200, "predictor": 50, "keeper": 50, "blocker": 50}
"""Of `hockey_duel` against each player written by hand; the striker is the one that is not beaten every time."""
AT_ONCE = 50
"""Matches that one process plays together."""
RALLY_TASKS, PHYSICS = ("defend", "hit"), ("numpy", "arms")
DUELS = {f"duel against {opponent}": opponent for opponent in MATCHES}
ROWS = (*RALLY_TASKS, *DUELS)


def transfer(parts: Mapping[str, dict[str, Any]], keep: Callable[[dict[str, Any]], None], jobs: int) -> None:
    """Shots saved and pucks struck home, and matches against each scripted player, on the planar table and on arms.

    Args:
        parts: those that there are already, by name.
        keep: takes all of them after each one.
        jobs: processes at the same time.
    """
    done = dict(parts)
    chunks = dict.fromkeys(RALLY_TASKS, 1) | {row: MATCHES[opponent] // AT_ONCE for row, opponent in DUELS.items()}
    wanted = {
        f"{row}, {physics}, {chunk}": (row, physics, chunk)
        for row in ROWS
        for physics in PHYSICS
        for chunk in range(chunks[row])
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


def _part(row: str, physics: str, chunk: int) -> dict[str, Any]:
    """Some rallies or matches: how many, how many of them well ended, and goals for and against."""
    seed = SEED + 2 * chunk
    if row in RALLY_TASKS:
        config = HockeyConfig(task=row, opponents=("none",), time_limit_s=USUAL_S[row], physics=physics)
        good = run_rallies(config, player(f"hockey_{row}", RALLIES, seed), RALLIES, seed).success
        return {"n": RALLIES, "good": int(good.sum())}
    table = play_matches(
        HockeyConfig(task="duel", physics=physics),
        player("hockey_duel", AT_ONCE, seed),
        player(DUELS[row], AT_ONCE, seed + 1),
        AT_ONCE,
        seed,
        goals_to_win=GOALS,
        time_limit_s=MATCH_S,
    )
    return {
        "n": AT_ONCE,
        "good": int(table.won.sum()),
        "goals": table.goals.sum(axis=0).tolist(),
        "time_s": table.time_s.tolist(),
    }


def transferred(parts: Mapping[str, dict[str, Any]]) -> dict[str, Any]:
    """The parts of a row and a table together, and what arms lose."""
    rows = {}
    for row in ROWS:
        for physics in PHYSICS:
            name = f"{row}, {physics}"
            of_it = [part for key, part in parts.items() if key.startswith(f"{name}, ")]
            n, good = (sum(part[key] for part in of_it) for key in ("n", "good"))
            rows[name] = {"n": n, "share": good / n, "interval": list(wilson_interval(good, n))}
            if row in DUELS:
                rows[name]["goals"] = (np.sum([part["goals"] for part in of_it], axis=0) / n).tolist()
                rows[name]["median_s"] = float(np.median(np.concatenate([part["time_s"] for part in of_it])))
    lost = {row: rows[f"{row}, numpy"]["share"] - rows[f"{row}, arms"]["share"] for row in ROWS}
    return {"rows": rows, "lost_points": lost}
