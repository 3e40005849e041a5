"""The report of hockey games: one self-contained HTML page, with the score over time and where the puck went."""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from maxent_robot.trials.game import PLAYERS, GameResult

REPORT_FILE, TRACE_FILE = "report.html", "traces.npz"
_COLOURS = {"home": "#1f5fa8", "away": "#c77700"}
_HALF_LENGTH_M, _HALF_WIDTH_M, _HALF_GOAL_M = 0.974, 0.519, 0.125
"""Of the table of the Robot Air Hockey Challenge, which these games are played on."""

_MOST_DRAWN = 12

_TEMPLATE = """<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>{{ title }}</title><style>
body { font: 15px/1.5 system-ui, sans-serif; color: #1d2733; max-width: 62rem; margin: 2rem auto; padding: 0 1rem }
table { border-collapse: collapse; margin: 1rem 0 } td, th { padding: .25rem .7rem; text-align: right }
th { border-bottom: 1px solid #9aa5b1; font-weight: 600 } td:first-child, th:first-child { text-align: left }
tr.stopped td { color: #b3261e } img { max-width: 100% } .note { color: #52606d }
</style></head><body>
<h1>{{ title }}</h1>
<p class="note">Air hockey between two simulated arms in real time, each behind its own supervisor, which is not
safety-rated.
{% for key, value in setting.items() %}{{ key }}: {{ value }}{{ ", " if not loop.last else "." }}{% endfor %}</p>
<table><tr><th>game</th><th>home : away</th><th>end</th><th>rallies</th><th>time of play</th><th>faults</th>
<th>top speed of the mallets</th><th>latency p50 / p95</th><th>interventions</th></tr>
{% for row in rows %}<tr{% if row.stopped %} class="stopped"{% endif %}><td>{{ row.game }}</td><td>{{ row.score }}</td>
<td>{{ row.end }}</td><td>{{ row.rallies }}</td><td>{{ row.time }}</td><td>{{ row.faults }}</td><td>{{ row.speed }}</td>
<td>{{ row.latency }}</td><td>{{ row.interventions }}</td></tr>
{% endfor %}</table>
<p class="note">Latency: from the joint state that an action was made of to the action. Interventions: how often the
supervisors changed what was asked, home / away. Below: the ways of the puck (grey) and of the mallets, blue at home and
orange away.</p>
<img alt="score over time, and where the puck went" src="data:image/png;base64,{{ picture }}">
</body></html>
"""


def write_game_report(directory: Path, games: Sequence[GameResult], setting: Mapping[str, str]) -> Path:
    """Write `report.html` and `traces.npz`; the page's path.

    Args:
        directory: for them.
        games: at least one.
        setting: who played how.
    """
    import jinja2

    traces: dict[str, Any] = {f"game_{game.game}": game.trace for game in games}
    np.savez_compressed(directory / TRACE_FILE, **traces)
    environment = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined)
    page = environment.from_string(_TEMPLATE).render(
        title=_title(games),
        setting=setting,
        rows=[_row(game) for game in games],
        picture=base64.b64encode(_picture(games)).decode("ascii"),
    )
    target = directory / REPORT_FILE
    target.write_text(page, encoding="utf-8")
    return target


def _title(games: Sequence[GameResult]) -> str:
    if len(games) == 1:
        home, away = games[0].goals
        return f"Home {home} : {away} away"
    wins = [sum(game.winner == player for game in games) for player in PLAYERS]
    return f"{len(games)} games, {wins[0]} won by home, {wins[1]} by away"


def _row(game: GameResult) -> dict[str, object]:
    kinds = sorted({kind for one in PLAYERS for kind, count in game.interventions[one].items() if count})
    return {
        "game": game.game,
        "score": f"{game.goals[0]} : {game.goals[1]}",
        "end": f"stopped, {game.stopped}" if game.stopped else game.winner,
        "stopped": bool(game.stopped),
        "rallies": game.rallies,
        "time": f"{game.time_s:.0f} s",
        "faults": f"{game.faults[0]} : {game.faults[1]}",
        "speed": " / ".join(f"{game.top_speed_m_s(one):.2f}" for one in PLAYERS) + " m/s",
        "latency": ", ".join("{:.0f} / {:.0f}".format(*game.latency_ms[one]) for one in PLAYERS) + " ms",
        "interventions": ", ".join(
            f"{kind} {game.interventions['home'].get(kind, 0)} / {game.interventions['away'].get(kind, 0)}"
            for kind in kinds
        ),
    }


def _picture(games: Sequence[GameResult]) -> bytes:
    """Score over time, and a table a game (the first ones) with the ways of puck and mallets, as PNG."""
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator

    drawn = games[:_MOST_DRAWN]
    columns = min(3, len(drawn))
    rows = -(-len(drawn) // columns)
    figure = Figure(figsize=(10.0, 3.0 + 2.1 * rows), layout="constrained", dpi=110)
    grid = figure.add_gridspec(rows + 1, columns, height_ratios=[1.3] + [1.0] * rows)
    scores = figure.add_subplot(grid[0, :])
    for game in games:
        times = np.array([0.0, *(event.time_s for event in game.events), game.time_s])
        difference = [0, *(int(event.score.split(":")[0]) - int(event.score.split(":")[1]) for event in game.events)]
        scores.step(times, [*difference, difference[-1]], where="post", linewidth=1.2, label=f"game {game.game}")
    scores.axhline(0.0, color="#9aa5b1", linewidth=0.8)
    scores.set_xlabel("time of play, s")
    scores.set_ylabel("goals ahead, home")
    low, high = scores.get_ylim()
    scores.set_ylim(min(low, -1.2), max(high, 1.2))
    scores.yaxis.set_major_locator(MaxNLocator(integer=True))
    if len(games) <= _MOST_DRAWN:
        scores.legend(fontsize=7, ncols=4, frameon=False)
    for number, game in enumerate(drawn):
        axes = figure.add_subplot(grid[1 + number // columns, number % columns])
        trace = game.trace
        x, y = np.array([-1, 1, 1, -1, -1]) * _HALF_LENGTH_M, np.array([-1, -1, 1, 1, -1]) * _HALF_WIDTH_M
        axes.plot(x, y, color="#52606d", linewidth=1.0)
        for side in (-1, 1):
            axes.plot([side * _HALF_LENGTH_M] * 2, [-_HALF_GOAL_M, _HALF_GOAL_M], color="#b3261e", linewidth=3.0)
        if len(trace):
            jumps = np.linalg.norm(np.diff(trace[:, 1:3], axis=0), axis=1) > 0.2
            puck = trace[:, 1:3].copy()
            puck[1:][jumps] = np.nan
            axes.plot(puck[:, 0], puck[:, 1], color="#3e4c59", linewidth=0.4, alpha=0.6)
            for place, one in ((3, "home"), (5, "away")):
                axes.plot(trace[:, place], trace[:, place + 1], color=_COLOURS[one], linewidth=0.5, alpha=0.7)
        axes.set_aspect("equal")
        axes.set_axis_off()
        axes.set_title(f"game {game.game}, {game.goals[0]} : {game.goals[1]}", fontsize=8)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png")
    return buffer.getvalue()
