"""An experiment whose runner, recorder, policy and command are killed at random: no trial is lost or has two outcomes.

    python benchmarks/trial_kills.py                  # config/trials/compare.yaml, 120 trials, a quarter of an hour
    python benchmarks/trial_kills.py --places 6 --kills 8

Results: benchmarks/results/trial_kills.json. The exit status is 1 where a trial was lost or doubled, a recording of a
finished trial can't be read, or the experiment did not come to its end.
"""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml
from command_line import exit_status
from provenance import ROOT, provenance

from maxent_robot.config import to_mapping
from maxent_robot.trials.experiment import load_experiment
from maxent_robot.trials.experiment_files import ExperimentFiles
from maxent_robot.trials.table import read_trials

RESULTS = ROOT / "benchmarks" / "results" / "trial_kills.json"
VICTIMS = {
    "runner": "maxent_robot.nodes.trials_node",
    "recorder": "maxent_robot.nodes.recorder_node",
    "policy": "maxent_robot.nodes.policy_node",
}
COMMAND = "command"
FIRST_KILL_S = 12.0
POLL_S = 0.05


class Session:
    """`maxent-robot trials run`, started again whenever it has been killed."""

    def __init__(self, protocol: Path, output: Path, words: Sequence[str] = ()) -> None:
        """`words`: further ones of the command."""
        self._words = [sys.executable, "-m", "maxent_robot.cli.main", "trials", "run", str(protocol)]
        self._words += ["--output", str(output), *words]
        self.log = output.parent / "session.log"
        self.starts = 0
        self.start()

    def start(self) -> None:
        """Start it, or start it again."""
        self.starts += 1
        with self.log.open("a") as log:
            self.process = subprocess.Popen(self._words, cwd=ROOT, stdout=log, stderr=log, stdin=subprocess.DEVNULL)

    def child(self, module: str) -> int | None:
        """Process identifier of a node that it started; None while there is none."""
        for place in Path("/proc").iterdir():
            if not place.name.isdigit():
                continue
            try:
                words = (place / "cmdline").read_bytes().split(b"\0")
                parent = int((place / "stat").read_text().rpartition(")")[2].split()[1])
            except (OSError, ValueError, IndexError):
                continue
            if module.encode() in words and parent == self.process.pid:
                return int(place.name)
        return None

    def kill(self, victim: str) -> bool:
        """Kill a node, or the command itself; whether there was one."""
        pid = self.process.pid if victim == COMMAND else self.child(VICTIMS[victim])
        if pid is None or self.process.poll() is not None:
            return False
        os.kill(pid, signal.SIGKILL)
        if victim == COMMAND:
            self.process.wait()
            self.start()
        return True


def run_with_kills(
    protocol: Path, output: Path, kills: int, every_s: float, seed: int, timeout_s: float
) -> dict[str, Any]:
    """Run an experiment to its end, killing as often as asked for; what was killed when, and how it ended."""
    generator, began = random.Random(seed), time.monotonic()
    session = Session(protocol, output)
    done: list[dict[str, Any]] = []
    due = began + FIRST_KILL_S
    try:
        while session.process.poll() is None:
            now = time.monotonic()
            if now - began > timeout_s:
                raise TimeoutError(f"not ended within {timeout_s:g} s")
            if now >= due and len(done) < kills:
                # Each victim in turn, the command itself least often, as it takes all the others with it.
                victim = generator.choice([*VICTIMS, *VICTIMS, COMMAND])
                if session.kill(victim):
                    done.append({"victim": victim, "after_s": round(now - began, 2)})
                    print(f"{now - began:7.1f} s: killed the {victim}", flush=True)
                due = now + generator.uniform(0.4, 1.6) * every_s
            time.sleep(POLL_S)
    finally:
        if session.process.poll() is None:
            session.process.terminate()
            session.process.wait(30)
    return {
        "kills": done,
        "exit_status": session.process.returncode,
        "sessions": session.starts,
        "wall_s": round(time.monotonic() - began, 1),
    }


def verdict(output: Path) -> dict[str, Any]:
    """What lies in the directory of an experiment that has ended."""
    files = ExperimentFiles(output)
    ends = Counter(
        json.loads(line)["trial"] for line in files.ledger.read_text().splitlines() if '"event": "end"' in line
    )
    ledger = files.read_ledger()
    planned = [trial.number for trial in ledger.trials]
    outcomes = Counter(result.outcome for result in ledger.results.values())
    recordings = [files.recording(result.trial, result.attempt) for result in ledger.results.values()]
    rows = [result.trial for result in read_trials(files.table)]
    return {
        "planned": len(planned),
        "lost": [number for number in planned if not ends[number]],
        "doubled": [number for number, count in ends.items() if count > 1],
        "table_differs": rows != planned,
        "unreadable_recordings": [path.name for path in recordings if not readable(path)],
        "without_series": sorted(set(ledger.results) - set(files.read_series(ledger))),
        "interrupted_attempts": ledger.interruptions,
        "outcomes": dict(outcomes),
        "notes": [text for _, text in ledger.notes],
    }


def readable(path: Path) -> bool:
    """Whether a recording can be read to its end, or to its last chunk where it was broken off."""
    from mcap.exceptions import EndOfFile
    from mcap.reader import NonSeekingReader

    try:
        with path.open("rb") as file, contextlib.suppress(EndOfFile):
            for _ in NonSeekingReader(file).iter_messages(log_time_order=False):
                pass
    except Exception:  # whatever the reader makes of a damaged file
        return False
    return True


def holds(document: dict[str, Any]) -> bool:
    """Whether nothing was lost or doubled."""
    found = document["verdict"]
    wrong = ("lost", "doubled", "table_differs", "unreadable_recordings", "without_series")
    return document["exit_status"] == 0 and not any(found[name] for name in wrong)


def main() -> int:
    parser = argparse.ArgumentParser(description="an experiment under random kills")
    parser.add_argument("--protocol", default="compare", help="name or path (default: %(default)s)")
    parser.add_argument("--places", type=int, help="fewer than the protocol has")
    parser.add_argument("--kills", type=int, default=20, help="how many (default: %(default)s)")
    parser.add_argument(
        "--every", type=float, default=25.0, metavar="SECONDS", help="on average (default: %(default)s)"
    )
    parser.add_argument("--seed", type=int, default=1, help="of who is killed when (default: %(default)s)")
    parser.add_argument("--timeout", type=float, default=3600.0, metavar="SECONDS", help="(default: %(default)s)")
    parser.add_argument("--json", type=Path, default=RESULTS, help="(default: %(default)s)")
    arguments = parser.parse_args()

    def work() -> int:
        experiment, _ = load_experiment(arguments.protocol)
        if arguments.places is not None:
            experiment = dataclasses.replace(experiment, places=arguments.places)
        stop = dataclasses.replace(experiment.stop, interruptions=arguments.kills + 20)
        experiment = dataclasses.replace(experiment, stop=stop)
        origin = provenance(["python", "benchmarks/trial_kills.py", *sys.argv[1:]])
        with tempfile.TemporaryDirectory(prefix="trial_kills_") as place:
            protocol, output = Path(place) / "protocol.yaml", Path(place) / "experiment"
            protocol.write_text(yaml.safe_dump(to_mapping(experiment)))
            run = run_with_kills(protocol, output, arguments.kills, arguments.every, arguments.seed, arguments.timeout)
            document = {**origin, **run, "verdict": verdict(output)}
        arguments.json.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")
        print(json.dumps(document["verdict"], indent=2))
        return 0 if holds(document) else 1

    return exit_status(parser, work)


if __name__ == "__main__":
    sys.exit(main())
