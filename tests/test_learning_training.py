"""Whole runs on a small task: it is learned, and stopping, resuming and being killed change nothing."""

from __future__ import annotations

import copy
import dataclasses
import json
import multiprocessing
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from point_reach import PointReach

from maxent_robot.config import to_mapping
from maxent_robot.errors import ConfigError
from maxent_robot.learning.checkpoint import CheckpointError, CheckpointStore
from maxent_robot.learning.config import LearnerConfig, TrainConfig, TrainerConfig
from maxent_robot.learning.environment import EpisodeSummary
from maxent_robot.learning.evaluation import evaluate_policy, evaluation_score, summarise_episodes
from maxent_robot.learning.progress import ProgressLog
from maxent_robot.learning.replay import ReplayMemory
from maxent_robot.learning.run_directory import load_finished_run, new_run
from maxent_robot.learning.trainer import Trainer, TrainingError, configure_torch
from maxent_robot.learning.training_run import carry_out

LEARNER = LearnerConfig(
    hidden_sizes=(32, 32),
    batch_size=64,
    actor_learning_rate=1e-3,
    critic_learning_rate=1e-3,
    temperature_learning_rate=3e-3,
    actor_average_rate=0.005,
    replay_capacity=3000,
)
TRAINER = TrainerConfig(
    num_envs=8,
    steps=4000,
    wall_minutes=0.0,
    warmup_steps=400,
    update_ratio=0.125,
    success_window=20,
    log_interval_steps=500,
    checkpoint_interval_s=1000.0,
    evaluation_interval_steps=1000,
    evaluation_episodes=20,
    target_success=2.0,
    deployable_critic_updates=50,
)


def make_config(**trainer: Any) -> TrainConfig:
    return TrainConfig(task="point_reach", seed=3, learner=LEARNER, trainer=dataclasses.replace(TRAINER, **trainer))


def make_trainer(config: TrainConfig, directory: Path) -> Trainer:
    configure_torch()
    return Trainer(config, PointReach(8, easy_share=0.3), PointReach(8), directory)


def run_trainer(trainer: Trainer, directory: Path, steps: int) -> None:
    """Go on until `steps` steps are done, as if Ctrl-C came then."""
    with ProgressLog(directory / "tensorboard", steps, trainer.steps, quiet=True) as log:
        trainer.run(log, lambda: trainer.steps >= steps)


def as_arrays(tree: Any) -> Any:
    """The same nested data with arrays for tensors."""
    if isinstance(tree, dict):
        return {key: as_arrays(value) for key, value in tree.items()}
    if isinstance(tree, (list, tuple)):
        return [as_arrays(value) for value in tree]
    return tree.numpy() if isinstance(tree, torch.Tensor) else tree


def assert_same(first: Trainer, second: Trainer) -> None:
    """Weights, replay, random states, everything but clocks."""
    one, two = (copy.deepcopy(trainer.state_dict()) for trainer in (first, second))
    for state in (one, two):
        for clock in ("elapsed_s", "training", "pace"):
            state.pop(clock)
        for record in [*state["evaluations"], *([] if state["best"] is None else [state["best"]["evaluation"]])]:
            for clock in ("wall_s", "training_s", "cpu_s"):
                record.pop(clock, None)
    np.testing.assert_equal(as_arrays(two), as_arrays(one))
    kept = range(first.replay.inserted - len(first.replay), first.replay.inserted)
    np.testing.assert_array_equal(first.replay.slice(kept.start, kept.stop), second.replay.slice(kept.start, kept.stop))


def test_point_reach_is_learned_and_the_run_can_be_read_back(tmp_path: Path) -> None:
    config = make_config(
        num_envs=16, steps=40_000, target_success=0.98, evaluation_interval_steps=4000, evaluation_episodes=100
    )
    new_run(tmp_path, "point_reach", config, ["seed=3"])
    with pytest.raises(ConfigError, match="holds a run already"):
        new_run(tmp_path, "point_reach", config, ["seed=3"])
    result = carry_out(config, tmp_path, PointReach(16, 0.3), PointReach(16), lambda: False, quiet=True)
    assert result is not None
    assert result["best"]["success"] >= 0.98, result["evaluations"]
    assert result["steps"] < 40_000, "it should stop early"
    assert result["command"] == "maxent-robot train point_reach --seed 3"
    assert result == json.loads((tmp_path / "result.json").read_text())
    finished = load_finished_run(tmp_path)
    assert finished.config == config

    def policy(observation: np.ndarray) -> np.ndarray:
        with torch.no_grad():
            return torch.tanh(finished.actor(torch.from_numpy(observation))[0]).numpy()

    again = evaluate_policy(PointReach(4), policy, 100, seed=12345)
    assert again.success is not None
    assert again.success.success >= 0.9
    q = finished.critic(torch.zeros(5, 4), torch.zeros(5, 2))
    assert q.shape == (5, 2)
    assert list((tmp_path / "tensorboard").glob("events*"))


