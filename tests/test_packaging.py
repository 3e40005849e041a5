"""What pip and colcon are told is what the tree holds."""

from __future__ import annotations

import ast
import importlib
import re
import runpy
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path
from typing import Any

import pytest
import setuptools

import maxent_robot

ROOT = Path(__file__).resolve().parents[1]
ROS_PACKAGE = re.compile(r"rclpy|launch|launch_ros|ament_\w+|\w+_(msgs|srvs|interfaces)")


@pytest.fixture(scope="module")
def arguments() -> dict[str, Any]:
    """Return what setup.py passes to setuptools."""
    passed: dict[str, Any] = {}
    original, directory = setuptools.setup, Path.cwd()
    setuptools.setup = lambda **given: passed.update(given)
    try:
        runpy.run_path(str(ROOT / "setup.py"))
    finally:
        setuptools.setup = original
    assert Path.cwd() == directory
    return passed


@pytest.fixture(scope="module")
def package_xml() -> ElementTree.Element:
    return ElementTree.parse(ROOT / "package.xml").getroot()


def test_name_and_version_are_the_same_everywhere(arguments: dict[str, Any], package_xml: ElementTree.Element) -> None:
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    newest = re.search(r"^## \[(.+?)\]", changelog, re.MULTILINE)
    assert newest is not None
    versions = {arguments["version"], package_xml.findtext("version"), maxent_robot.__version__, newest[1]}
    assert versions == {maxent_robot.__version__}
    assert arguments["name"] == package_xml.findtext("name") == "maxent_robot"


def test_each_module_and_each_data_file_is_shipped(arguments: dict[str, Any]) -> None:
    packages = {package.replace(".", "/") for package in arguments["packages"]}
    for tree in ("maxent_robot", "sim"):
        modules = (ROOT / tree).rglob("*.py")
        assert {path.parent.relative_to(ROOT).as_posix() for path in modules} <= packages
    shipped = {name for _, names in arguments["data_files"] for name in names}
    for tree in ("config", "launch", "skills"):
        there = {path.relative_to(ROOT).as_posix() for path in (ROOT / tree).rglob("*") if path.is_file()}
        assert {path for path in there if "__pycache__" not in path and "/." not in path} <= shipped
    assert all((ROOT / name).is_file() for name in shipped)


def test_data_lies_where_ros_looks_for_it(arguments: dict[str, Any]) -> None:
    places = dict(arguments["data_files"])
    assert places["share/ament_index/resource_index/packages"] == ["resource/maxent_robot"]
    assert places["share/maxent_robot"] == ["package.xml"]
    assert "launch/plug_insertion.launch.py" in places["share/maxent_robot/launch"]
    assert "config/robots/fr3.yaml" in places["share/maxent_robot/config/robots"]


def test_each_entry_point_can_be_called(arguments: dict[str, Any]) -> None:
    for entry in arguments["entry_points"]["console_scripts"]:
        _, _, target = entry.partition(" = ")
        module, _, function = target.partition(":")
        assert callable(getattr(importlib.import_module(module), function)), entry


def test_each_ros_package_that_the_code_imports_is_a_dependency(package_xml: ElementTree.Element) -> None:
    declared = {element.text for element in package_xml.iter("exec_depend")}
    used: set[str] = set()
    for path in [*(ROOT / "maxent_robot").rglob("*.py"), *(ROOT / "launch").glob("*.py")]:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                used |= {alias.name.partition(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                used.add(node.module.partition(".")[0])
    ros = {name for name in used if ROS_PACKAGE.fullmatch(name)}
    assert "rclpy" in ros
    assert ros <= declared


def test_the_base_install_has_no_heavy_dependency(arguments: dict[str, Any]) -> None:
    names = {re.split(r"[<>=]", requirement)[0] for requirement in arguments["install_requires"]}
    assert names == {"numpy", "PyYAML", "onnxruntime", "ruckig"}
    assert not any(name.startswith(("ros-", "torch")) for name in names)


def test_the_interpreter_is_one_that_is_supported() -> None:
    assert (3, 10) <= sys.version_info[:2] <= (3, 13)
