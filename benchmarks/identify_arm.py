"""A simulated arm whose parameters nobody was told: do recordings of its trials tell them?

    python benchmarks/identify_arm.py    # five minutes

Runs an experiment of 12 places through the graph, in real time, on an arm with a delay of 60 ms, a bias of 3 N, 1.5
times the joint friction and 0.7 of the stiffness, and identifies it from the recordings. Results:
benchmarks/results/identify_arm.json and .md. The exit status is 1 where one of them is off by more than 15 %.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import yaml
from command_line import exit_status
from pages import add_arguments
from provenance import ROOT, provenance

from maxent_robot.learning.run_directory import write_json

RESULTS = ROOT / "benchmarks" / "results" / "identify_arm.json"
PLACES, OFF_AT_MOST = 12, 0.15
USUAL_JOINT_FRICTION_NM = 0.25
"""The middle of what training draws from."""

HIDDEN = {
    "delay_s": 0.060,
    "force_bias_z_n": 3.0,
    "joint_friction_nm": 1.5 * USUAL_JOINT_FRICTION_NM,
    "stiffness_factor": 0.7,
}
SCENE = {
    "randomisation": {
        "stiffness_centre": HIDDEN["stiffness_factor"],
        "stiffness_factor": 1.0,
        "damping_factor": 1.0,
        "joint_friction_nm": [HIDDEN["joint_friction_nm"]] * 2,
        "tool_mass_factor": 1.0,
        "force_bias_n": 0.0,
        "torque_bias_nm": 0.0,
    }
}


def identified(directory: Path) -> dict[str, Any]:
    """Run the experiment and identify the arm: what `maxent-robot identify --json` writes."""
    scene, protocol, output = directory / "scene.yaml", directory / "hidden.yaml", directory / "experiment"
    scene.write_text(yaml.safe_dump(SCENE))
    protocol.write_text(
        yaml.safe_dump(
            {
                "name": "hidden",
                "places": PLACES,
                "after_fault": "go_on",
                "arm": {
                    "scene": str(scene),
                    "disturbance.command_delay_s": HIDDEN["delay_s"],
                    "disturbance.force_bias_n": [0.0, 0.0, HIDDEN["force_bias_z_n"]],
                },
                "conditions": [{"name": "retry", "skill": "plug_insertion", "policy": {"mode": "retry"}}],
            }
        )
    )
    command = [sys.executable, "-m", "maxent_robot.cli.main"]
    subprocess.run([*command, "trials", "run", str(protocol), "--output", str(output)], cwd=ROOT, check=True)
    found = directory / "found.json"
    words = ["identify", str(output), "--output", str(directory / "identified.yaml"), "--json", str(found)]
    subprocess.run([*command, *words], cwd=ROOT, check=True)
    document: dict[str, Any] = json.loads(found.read_text(encoding="utf-8"))
    return document


def off(document: dict[str, Any]) -> dict[str, float]:
    """How far each estimate is from the truth, as a share of it."""
    return {name: document["found"][name]["value"] / truth - 1.0 for name, truth in document["hidden"].items()}


def page(document: dict[str, Any]) -> str:
    """The figures as a page of Markdown."""
    lines = [
        "# Identification of an arm",
        "",
        f"Written by `python benchmarks/identify_arm.py`: {PLACES} trials in real time.",
        "",
        "| parameter | hidden | found (95 %) | off by |",
        "| --- | ---: | --- | ---: |",
    ]
    for name, share in off(document).items():
        found = document["found"][name]
        lines.append(
            f"| `{name}` | {document['hidden'][name]:.3g} | {found['value']:.3g} ({found['low']:.3g} to "
            f"{found['high']:.3g}) | {100 * share:+.1f} % |"
        )
    return "\n".join(lines) + "\n"


def main() -> int:
    parser = argparse.ArgumentParser(description="identification of an arm with hidden parameters")
    add_arguments(parser, RESULTS)
    arguments = parser.parse_args()

    def work() -> int:
        document: dict[str, Any] = {
            **provenance(["python", "benchmarks/identify_arm.py", *sys.argv[1:]]),
            "hidden": HIDDEN,
        }
        with tempfile.TemporaryDirectory(prefix="identify_arm_") as place:
            document["found"] = identified(Path(place))
        write_json(arguments.json, document)
        arguments.json.with_suffix(".md").write_text(page(document), encoding="utf-8")
        print(page(document))
        return 0 if all(abs(share) <= OFF_AT_MOST for share in off(document).values()) else 1

    return exit_status(parser, work)


if __name__ == "__main__":
    sys.exit(main())
