"""Make a skill bundle of a finished training run."""

from __future__ import annotations

import argparse
from pathlib import Path


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of `maxent-robot export`."""
    parser.add_argument("directory", type=Path, metavar="RUN", help="directory of a finished training run")
    parser.add_argument(
        "--output", type=Path, required=True, metavar="DIR", help="bundle to write; its last part is the skill's name"
    )
    parser.add_argument(
        "--evaluation",
        type=Path,
        metavar="FILE",
        help="figures of maxent-robot evaluate --json to keep in the manifest",
    )


def run(arguments: argparse.Namespace) -> int:
    """Export, verify and write; nothing is written if anything does not agree.

    Raises:
        ConfigError, ExportError, BundleError: see `maxent_robot.learning.skill_export.export_run`.
    """
    from maxent_robot.learning.skill_export import export_run

    bundle = export_run(arguments.directory, arguments.output, arguments.evaluation)
    error = bundle.manifest.parity_error
    print(f"wrote {bundle.directory}; ONNX Runtime and PyTorch agree to {error:.1e} relative")
    return 0
