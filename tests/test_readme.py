"""Every command and every path that README.md names is real; commands are checked without being run to the end."""

from __future__ import annotations

import re
import shlex
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from maxent_robot.bringup.graph import DEFAULT_GRAPH, load_graph
from maxent_robot.bringup.launch import ARGUMENTS
from maxent_robot.cli.main import build_parser
from maxent_robot.learning.run_directory import gymnasium_config
from maxent_robot.paths import find_robot, find_skill

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```console\n(.*?)^```$", README, re.DOTALL | re.MULTILINE)
COMMANDS = [line.removeprefix("$ ") for block in BLOCKS for line in block.splitlines()]


def declared_extras() -> set[str]:
    """Return the extras that setup.py declares."""
    match = re.search(r"extras_require=\{(.*?)\}", (ROOT / "setup.py").read_text(encoding="utf-8"), re.DOTALL)
    assert match is not None
    return set(re.findall(r'"(\w+)":', match[1]))


def check_make(words: list[str]) -> None:
    run = subprocess.run(["make", "-n", *words], cwd=ROOT, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr


def check_maxent_robot(words: list[str]) -> None:
    arguments = vars(build_parser().parse_args(words))
    if arguments["command"] in ("up", "demo"):
        find_robot(arguments["robot"])
        load_graph(arguments["graph"] or DEFAULT_GRAPH)
    for skill in [arguments.get("skill"), *(arguments.get("skills") or [])]:
        if skill and not skill.startswith("my_skills/"):
            find_skill(skill)
    if arguments["command"] == "train":
        name = arguments["name"] or gymnasium_config(arguments["algo"])
        assert (ROOT / "config" / "train" / f"{name}.yaml").is_file()


def check_ros2(words: list[str]) -> None:
    verb, package, name, *rest = words
    if verb == "launch":
        assert package == "maxent_robot"
        assert (ROOT / "launch" / name).is_file()
        known = {argument[0] for argument in ARGUMENTS}
        given = dict(word.split(":=", 1) for word in rest)
        assert set(given) <= known
        find_robot(given.get("robot", "sim"))
    elif verb == "param":
        _, _, node, parameter, value = words
        assert (node, parameter) == ("/policy", "weights")
        assert len(yaml.safe_load(value)) == 2
    else:
        assert [verb, package, *rest] == ["service", "call", "std_srvs/srv/Trigger"]
        assert re.fullmatch(r"/supervisor/(arm|start|stop|reset)", name)


def check_pip(words: list[str]) -> None:
    assert words[0] == "install"
    for extra in re.findall(r"\[([\w,]+)\]", " ".join(words)):
        assert set(extra.split(",")) <= declared_extras()


def check_colcon(words: list[str]) -> None:
    assert words[0] == "build"
    assert "maxent_robot" in words


CHECKS: dict[str, Callable[[list[str]], None]] = {
    "make": check_make,
    "maxent-robot": check_maxent_robot,
    "ros2": check_ros2,
    "pip": check_pip,
    "colcon": check_colcon,
}


def test_each_line_of_a_console_block_is_a_command() -> None:
    assert COMMANDS
    assert all(line.startswith("$ ") for block in BLOCKS for line in block.splitlines())


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_of_the_readme_is_one_that_exists(command: str) -> None:
    program, *words = shlex.split(command)
    CHECKS[program](words)


def test_commands_in_the_text_exist() -> None:
    text = re.sub(r"^```.*?^```$", "", README, flags=re.DOTALL | re.MULTILINE)
    for target in re.findall(r"`make (\w+)`", text):
        check_make([target])
    for words in re.findall(r"`pip ([^`]+)`", text):
        check_pip(shlex.split(words))


@pytest.mark.parametrize("page", ["README.md", *(f"docs/{page.name}" for page in sorted((ROOT / "docs").glob("*.md")))])
def test_each_file_that_a_page_links_or_names_exists(page: str) -> None:
    text = (ROOT / page).read_text(encoding="utf-8")
    linked = [target for target in re.findall(r"\]\(([^)#]+)", text) if "://" not in target]
    missing = [target for target in linked if not ((ROOT / page).parent / target).exists()]
    named = re.findall(r"`((?:config|docs|launch|skills|maxent_robot|sim|tests|benchmarks)/[\w./]+)`", text)
    missing += [path for path in named if not (ROOT / path).exists()]
    assert missing == []