@pytest.mark.parametrize("steps", [240, 1600])
def test_resumed_run_is_the_uninterrupted_one_bit_for_bit(tmp_path: Path, steps: int) -> None:
    """Stopped in the warm-up, in which a script steers some of the environments, and after it."""
    config = make_config(steps=3200, demonstrations=0.5)
    whole = make_trainer(config, tmp_path / "whole")
    run_trainer(whole, tmp_path / "whole", 3200)
    first = make_trainer(config, tmp_path / "parts")
    run_trainer(first, tmp_path / "parts", steps)
    second = make_trainer(config, tmp_path / "parts")
    second.resume()
    assert (second.steps, second.updates) == (steps, first.updates)
    run_trainer(second, tmp_path / "parts", 3200)
    assert whole.updates > 300
    assert_same(whole, second)
    other = make_trainer(dataclasses.replace(config, seed=4), tmp_path / "other")
    run_trainer(other, tmp_path / "other", 3200)
    with pytest.raises(AssertionError):
        assert_same(whole, other)


def test_critics_may_be_kept_from_the_privileged_vector(tmp_path: Path) -> None:
    class Liar(PointReach):
        def _privileged(self) -> np.ndarray:
            return super()._privileged() + 7.0

    configure_torch()
    runs = {}
    for sees in (False, True):
        config = dataclasses.replace(
            make_config(steps=800), learner=dataclasses.replace(LEARNER, privileged_critic=sees)
        )
        for kind in (PointReach, Liar):
            directory = tmp_path / f"{sees}{kind.__name__}"
            runs[sees, kind] = Trainer(config, kind(8, 0.3), kind(8), directory)
            run_trainer(runs[sees, kind], directory, 800)
    assert runs[True, Liar].replay.sizes[1] == 2
    assert runs[False, Liar].replay.sizes[1] == 0
    assert_same(runs[False, PointReach], runs[False, Liar])
    with pytest.raises(AssertionError):
        assert_same(runs[True, PointReach], runs[True, Liar])


RUN_SCRIPT = """
import json, sys
from pathlib import Path
from maxent_robot.config import config_from_mapping
from maxent_robot.learning.config import TrainConfig
from maxent_robot.learning.interrupts import StopRequest
from maxent_robot.learning.training_run import carry_out
from point_reach import PointReach
config = config_from_mapping(json.loads(sys.argv[1]), TrainConfig)
with StopRequest() as stopped:
    result = carry_out(config, Path(sys.argv[2]), PointReach(8, 0.3), PointReach(8), stopped, quiet=True)
sys.exit(0 if result else 130)
"""


def start_run(config: TrainConfig, directory: Path) -> subprocess.Popen[bytes]:
    root = Path(__file__).parents[1]
    environment = {**os.environ, "PYTHONPATH": f"{root}{os.pathsep}{root / 'tests'}", "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-c", RUN_SCRIPT, json.dumps(to_mapping(config)), str(directory)]
    return subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL)


def wait_for_steps(process: subprocess.Popen[bytes], directory: Path, steps: int) -> None:
    """Wait until a checkpoint after at least `steps` steps is on disk."""
    deadline = time.monotonic() + 240.0
    while time.monotonic() < deadline and process.poll() is None:
        segments = sorted((directory / "checkpoint").glob("replay-*.npy"))
        if segments and int(segments[-1].stem.split("-")[2]) >= steps:
            return
        time.sleep(0.02)
    process.kill()
    pytest.fail(f"no checkpoint after {steps} steps")


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
def test_killed_or_interrupted_run_resumes_to_the_same_end(tmp_path: Path, number: signal.Signals) -> None:
    config = make_config(steps=1_000_000, checkpoint_interval_s=0.05)
    process = start_run(config, tmp_path / "killed")
    try:
        wait_for_steps(process, tmp_path / "killed", 900)
        process.send_signal(number)
        code = process.wait(timeout=120)
    finally:
        process.kill()
    assert code == (130 if number == signal.SIGINT else -signal.SIGKILL)
    resumed = make_trainer(config, tmp_path / "killed")
    resumed.resume()
    end = resumed.steps + 400
    run_trainer(resumed, tmp_path / "killed", end)
    whole = make_trainer(make_config(steps=1_000_000), tmp_path / "whole")
    run_trainer(whole, tmp_path / "whole", end)
    assert_same(whole, resumed)


