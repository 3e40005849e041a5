"""The virtual environment that the peers run in: `benchmarks/peers/.venv`, made from the pins of requirements.txt.

    python benchmarks/peers/environment.py

makes it if it is absent or if the pins have changed, and prints the path of its interpreter. The peers must not share
the environment of maxent_robot: there, an upgrade would silently change what the figures are compared with.
"""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
import venv
from pathlib import Path

from maxent_robot.errors import MaxentRobotError

DIRECTORY = Path(__file__).resolve().parent
REQUIREMENTS = DIRECTORY / "requirements.txt"
VIRTUAL_ENVIRONMENT = DIRECTORY / ".venv"
PEER_PYTHON = VIRTUAL_ENVIRONMENT / "bin" / "python"
STAMP = "requirements.sha256"


class PeerEnvironmentError(MaxentRobotError):
    """The environment of the peers can't be made."""


def peer_python() -> Path:
    """The interpreter of the peers' environment, which is made first where it is absent or out of date.

    Raises:
        PeerEnvironmentError: the environment or its packages can't be installed.
    """
    if not is_current(VIRTUAL_ENVIRONMENT, REQUIREMENTS):
        _make()
    return PEER_PYTHON


def is_current(environment: Path, requirements: Path) -> bool:
    """Whether `environment` was made from `requirements` as they are now."""
    stamp = environment / STAMP
    return stamp.is_file() and stamp.read_text(encoding="utf-8").strip() == fingerprint(requirements)


def fingerprint(requirements: Path) -> str:
    """Hash of the pins, comments and blank lines left out, and of the interpreter's release."""
    lines = (line.partition("#")[0].strip() for line in requirements.read_text(encoding="utf-8").splitlines())
    pins = [line for line in lines if line]
    return hashlib.sha256("\n".join([*pins, sys.version.split()[0]]).encode()).hexdigest()


def _make() -> None:
    print(
        f"Installing the peers of {REQUIREMENTS.name} into {VIRTUAL_ENVIRONMENT} "
        "(about 1.1 GB, minutes when nothing is cached) ...",
        file=sys.stderr,
        flush=True,
    )
    try:
        if VIRTUAL_ENVIRONMENT.exists():
            shutil.rmtree(VIRTUAL_ENVIRONMENT)
        venv.create(VIRTUAL_ENVIRONMENT, with_pip=True)
    except (OSError, subprocess.CalledProcessError) as error:
        raise PeerEnvironmentError(f"{VIRTUAL_ENVIRONMENT} can't be made: {error}") from error
    pip = [str(PEER_PYTHON), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r", str(REQUIREMENTS)]
    done = subprocess.run(pip, stdout=sys.stderr, stderr=subprocess.PIPE, text=True, check=False)
    if done.returncode != 0:
        lines = [line for line in done.stderr.splitlines() if "ERROR" in line] or done.stderr.splitlines()[-1:]
        raise PeerEnvironmentError(f"{REQUIREMENTS}: can't be installed into {VIRTUAL_ENVIRONMENT}: {' '.join(lines)}")
    # Last, so that an installation that was cut short is not taken for a whole one.
    (VIRTUAL_ENVIRONMENT / STAMP).write_text(fingerprint(REQUIREMENTS) + "\n", encoding="utf-8")


def main() -> int:
    try:
        print(peer_python())
    except MaxentRobotError as error:
        print(f"environment.py: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
