"""Verify a skill bundle and show what it is."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from maxent_robot.config import to_mapping
from maxent_robot.paths import find_skill
from maxent_robot.skill.bundle import SkillBundle, load_bundle


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of `maxent-robot verify`."""
    parser.add_argument("skill", metavar="SKILL", help="name of a shipped skill, or path of a bundle")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the manifest and the verdict as JSON")


def run(arguments: argparse.Namespace) -> int:
    """Load the bundle, which verifies all of it, and print its manifest.

    Raises:
        BundleError: the bundle is not what its manifest says, or not what this software runs.
        ConfigError: there is no such skill.
    """
    bundle = load_bundle(find_skill(arguments.skill))
    for label, value in summary(bundle):
        print(f"{label:<16} {value}")
    if arguments.json is not None:
        result = {
            "verified": True,
            "directory": str(bundle.directory),
            "critic_heads": bundle.critic_heads,
            "manifest": to_mapping(bundle.manifest),
        }
        arguments.json.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    return 0


def summary(bundle: SkillBundle) -> Iterator[tuple[str, str]]:
    """Yield the lines of the manifest that a reader wants first, as (label, value)."""
    m = bundle.manifest
    impedance = m.impedance
    yield "skill", f"{m.name}: {m.task}, connector {m.connector}, robot {m.robot}"
    yield (
        "observation",
        f"{m.observation_size} values: {len(m.history_ages)} frames of "
        + ", ".join(f"{field.name} ({field.size})" for field in m.observation),
    )
    yield "action", ", ".join(f"{axis.name} <= {axis.maximum:g} {axis.unit}" for axis in m.action)
    yield "period", f"{m.policy_period_s:g} s, gamma {m.gamma:g}"
    yield "entropy", f"alpha {m.alpha:g}, target {m.target_entropy:g} nat"
    yield (
        "impedance",
        (
            f"{impedance.stiffness_translation:g} N/m, {impedance.stiffness_rotation:g} Nm/rad, "
            f"damping ratio {impedance.damping_ratio:g}"
        ),
    )
    yield (
        "leash",
        (
            f"{_list(1000.0 * m.leash.translation_m)} mm, {_list(m.leash.rotation_rad)} rad "
            f"(at most {_list(impedance.force_max)} N, {_list(impedance.torque_max)} Nm)"
        ),
    )
    yield "critic", f"{bundle.critic_heads} heads"
    yield "trained by", f"{m.training.command} (seed {m.training.seed}, commit {m.training.commit})"
    yield "training", f"{m.training.steps} steps in {m.training.wall_s:.0f} s, parity error {m.parity_error:.1e}"
    for name, value in _leaves(m.evaluation):
        yield "evaluation", f"{name} = {_number(value)}"
    for name, digest in m.files.items():
        yield "verified", f"{name} {digest}"


def _leaves(figures: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in figures.items():
        if isinstance(value, Mapping):
            yield from _leaves(value, f"{prefix}{name}.")
        else:
            yield prefix + name, value


def _number(value: Any) -> str:
    if isinstance(value, list):
        return "[" + ", ".join(_number(item) for item in value) + "]"
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _list(values: Any) -> str:
    return ", ".join(f"{value:.3g}" for value in values)