def run_until_killed(config: TrainConfig, directory: Path, saved: Any) -> None:
    """Go on from the checkpoint, and tell the parent after each step how many steps are safe."""
    trainer = make_trainer(config, directory)
    if trainer.store.exists():
        trainer.resume()

    def tell() -> bool:
        saved.value = trainer.saved_steps
        return False

    with ProgressLog(directory / "tensorboard", config.trainer.steps, trainer.steps, quiet=True) as log:
        trainer.run(log, tell)


def test_twenty_kills_at_random_moments_lose_nothing_that_was_saved(tmp_path: Path) -> None:
    config = make_config(steps=1_000_000, checkpoint_interval_s=0.02, evaluation_interval_steps=4000)
    context, generator, reached = multiprocessing.get_context("fork"), np.random.default_rng(0), 0
    configure_torch()  # one thread, so that a fork is safe
    for _ in range(20):
        saved = context.Value("q", 0, lock=False)  # a lock would be lost with the child that held it
        child = context.Process(target=run_until_killed, args=(config, tmp_path / "killed", saved))
        child.start()
        time.sleep(generator.uniform(0.05, 0.5))
        child.kill()
        child.join(timeout=60)
        assert child.exitcode == -signal.SIGKILL
        resumed = make_trainer(config, tmp_path / "killed")
        if resumed.store.exists():
            resumed.resume()
        assert resumed.steps >= max(reached, saved.value)
        reached = resumed.steps
    assert reached > 1000
    end = reached + 400
    run_trainer(resumed, tmp_path / "killed", end)
    whole = make_trainer(make_config(steps=1_000_000, evaluation_interval_steps=4000), tmp_path / "whole")
    run_trainer(whole, tmp_path / "whole", end)
    assert_same(whole, resumed)


WRITE_SCRIPT = """
import sys
from pathlib import Path
import numpy as np
from maxent_robot.learning.checkpoint import CheckpointStore
from maxent_robot.learning.replay import ReplayMemory
memory, store = ReplayMemory(4000, 20, 0, 6), CheckpointStore(Path(sys.argv[1]))
while True:
    first = memory.inserted
    memory.add(np.arange(first, first + 777, dtype=np.float32)[:, None].repeat(memory.rows.shape[1], axis=1))
    store.save({"inserted": memory.inserted, "ballast": np.zeros(100_000)}, memory)
    print(memory.inserted, flush=True)
"""


def test_kill_in_the_middle_of_writing_leaves_a_whole_checkpoint(tmp_path: Path) -> None:
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1]), "OMP_NUM_THREADS": "1"}
    process = subprocess.Popen(
        [sys.executable, "-c", WRITE_SCRIPT, str(tmp_path)], env=environment, stdout=subprocess.PIPE
    )
    try:
        assert process.stdout is not None
        committed = [int(process.stdout.readline()) for _ in range(12)]
        time.sleep(0.003)
        process.kill()
        committed += [int(line) for line in process.stdout.read().split()]
    finally:
        process.kill()
        process.wait()
    memory = ReplayMemory(4000, 20, 0, 6)
    state = CheckpointStore(tmp_path).load(memory)
    assert state["inserted"] == memory.inserted >= committed[-1]
    np.testing.assert_array_equal(
        memory.slice(memory.inserted - 4000, memory.inserted)[:, 0], np.arange(memory.inserted - 4000, memory.inserted)
    )


