"""A hockey skill from training to evaluation, and who refuses it."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from maxent_robot.cli.main import main
from maxent_robot.control.robot import load_robot
from maxent_robot.errors import ContractError
from maxent_robot.learning.skill_player import SkillPlayer
from maxent_robot.paths import find_skill
from maxent_robot.skill.bundle import load_bundle
from maxent_robot.skill.contract import check_contract
from maxent_robot.skill.hockey import HOCKEY_AGES, HOCKEY_AXES, HOCKEY_FIELDS, HOCKEY_OBSERVATION_SIZE
from sim.hockey.config import HockeyConfig, TableConfig
from sim.hockey.evaluation import run_rallies
from sim.hockey.match import play_matches
from sim.hockey.opponents import make_player

SHORT = [
    *["--steps", "1500", "--quiet", "--set", "trainer.warmup_steps=600", "--set", "trainer.evaluation_episodes=20"],
    *["--set", "trainer.deployable_critic_updates=50", "--set", "learner.hidden_sizes=[16,16]"],
    *["--set", "trainer.num_envs=8", "--set", "trainer.evaluation_envs=20"],
]


def test_a_trained_player_becomes_a_skill_that_is_evaluated_beside_the_script(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["train", "hockey_defend", "--seed", "3", "--output", "run", *SHORT]) == 0
    assert main(["export", "run", "--output", "skills/keeper_of_a_minute"]) == 0
    bundle = load_bundle("skills/keeper_of_a_minute")
    manifest = bundle.manifest
    assert (manifest.task, manifest.connector, manifest.robot) == ("hockey", "none", "sim_hockey")
    assert (manifest.observation, manifest.history_ages, manifest.action) == (HOCKEY_FIELDS, HOCKEY_AGES, HOCKEY_AXES)
    assert manifest.policy_period_s == TableConfig().control_period_s

    words = [
        "evaluate",
        "skills/keeper_of_a_minute",
        "--episodes",
        "30",
        "--seed",
        "5",
        "--quiet",
        "--json",
        "out.json",
    ]
    assert main([*words, "--update-manifest"]) == 0
    figures = json.loads(Path("out.json").read_text(encoding="utf-8"))
    assert figures["environment"]["task"] == "defend"
    assert figures["environment"]["shot_m_s"] == [3.0, 5.0], "the promise, not the range of training"
    for mode in ("mean", "sample", "script"):
        assert sum(figures[mode]["outcomes"].values()) == 30
    assert figures["script"]["success"] > 0.7
    pair = figures["paired"]["mean_against_script"]
    assert pair["only_mean"] + pair["only_script"] + pair["both"] + pair["neither"] == 30
    assert load_bundle("skills/keeper_of_a_minute").manifest.evaluation["script"] == figures["script"]
    assert main(["evaluate", "skills/keeper_of_a_minute", "--modes", "spiral"]) == 2
    assert "'spiral' is not one of mean, sample, script" in capsys.readouterr().err

    check_contract(manifest, load_robot("sim_hockey"))
    with pytest.raises(ContractError, match=r"assumes impedance.stiffness_translation 2000.0, robot 'sim' has 800.0"):
        check_contract(manifest, load_robot("sim"))
    assert main(["demo", "--skills", "skills/keeper_of_a_minute"]) == 2
    assert "'keeper_of_a_minute' does not insert: maxent-robot demo hockey plays it" in capsys.readouterr().err
    seen = np.random.default_rng(0).normal(size=(4, HOCKEY_OBSERVATION_SIZE)).astype(np.float32)
    mean, sample = (SkillPlayer(bundle, mode, 1)(seen) for mode in ("mean", "sample"))
    assert mean.shape == sample.shape == (4, 2)
    assert not np.allclose(mean, sample)


def test_the_mallet_of_the_table_hangs_on_the_impedance_of_its_robot() -> None:
    mallet, impedance = TableConfig().mallet, load_robot("sim_hockey").impedance
    assert mallet.stiffness_n_m == impedance.stiffness_translation
    assert mallet.force_max_n == impedance.force_max[0] == impedance.force_max[1]


@pytest.mark.parametrize(
    ("skill", "task", "time_limit_s", "at_least"),
    [("hockey_defend", "defend", 3.0, 0.95), ("hockey_hit", "hit", 8.0, 0.75)],
)
def test_a_shipped_player_does_what_it_is_for(skill: str, task: str, time_limit_s: float, at_least: float) -> None:
    config = HockeyConfig(task=task, opponents=("none",), time_limit_s=time_limit_s)
    player = SkillPlayer(load_bundle(find_skill(skill)), "mean", 1)
    assert run_rallies(config, player, 250, 5).success.mean() > at_least


def test_the_shipped_duellist_wins_against_who_never_strikes_and_concedes_nothing() -> None:
    config, n = HockeyConfig(task="duel"), 16
    home = SkillPlayer(load_bundle(find_skill("hockey_duel")), "mean", 1)
    table = play_matches(
        config, home, make_player("predictor", config.table, n), n, 5, goals_to_win=1, time_limit_s=120.0
    )
    assert table.won.sum() >= 14
    assert not table.lost.any()
