"""The contenders of the benchmarks: how each is started, and what its figures mean.

All of them end in one form (see `figures_of`): evaluations whose times leave the evaluations out, and the pace of the
environment steps that come with an update. How maxent_robot is called stands here and nowhere else.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from datetime import datetime, timezone
from importlib.metadata import version
from pathlib import Path
from types import TracebackType
from typing import Any

from provenance import ROOT, provenance

from maxent_robot.errors import MaxentRobotError
from maxent_robot.learning.run_files import CONFIG_FILE
from maxent_robot.yaml_file import read_yaml

sys.path.insert(0, str(Path(__file__).resolve().parent / "peers"))

from environment import PEER_PYTHON, peer_python

CONTENDERS = (
    "stable_baselines3",
    "maxent_robot",
    "maxent_robot_crossq",
    "maxent_robot_half",
    "maxent_robot_crossq_half",
    "cleanrl",
)
PEER_SCRIPTS = {"stable_baselines3": "stable_baselines3_sac.py", "cleanrl": "cleanrl_sac.py"}
THREAD_VARIABLES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMEXPR_NUM_THREADS")
LOG_FILE, RESULT_FILE, RUN_DIRECTORY = "log.txt", "result.json", "run"

LEARNING_STARTS = 100  # the default of Stable-Baselines3
EVALUATION_INTERVAL, EVALUATION_EPISODES = 5000, 10

# The algorithm and the settings of Stable-Baselines3, each of them named, so that no default of ours creeps in.
EQUAL_SETTINGS = {
    "learner.hidden_sizes": "[256,256]",
    "learner.critic_heads": "2",
    "learner.layer_norm": "false",
    "learner.normalise_observation": "false",
    "learner.batch_size": "256",
    "learner.discount": "0.99",
    "learner.n_step": "1",
    "learner.replay_capacity": "1000000",
    "learner.actor_learning_rate": "0.0003",
    "learner.critic_learning_rate": "0.0003",
    "learner.temperature_learning_rate": "0.0003",
    "learner.target_rate": "0.005",
    "learner.actor_average_rate": "1.0",
    "learner.automatic_temperature": "true",
    "learner.initial_temperature": "1.0",
    "learner.target_entropy_per_action": "-1.0",
    # Theirs is clipped to -20 .. 2 and begins near 0; ours is bounded smoothly, so the bounds are nearer.
    "learner.log_std_minimum": "-5.0",
    "learner.log_std_maximum": "2.0",
    "learner.log_std_initial": "0.0",
    "trainer.num_envs": "1",
    "trainer.update_ratio": "1.0",
    "trainer.warmup_steps": str(LEARNING_STARTS),
}
# The entropy sought is -n/2 for n actions in place of -n, after more random steps: what jaxrl's SAC does.
HALF_ENTROPY = {"learner.target_entropy_per_action": "-0.5"}
RANDOM_STEPS = {"trainer.warmup_steps": "10000"}
# Our contenders: the algorithm, and what is set beside what the package ships for it.
OURS: dict[str, tuple[str, dict[str, str]]] = {
    "maxent_robot": ("sac", EQUAL_SETTINGS),
    "maxent_robot_crossq": ("crossq", {}),
    "maxent_robot_half": ("sac", {**EQUAL_SETTINGS, **HALF_ENTROPY, **RANDOM_STEPS}),
    "maxent_robot_crossq_half": ("crossq", HALF_ENTROPY),
}
VERSIONS = ("maxent_robot", "torch", "gymnasium", "mujoco", "numpy")


class ContenderError(MaxentRobotError):
    """A contender failed, or left no figures."""


@dataclass(frozen=True)
class Run:
    """One training run of one contender."""

    contender: str
    env: str
    seed: int
    steps: int

    def __str__(self) -> str:
        return f"{self.contender} {self.env} seed {self.seed}, {self.steps // 1000}k steps"


def command(run: Run, threads: int, evaluate: bool, directory: Path) -> list[str]:
    """The command line of a run, which is to leave `result.json` in `directory`."""
    result = str(directory / RESULT_FILE)
    task = ["--env", run.env, "--seed", str(run.seed), "--steps", str(run.steps)]
    if run.contender in PEER_SCRIPTS:
        script = ROOT / "benchmarks" / "peers" / PEER_SCRIPTS[run.contender]
        words = [str(PEER_PYTHON), str(script), *task, "--threads", str(threads), "--json", result]
        words += ["--learning-starts", str(LEARNING_STARTS)]
        evaluation = ["--eval-interval", str(EVALUATION_INTERVAL), "--eval-episodes", str(EVALUATION_EPISODES)]
        return words + (evaluation if evaluate else ["--no-eval"])
    algorithm, own_settings = OURS[run.contender]
    interval, episodes = (EVALUATION_INTERVAL, EVALUATION_EPISODES) if evaluate else (run.steps, 1)
    settings = {
        **own_settings,
        "trainer.wall_minutes": "0",
        "trainer.evaluation_interval_steps": str(interval),
        "trainer.evaluation_episodes": str(episodes),
        "trainer.threads": str(threads),
    }
    assignments = [word for key, value in settings.items() for word in ("--set", f"{key}={value}")]
    words = [sys.executable, "-m", "maxent_robot.cli.main", "train", *task, "--algo", algorithm, "--quiet"]
    return [*words, "--output", str(directory / RUN_DIRECTORY), "--json", result, *assignments]


def figures_of(run: Run, threads: int, directory: Path) -> dict[str, Any]:
    """The figures that a contender left in `directory`, in the one form that the benchmarks read.

    `evaluations` is a list of `step`, `wall_s` and `cpu_s` (training so far, evaluations left out), `mean_return` and
    `returns`; `pace` the environment `steps` since the first update and the `wall_s` that they took.
    """
    document: dict[str, Any] = json.loads((directory / RESULT_FILE).read_text(encoding="utf-8"))
    if run.contender in PEER_SCRIPTS:
        return document
    settings = read_yaml(directory / RUN_DIRECTORY / CONFIG_FILE)
    return {
        "algorithm": run.contender,
        "env": run.env,
        "seed": run.seed,
        "steps": run.steps,
        "threads": threads,
        "evaluations": [
            {
                "step": evaluation["step"],
                "wall_s": evaluation["training_s"],
                "cpu_s": evaluation["cpu_s"],
                "mean_return": evaluation["mean_return"],
                "returns": evaluation["returns"],
            }
            for evaluation in document["evaluations"]
        ],
        "pace": document["pace"],
        "versions": {"python": sys.version.split()[0], **{name: version(name) for name in VERSIONS}},
        "settings": {part: settings[part] for part in ("learner", "trainer")},
        "date": datetime.now(timezone.utc).isoformat(timespec="seconds"),
    }


class RunningContender:
    """A run in a process group of its own; leaving the `with` block ends it and removes what it wrote.

    Raises:
        PeerEnvironmentError: the environment of the peers can't be made.
    """

    def __init__(self, run: Run, threads: int = 1, evaluate: bool = True) -> None:
        self.run, self.threads = run, threads
        if run.contender in PEER_SCRIPTS:
            peer_python()  # before there is anything to clean up
        self.directory = Path(tempfile.mkdtemp(prefix="contender-"))
        words = command(run, threads, evaluate, self.directory)
        self.provenance = provenance([word.replace(f"{self.directory}{os.sep}", "") for word in words])
        variables = {**os.environ, **dict.fromkeys(THREAD_VARIABLES, str(threads))}
        self.began = time.monotonic()
        with open(self.directory / LOG_FILE, "wb") as log:
            # A session of its own, so that Ctrl-C reaches this process only, which then ends the children in order.
            self.process = subprocess.Popen(
                words, cwd=ROOT, env=variables, stdout=log, stderr=log, stdin=subprocess.DEVNULL, start_new_session=True
            )

    def __enter__(self) -> RunningContender:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def figures(self) -> dict[str, Any]:
        """Wait for the end of the run and return its figures with their provenance.

        Raises:
            ContenderError: it failed; the message holds the end of what it printed.
        """
        status = self.process.wait()
        if status != 0 or not (self.directory / RESULT_FILE).is_file():
            log = (self.directory / LOG_FILE).read_text(encoding="utf-8", errors="replace").strip()
            tail = "\n".join(log.splitlines()[-12:])
            raise ContenderError(f"{self.run} ended with status {status}:\n{tail}")
        figures = figures_of(self.run, self.threads, self.directory)
        return {**figures, "elapsed_s": round(time.monotonic() - self.began, 1), "provenance": self.provenance}

    def close(self) -> None:
        """End the process, where it still runs, with all that it started, and remove its files."""
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGTERM)
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                os.killpg(self.process.pid, signal.SIGKILL)
                self.process.wait()
        shutil.rmtree(self.directory, ignore_errors=True)