@pytest.mark.parametrize(
    ("step", "working_calls"),
    [("write", 0), ("fsync", 0), ("replace", 0), ("fsync", 2), ("replace", 1)],
    ids=["segment-write", "segment-fsync", "segment-rename", "state-fsync", "state-rename"],
)
def test_failure_at_any_step_of_writing_keeps_the_previous_checkpoint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str, working_calls: int
) -> None:
    memory, store = ReplayMemory(100, 2, 0, 1), CheckpointStore(tmp_path)
    for count in (30, 90):
        memory.add(np.zeros((count, memory.rows.shape[1]), np.float32))
        store.save({"count": count}, memory)

    owner, name = {"write": (np, "save"), "fsync": (os, "fsync"), "replace": (Path, "replace")}[step]
    original, calls = getattr(owner, name), []

    def fail(*arguments: Any) -> Any:
        calls.append(arguments)
        if len(calls) > working_calls:
            raise OSError(28, "No space left on device")
        return original(*arguments)

    memory.add(np.zeros((90, memory.rows.shape[1]), np.float32))
    with monkeypatch.context() as broken:
        broken.setattr(owner, name, fail)
        with pytest.raises(CheckpointError, match="No space left"):
            store.save({"count": 0}, memory)
    fresh = ReplayMemory(100, 2, 0, 1)
    assert CheckpointStore(tmp_path).load(fresh) == {"count": 90}
    assert fresh.inserted == 120
    store.save({"count": 1}, memory)
    assert CheckpointStore(tmp_path).load(fresh) == {"count": 1}
    segments = [path.name[7:] for path in sorted(tmp_path.glob("replay-*"))]
    assert segments == ["000000000030-000000000120.npy", "000000000120-000000000210.npy"], "others are deleted"


def test_damaged_checkpoint_is_one_clear_error(tmp_path: Path) -> None:
    memory, store = ReplayMemory(100, 2, 0, 1), CheckpointStore(tmp_path)
    with pytest.raises(CheckpointError, match="no such file"):
        store.load(memory)
    memory.add(np.zeros((30, memory.rows.shape[1]), np.float32))
    store.save({"count": 1}, memory)
    with pytest.raises(CheckpointError, match="shape is"):
        CheckpointStore(tmp_path).load(ReplayMemory(100, 3, 0, 1))
    path = tmp_path / "checkpoint.pt"
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(CheckpointError, match=r"checkpoint\.pt: can't be read"):
        store.load(memory)


def test_evaluation_runs_each_environment_its_own_number_of_episodes() -> None:
    """Counting whichever episodes end first would count the quick successes of environments that restart often."""

    class Half(PointReach):
        """Even environments succeed at once, odd ones never move and fail after the full time."""

        def step_begin(self, action: np.ndarray) -> None:
            self.position = np.where(np.arange(self.num_envs)[:, None] % 2 == 0, self.target, self.target + 1.0)
            super().step_begin(np.zeros_like(action))

    result = evaluate_policy(Half(4), lambda observation: np.zeros((4, 2), np.float32), 10, seed=0)
    assert result.success is not None
    assert (result.episodes, result.success.successes) == (10, 5)
    low, high = result.success.interval
    assert low < 0.5 < high


def test_a_loss_that_is_not_finite_ends_training_and_keeps_the_last_checkpoint(tmp_path: Path) -> None:
    trainer = make_trainer(make_config(steps=3200), tmp_path)
    run_trainer(trainer, tmp_path, 1600)
    before = (tmp_path / "checkpoint" / "checkpoint.pt").read_bytes()
    with torch.no_grad():
        trainer.learner.critic.weights[5] = torch.nan
    with pytest.raises(TrainingError, match=r"broke down by step \d+: .* is nan; the last.*1600 steps, is whole"):
        run_trainer(trainer, tmp_path, 3200)
    with pytest.raises(TrainingError, match="sum of the weights of critic is nan"):
        trainer.save()
    assert (tmp_path / "checkpoint" / "checkpoint.pt").read_bytes() == before
    again = make_trainer(make_config(steps=3200), tmp_path)
    again.resume()
    assert again.steps == 1600


def test_score_charges_what_is_over_the_bounds() -> None:
    settings = dataclasses.replace(TRAINER, target_time_s=2.0, target_force_n=10.0)
    base = summarise_episodes(_episodes(time_s=1.5, force=8.0, count=4))
    assert evaluation_score(base, settings) == 1.0
    assert evaluation_score(summarise_episodes(_episodes(3.0, 8.0, 4)), settings) == pytest.approx(0.5)
    assert evaluation_score(summarise_episodes(_episodes(1.5, 12.0, 4)), settings) == pytest.approx(0.8)


def _episodes(time_s: float, force: float, count: int) -> list[EpisodeSummary]:
    return [EpisodeSummary(True, time_s, force, 1.0, 10, False) for _ in range(count)]
