"""Import rules that import-linter can't see: what is imported when a module is imported, not inside its functions."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
MODULES = sorted(path.relative_to(ROOT) for tree in ("maxent_robot", "sim") for path in (ROOT / tree).rglob("*.py"))

OPTIONAL = {
    "torch",
    "rclpy",
    "mujoco",
    "gymnasium",
    "imageio",
    "matplotlib",
    "jinja2",
    "mcap",
    "onnx",
    "launch",
    "tqdm",
    "scipy",
    "ray",
    "viser",
    "websockets",
}
BASE_ONLY = ("control", "skill", "safety", "inference", "exact", "trials", "console", "cli")
ALLOWED = {
    "maxent_robot/learning": {"torch", "onnx", "tensorboard", "tqdm", "gymnasium"},
    "maxent_robot/nodes": {"rclpy", "launch", "launch_ros"},
    "sim": {"mujoco", "gymnasium", "imageio", "scipy"},
    "maxent_robot/bringup/launch.py": {"launch", "launch_ros"},
}


def imported_on_import(path: Path) -> Iterator[str]:
    """Yield the top-level name of everything a module imports outside functions and type-checking blocks."""

    def visit(body: list[ast.stmt]) -> Iterator[str]:
        for node in body:
            if isinstance(node, ast.Import):
                yield from (alias.name.partition(".")[0] for alias in node.names)
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                yield node.module.partition(".")[0]
            elif isinstance(node, (ast.If, ast.Try, ast.With, ast.ClassDef)):
                if isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING"):
                    continue
                yield from visit(node.body)
                yield from visit(getattr(node, "orelse", []))

    yield from visit(ast.parse((ROOT / path).read_text(encoding="utf-8")).body)


def test_a_module_imports_at_once_only_what_its_package_needs() -> None:
    wrong = {}
    for path in MODULES:
        allowed = {name for place, names in ALLOWED.items() if path.as_posix().startswith(place) for name in names}
        found = set(imported_on_import(path)) & OPTIONAL
        if found - allowed:
            wrong[path.as_posix()] = sorted(found - allowed)
    assert not wrong, f"import inside the function that needs it: {wrong}"


def test_the_package_does_not_import_the_simulator_at_once() -> None:
    users = [
        path.as_posix() for path in MODULES if path.parts[0] == "maxent_robot" and "sim" in imported_on_import(path)
    ]
    assert [user for user in users if not user.startswith(("maxent_robot/learning/", "maxent_robot/cli/"))] == []


def test_the_robot_side_runs_with_the_base_install_alone() -> None:
    """Import all of it in an interpreter that has neither PyTorch nor ROS nor MuJoCo nor a report library."""
    names = [
        ".".join(path.with_suffix("").parts).removesuffix(".__init__")
        for path in MODULES
        if path.parts[:2] in {("maxent_robot", part) for part in BASE_ONLY}
    ]
    code = f"""
import importlib, sys
class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {sorted(OPTIONAL)!r}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)
sys.meta_path.insert(0, Absent())
for name in {names!r}:
    importlib.import_module(name)
"""
    run = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
