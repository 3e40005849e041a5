"""Where shipped files are found."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import maxent_robot
from maxent_robot.errors import ConfigError
from maxent_robot.paths import find_robot, find_skill, share_directory

SOURCE = Path(maxent_robot.__file__).resolve().parent


def test_the_share_directory_holds_what_ships() -> None:
    share = share_directory()
    assert (share / "package.xml").is_file()
    assert (share / "config" / "robots").is_dir()


def test_a_robot_is_found_by_name_and_by_path(tmp_path: Path) -> None:
    assert find_robot("fr3") == share_directory() / "config" / "robots" / "fr3.yaml"
    own = tmp_path / "cell.yaml"
    own.touch()
    assert find_robot(own) == own


@pytest.mark.parametrize("name", ["fr4", "", ".", "..", "no/such/robot.yaml"])
def test_an_unknown_robot_lists_the_known_ones(name: str) -> None:
    with pytest.raises(ConfigError, match=r"no robot .*fr3.*sim.*ur5e"):
        find_robot(name)


def test_a_skill_is_found_by_path_and_an_unknown_one_is_an_error(tmp_path: Path) -> None:
    assert find_skill(tmp_path) == tmp_path
    with pytest.raises(ConfigError, match="no skill 'plug_insertoin'"):
        find_skill("plug_insertoin")


@pytest.mark.parametrize("site", ["lib/python3/site-packages", "local/lib/python3/dist-packages"])
def test_an_installed_package_finds_the_share_directory_of_its_own_prefix(tmp_path: Path, site: str) -> None:
    prefix = tmp_path / "prefix"
    shutil.copytree(SOURCE, prefix / site / "maxent_robot", ignore=shutil.ignore_patterns("__pycache__"))
    share = prefix / "share" / "maxent_robot"
    (share / "config").mkdir(parents=True)
    (share / "package.xml").touch()
    assert _share_seen_from(prefix / site) == str(share)


def test_a_package_without_its_files_finds_them_through_ament(tmp_path: Path) -> None:
    site, share = tmp_path / "site", tmp_path / "overlay" / "share" / "maxent_robot"
    shutil.copytree(SOURCE, site / "maxent_robot", ignore=shutil.ignore_patterns("__pycache__"))
    (share / "config").mkdir(parents=True)
    (share / "package.xml").touch()
    assert _share_seen_from(site, AMENT_PREFIX_PATH=f"/nowhere{os.pathsep}{tmp_path / 'overlay'}") == str(share)
    assert "in none of" in _share_seen_from(site, AMENT_PREFIX_PATH="")


def _share_seen_from(site: Path, **environment: str) -> str:
    """Return what a fresh interpreter says that imports the package from `site` alone."""
    code = (
        "from maxent_robot.errors import ConfigError\nfrom maxent_robot.paths import share_directory\n"
        "try: print(share_directory())\nexcept ConfigError as error: print(error)"
    )
    run = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONPATH": str(site), **environment},
        cwd=site,
        capture_output=True,
        text=True,
        check=True,
    )
    return run.stdout.strip()
