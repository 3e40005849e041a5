"""The attack on the core: a small campaign, its repetition, and what is added up."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

pytest.importorskip("mujoco")

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "benchmarks"))

from attack import core_report
from attack.core_campaign import VARIANTS, run_shard

COMMANDS = 2000


@pytest.mark.parametrize("variant", VARIANTS)
def test_a_small_campaign_moves_the_arm_meets_faults_and_passes_no_bound(tmp_path: Path, variant: str) -> None:
    figures = run_shard(variant, 3, COMMANDS, tmp_path, lambda done: None)
    assert figures["violations"] == []
    assert figures["commands"] >= COMMANDS
    assert len(figures["by_kind"]) > 8
    assert len(figures["faults"]) > 4
    total = core_report.total([figures])
    assert total["share_in_motion"] > 0.3
    assert total["rest_ms"]["n"] > 0


def test_shards_are_added_up_and_depend_on_their_seed_alone() -> None:
    plan = core_report.plan(3 * core_report.SHARD - 1, 2)
    assert len(plan) == len(set(plan)) == 3
    assert core_report.plan(core_report.SHARD, 2) == plan[:1]
    shard = {
        "commands": 10,
        "by_kind": {"twist": 9, "move": 1},
        "faults": {"FORCE": 2},
        "cycles_by_state": {"RUNNING": 30, "FAULT": 10},
        "violations": ["one"],
        "rest_s": [0.1, 0.3],
    }
    total = core_report.total([shard, {**shard, "violations": []}])
    assert total["commands"] == 20
    assert total["by_kind"] == {"move": 2, "twist": 18}
    assert total["share_in_motion"] == 0.75
    assert total["rest_ms"]["max"] == 300.0
    assert total["violations"] == ["one"]
