"""`maxent-robot demo hockey`: games of air hockey between two simulated arms, in real time, through the ROS 2 graph.

Each arm has its own supervisor and policy node; a table node moves the puck, a referee keeps the score. With an error,
the finished games are still reported.
"""

from __future__ import annotations

import argparse
import contextlib
import json
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from maxent_robot.cli.rehearsal import Interruption, StatusLine, output_directory, rehearsal
from maxent_robot.errors import ConfigError, MaxentRobotError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from maxent_robot.bringup import NodeProcess
    from maxent_robot.trials.game import GameResult

ROBOT = "sim_hockey"
FLAGS = ("home", "away", "games", "goals", "time_limit")
"""Those that mean nothing for insertions."""


def add_arguments(group: argparse._ArgumentGroup) -> None:
    """Declare what `maxent-robot demo hockey` takes beside --mode, --seed, --output, --json and --domain-id."""
    for player in ("home", "away"):
        group.add_argument(
            f"--{player}", default="", metavar="SKILL", help=f"who plays {player} (default: the graph's)"
        )
    group.add_argument("--games", type=int, default=1, help="how many (default: %(default)s)")
    group.add_argument("--goals", type=int, default=5, help="that win a game (default: %(default)s)")
    group.add_argument("--time-limit", type=float, default=900.0, metavar="SECONDS", help="of a game (default: 900)")


def run(arguments: argparse.Namespace) -> int:
    """Play the games and write the report.

    Raises:
        MaxentRobotError: a mistake in the arguments, or a node that did not come up, did not answer or died.
    """
    import jinja2  # noqa: F401  what the end needs is asked for at the beginning
    import matplotlib  # noqa: F401
    import mujoco  # noqa: F401
    import rclpy  # noqa: F401

    from maxent_robot.trials.game import PLAYERS
    from maxent_robot.trials.game_report import write_game_report
    from maxent_robot.trials.plain import without_nan

    graph = _graph(arguments)
    if arguments.json is not None and not arguments.json.absolute().parent.is_dir():
        raise ConfigError(f"--json: no directory '{arguments.json.parent}'")
    directory = output_directory(arguments.output)
    games: list[GameResult] = []
    problem: BaseException | None = None
    try:
        with Interruption() as interruption:
            _play(arguments, graph, directory, games, interruption)
    except (MaxentRobotError, KeyboardInterrupt) as error:
        problem = error
    if games:
        setting = {
            "home": arguments.home,
            "away": arguments.away,
            "mode": arguments.mode or "the graph's",
            "goals to win": str(arguments.goals),
            "time limit": f"{arguments.time_limit:g} s",
            "seed": str(arguments.seed),
        }
        report = write_game_report(directory, games, setting)
        ended = [game for game in games if not game.stopped]
        wins = [sum(game.winner == player for game in ended) for player in PLAYERS]
        print(
            f"{len(ended)} of {len(games)} games played to their end; won by home {wins[0]}, by away {wins[1]}\n"
            f"report: {report}",
            flush=True,
        )
        if arguments.json is not None:
            figures = {"games": [game.figures() for game in games], "setting": setting}
            text = json.dumps(without_nan(figures), indent=2, allow_nan=False)
            arguments.json.write_text(text + "\n", encoding="utf-8")
    if problem is not None:
        raise problem
    return 0 if all(not game.stopped for game in games) else 1


def _graph(arguments: argparse.Namespace) -> tuple[NodeProcess, ...]:
    """The processes of the graph.

    Raises:
        ConfigError: a number is out of range, or a skill does not play hockey.
        BundleError: a skill does not verify.
    """
    from maxent_robot.bringup import load_graph, processes
    from maxent_robot.bringup.graph import parameters_of
    from maxent_robot.inference.temperature import HISTORY_FREE_MODES
    from maxent_robot.paths import find_skill
    from maxent_robot.skill.bundle import load_bundle
    from maxent_robot.trials.game import PLAYERS

    if arguments.mode not in (None, *HISTORY_FREE_MODES):
        raise ConfigError(f"--mode {arguments.mode} is for insertions; in hockey: {', '.join(HISTORY_FREE_MODES)}")
    if arguments.games < 1:
        raise ConfigError(f"--games is {arguments.games}, must be at least 1")
    if not 1 <= arguments.goals <= 100:
        raise ConfigError(f"--goals is {arguments.goals}, must be 1 to 100")
    if not 10.0 <= arguments.time_limit <= 7200.0:
        raise ConfigError(f"--time-limit is {arguments.time_limit:g} s, must be 10 to 7200")
    overrides: dict[str, dict[str, bool | int | float | str | list[float]]] = {
        "hockey_table": {"seed": arguments.seed},
        "hockey_referee": {
            "seed": arguments.seed,
            "goals_to_win": arguments.goals,
            "time_limit_s": arguments.time_limit,
        },
    }
    graph = load_graph("hockey")
    for k, player in enumerate(PLAYERS):
        skill = getattr(arguments, player) or str(parameters_of(graph, f"{player}/policy")["skill"])
        setattr(arguments, player, skill)
        path = find_skill(skill)
        if load_bundle(path).manifest.layout.inserts:
            raise ConfigError(f"--{player}: skill '{skill}' inserts, must be one that plays hockey")
        overrides[f"{player}/policy"] = {"skill": str(path), "seed": 2 * arguments.seed + k}
        overrides[f"{player}/supervisor"] = {"skill": str(path)}
        if arguments.mode:
            overrides[f"{player}/policy"]["mode"] = arguments.mode
    return processes(graph, ROBOT, overrides)


def _play(
    arguments: argparse.Namespace,
    graph: Sequence[NodeProcess],
    directory: Path,
    games: list[GameResult],
    interruption: Interruption,
) -> None:
    """Bring the graph up, play, and end every process, whatever happens."""
    from maxent_robot.nodes.hockey_game import HockeyGameNode

    names = [process.name for process in graph]
    with rehearsal(graph, names, directory, arguments.domain_id, interruption) as running:
        node = HockeyGameNode(running.context, running.alive)
        with contextlib.closing(node):
            for number in range(1, arguments.games + 1):
                status = StatusLine()
                head = f"{number:>3}/{arguments.games}"
                game = node.play(number, partial(_show, status, head))
                status.clear()
                games.append(game)
                print(_line(game, arguments.games, arguments.goals), flush=True)


def _show(status: StatusLine, head: str, time_s: float, score: str) -> None:
    status.show(f"{head}  {time_s:6.1f} s   {score}")


def _line(game: GameResult, total: int, goals_to_win: int) -> str:
    how = f"stopped, {game.stopped}" if game.stopped else f"won by {game.winner}" if game.winner != "draw" else "a draw"
    if not game.stopped and max(game.goals) < goals_to_win:
        how += " when time was up"
    return (
        f"{game.game:>3}/{total}  {game.goals[0]}:{game.goals[1]}  {how:<14}  {game.rallies:>3} rallies  "
        f"{game.time_s:6.1f} s   faults {game.faults[0]}:{game.faults[1]}"
    )
