"""The skills that ship: each loads, fits the simulated arm and says how it was made and how good it is."""

from __future__ import annotations

import pytest

from maxent_robot.control.robot import load_robot
from maxent_robot.inference import check_contract
from maxent_robot.paths import share_directory
from maxent_robot.skill.bundle import SIZE_LIMIT_BYTES, load_bundle

CONNECTORS = {"plug_insertion": "two_pin", "usb_insertion": "usb_a"}


def test_exactly_these_skills_ship() -> None:
    assert {entry.name for entry in (share_directory() / "skills").iterdir()} == set(CONNECTORS)


@pytest.mark.parametrize("name", CONNECTORS)
def test_a_shipped_skill_verifies_and_fits_the_simulated_arm(name: str) -> None:
    directory = share_directory() / "skills" / name
    manifest = load_bundle(directory).manifest
    check_contract(manifest, load_robot("sim"), CONNECTORS[name])
    check_contract(manifest, load_robot("fr3"), CONNECTORS[name])
    assert sum(file.stat().st_size for file in directory.iterdir()) < SIZE_LIMIT_BYTES


@pytest.mark.parametrize("name", CONNECTORS)
def test_a_shipped_skill_says_what_made_it_and_how_good_it_is(name: str) -> None:
    manifest = load_bundle(share_directory() / "skills" / name).manifest
    assert manifest.training.command.startswith(f"maxent-robot train {name}")
    assert manifest.training.commit != ""
    assert manifest.training.steps > 0
    assert manifest.randomisation
    for mode in ("mean", "sample"):
        figures = manifest.evaluation[mode]
        low, high = figures["success_interval"]
        assert low <= figures["success"] <= high
        assert figures["episodes"] >= 500
