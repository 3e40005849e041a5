"""Description of the package for pip and for colcon (ament_python); every dependency's range is stated here, once."""

from __future__ import annotations

import re
from pathlib import Path

from setuptools import find_packages, setup

NAME = "maxent_robot"
ROOT = Path(__file__).absolute().parent

BASE = ["numpy>=1.26,<3", "PyYAML>=6,<7", "onnxruntime>=1.17,<2", "ruckig>=0.14,<1"]
ROS = [
    "ros-kilted-rclpy>=9.1,<10",
    "ros-kilted-rmw-fastrtps-cpp>=9.3,<10",
    "ros-kilted-common-interfaces>=5.5,<6",
    "ros-kilted-lifecycle-msgs>=2.3,<3",
    "ros-kilted-rosgraph-msgs>=2.3,<3",
]
SIM = [
    "mujoco>=3.3,<5",
    "gymnasium>=1.1,<2",
    "pettingzoo>=1.24.3,<2",
    "imageio>=2.34,<3",
    "tqdm>=4.66,<5",
    "scipy>=1.15,<2",
]
REPORT = ["matplotlib>=3.8,<4", "jinja2>=3.1,<4", "mcap>=1.2,<2", "mcap-ros2-support>=0.5,<1", "scipy>=1.15,<2"]
TRAIN = [*SIM, "torch>=2.4,<3", "onnx>=1.16,<2", "tensorboard>=2.16,<3"]
CONSOLE = ["viser>=1.1,<1.2"]  # within these releases its server is known to be made as the console's gate expects
RAY = ["ray>=2.30,<3"]
DEV = [
    "torch==2.13.0",  # the release that the committed figures were measured with
    "stable-baselines3>=2.4,<3",
    "pytest>=8.2,<10",
    "playwright>=1.49,<2",  # drives the browser that is installed, if one is
    "axe-playwright-python>=0.1.4,<1",
    "pytest-rerunfailures>=15,<17",  # for the tests that wait for processes in real time
    "hypothesis>=6.100,<7",
    "ruff>=0.14,<0.18",
    "mypy>=1.13,<3",
    "import-linter>=2.1,<3",
    "types-PyYAML>=6,<7",
]


def version() -> str:
    """Return the version that the package states."""
    text = (ROOT / NAME / "__init__.py").read_text(encoding="utf-8")
    match = re.search(r'^__version__ = "([^"]+)"$', text, re.MULTILINE)
    assert match is not None, "maxent_robot/__init__.py states no version"
    return match[1]


def shared_files() -> list[tuple[str, list[str]]]:
    """Return (directory under the prefix, files) for everything that goes to `share/`, found by walking the tree."""
    share = f"share/{NAME}"
    groups: dict[str, list[str]] = {
        "share/ament_index/resource_index/packages": [f"resource/{NAME}"],
        share: ["package.xml"],
    }
    for tree, pattern in (("launch", "*.launch.py"), ("config", "*"), ("skills", "*")):
        for path in sorted((ROOT / tree).rglob(pattern)):
            relative = path.relative_to(ROOT)
            hidden = any(part.startswith((".", "__")) for part in relative.parts)
            if path.is_file() and not hidden:
                groups.setdefault(f"{share}/{relative.parent.as_posix()}", []).append(relative.as_posix())
    return list(groups.items())


setup(
    name=NAME,
    version=version(),
    description="Contact-rich manipulation by maximum-entropy policies, trained in MuJoCo and run by ROS 2 nodes",
    long_description=(ROOT / "README.md").read_text(encoding="utf-8") if (ROOT / "README.md").is_file() else "",
    long_description_content_type="text/markdown",
    license="Apache-2.0",
    maintainer="maxent_robot maintainers",
    maintainer_email="maintainers@maxent-robot.dev",
    python_requires=">=3.10",
    packages=find_packages(include=[NAME, f"{NAME}.*", "sim", "sim.*"]),
    package_data={"": ["py.typed"]},
    data_files=shared_files(),
    zip_safe=True,
    install_requires=BASE,
    extras_require={
        "ros": ROS,
        "sim": SIM,
        "train": TRAIN,
        "report": REPORT,
        "console": CONSOLE,
        "ray": RAY,
        "dev": DEV,
    },
    entry_points={
        "console_scripts": [
            "maxent-robot = maxent_robot.cli.main:main",
            "policy_node = maxent_robot.nodes.policy_node:main",
            "supervisor_node = maxent_robot.nodes.supervisor_node:main",
            "standby_node = maxent_robot.nodes.standby_node:main",
            "trials_node = maxent_robot.nodes.trials_node:main",
            "console_node = maxent_robot.nodes.console_node:main",
            "recorder_node = maxent_robot.nodes.recorder_node:main",
            "sim_arm = maxent_robot.nodes.sim_arm:main",
            "hockey_table = maxent_robot.nodes.hockey_table:main",
            "hockey_referee = maxent_robot.nodes.hockey_referee:main",
        ]
    },
)
