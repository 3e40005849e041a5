"""Checks a campaign, and carries it out by an executor: one line a run, and a bar over all of them."""

from __future__ import annotations

import json
import signal
from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, Future, wait
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from tqdm import tqdm

from maxent_robot.config import to_mapping
from maxent_robot.errors import ConfigError
from maxent_robot.learning import tasks
from maxent_robot.learning.algorithms import check_algorithm
from maxent_robot.learning.campaigns.campaign import Campaign, CampaignRun, campaign_runs
from maxent_robot.learning.campaigns.executors import POLL_S, Executor, ExecutorError
from maxent_robot.learning.config import TrainConfig
from maxent_robot.learning.evaluation import describe_evaluation
from maxent_robot.learning.run_directory import train_config
from maxent_robot.learning.run_files import RESULT_FILE

_STOPPED = (None, 130, -signal.SIGTERM)
"""How a run ends that was asked to stop: not started, with a checkpoint, or before it could write one."""


@dataclass(frozen=True)
class CampaignOutcome:
    """How many runs of a campaign have ended (in all), failed (this time) and are left."""

    ended: int
    failed: int
    left: int


def check_campaign(campaign: Campaign, directory: Path) -> None:
    """Check every run of a campaign as far as that is cheap: its settings, its environments, its algorithm.

    Raises:
        ConfigError: a setting is not allowed, there is no such environment, the algorithm is for other actions, or two
            variants come to the same settings.
    """
    seen: dict[str, CampaignRun] = {}
    checked: set[str] = set()
    for run in campaign_runs(campaign, directory):
        config = train_config(campaign.name, run.assignments)
        settings = to_mapping(config)
        same = seen.setdefault(json.dumps(settings), run)
        if same is not run:
            raise ConfigError(f"{same} and {run} come to the same settings")
        environments = json.dumps([settings["environment"], settings["evaluation_environment"], config.task])
        if environments + config.learner.algorithm not in checked:
            _check_environments(config, campaign.name)
            checked.add(environments + config.learner.algorithm)


def _check_environments(config: TrainConfig, name: str) -> None:
    for place in ("environment", "evaluation_environment"):
        training, settings = place == "environment", getattr(config, place)
        made = tasks.make_environment(config.task, settings, 1, f"{name}: {place}", training=training)
        with closing(made) as environment:
            check_algorithm(config.learner, environment.spaces)


def carry_out(
    campaign: Campaign, directory: Path, executor: Executor, stopped: Callable[[], bool], quiet: bool = False
) -> CampaignOutcome:
    """Start or resume every run that has not come to its end, and wait for all of them.

    Args:
        stopped: asked a few times a second; when true, no more runs start and those that run stop with a checkpoint.
        quiet: draw no progress bar.
    """
    runs = campaign_runs(campaign, directory)
    waiting: dict[Future[int | None], CampaignRun] = {}
    failed, stopping = 0, False
    for run in runs:
        if not run.finished:
            waiting[executor.submit(_words(campaign, run), run.log)] = run
    with tqdm(total=len(runs), initial=len(runs) - len(waiting), unit="run", disable=quiet, dynamic_ncols=True) as bar:
        while waiting:
            done, _ = wait(waiting, timeout=POLL_S, return_when=FIRST_COMPLETED)
            if stopped() and not stopping:
                stopping = True
                bar.write("stopping: each run writes its checkpoint; a second Ctrl-C ends them at once")
                executor.stop()
            for future in done:
                run = waiting.pop(future)
                if run.finished:
                    bar.write(f"{run}: {_last_evaluation(run)}")
                    bar.update()
                elif not (stopping and future.exception() is None and future.result() in _STOPPED):
                    failed += 1
                    bar.write(_describe_failure(run, future))
    ended = sum(run.finished for run in runs)
    return CampaignOutcome(ended, failed, len(runs) - ended)


def _words(campaign: Campaign, run: CampaignRun) -> list[str]:
    """The words after `maxent-robot` that start or resume a run."""
    if run.begun:
        return ["train", campaign.name, "--resume", str(run.directory.absolute()), "--quiet"]
    settings = [word for assignment in run.assignments for word in ("--set", assignment)]
    return ["train", campaign.name, *settings, "--output", str(run.directory.absolute()), "--quiet"]


def _last_evaluation(run: CampaignRun) -> str:
    result = json.loads((run.directory / RESULT_FILE).read_text(encoding="utf-8"))
    last = result["evaluations"][-1]
    return f"{describe_evaluation(last)} after {last['step']} steps, {last['training_s'] / 60:.1f} min of training"


def _describe_failure(run: CampaignRun, future: Future[int | None]) -> str:
    try:
        status = future.result()
    except ExecutorError as error:
        return f"{run} failed: {error}; its log is {run.log}"
    assert status is not None, "a run is left out only when stopping"
    how = f"killed by {signal.Signals(-status).name}" if status < 0 else f"exit status {status}"
    lines = run.log.read_text(encoding="utf-8", errors="replace").split("\n")
    said = next((line.strip() for line in reversed(lines) if line.strip()), "nothing")
    return f"{run} failed, {how}; it said last: {said}; its log is {run.log}"
