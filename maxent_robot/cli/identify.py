"""Find out how an arm behaves from recordings of its trials, and write what a skill for it is trained with.

Delay, stiffness, damping and joint friction are fitted by replaying in simulation what the arm was told above the
socket; noise and bias of the sensor, what its tare leaves, and the friction of the plug, are measured. Writes a
training configuration: plug insertion with the identified arm in place of the guessed ranges.
"""

from __future__ import annotations

import argparse
import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from maxent_robot.errors import ConfigError

if TYPE_CHECKING:
    from maxent_robot.control.robot import RobotConfig
    from maxent_robot.trials.arm_log import ArmLog, Array
    from maxent_robot.trials.identification import Estimate

TRIALS, GROUPS = 12, 4
FEWEST_S = 0.8
"""A free motion that is shorter tells nothing."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of `maxent-robot identify`."""
    parser.add_argument(
        "recordings", nargs="+", type=Path, help="directories of experiments, or recordings of trials (*.mcap)"
    )
    parser.add_argument(
        "--robot", default="", help="name or path of the description of the arm (default: the experiments', or sim)"
    )
    parser.add_argument(
        "--training", default="plug_insertion", help="training configuration to change (default: %(default)s)"
    )
    parser.add_argument("--output", type=Path, required=True, metavar="FILE", help="training configuration to write")
    parser.add_argument(
        "--trials", type=int, default=TRIALS, help="recordings that are replayed, of all (default: %(default)s)"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the estimates as JSON")
    parser.add_argument("--quiet", action="store_true", help="draw no progress bar")


def run(arguments: argparse.Namespace) -> int:
    """Identify the arm.

    Raises:
        ConfigError: no recordings, no such robot or training configuration, or too few trials.
        RecordingError: a recording can't be read.
    """
    import yaml

    from maxent_robot.control.robot import load_robot
    from maxent_robot.learning.run_directory import config_path
    from maxent_robot.trials.arm_log import read_arm_log
    from maxent_robot.trials.plain import without_nan
    from maxent_robot.trials.recordings import newest_frames
    from maxent_robot.yaml_file import read_yaml
    from sim.plug.identified import IdentifiedArm, identified_training

    if arguments.trials < GROUPS:
        raise ConfigError(f"--trials is {arguments.trials}, must be at least {GROUPS}")
    for file in (arguments.output, arguments.json):
        if file is not None and not file.absolute().parent.is_dir():
            raise ConfigError(f"no directory '{file.parent}' for '{file.name}'")
    training = read_yaml(config_path(arguments.training))
    paths = recording_paths(arguments.recordings)
    robot = load_robot(arguments.robot or robot_of(arguments.recordings))
    logs = [read_arm_log(path, robot) for path in paths]
    found = estimates(logs, [newest_frames(path) for path in paths], robot, arguments.trials, arguments.quiet)
    arm = IdentifiedArm(**{name: found[name] for name in IdentifiedArm.__dataclass_fields__})
    head = "# Made by maxent-robot identify from " + f"{len(paths)} recordings of robot {robot.name}.\n"
    head += "".join(f"# {name}: {_text(estimate)}\n" for name, estimate in found.items())
    text = yaml.safe_dump(identified_training(arm, training), sort_keys=False)
    arguments.output.write_text(head + text, encoding="utf-8")
    for name, estimate in found.items():
        print(f"{name:<20} {_text(estimate)}")
    print(f"wrote {arguments.output}; train with: maxent-robot train {arguments.output}", flush=True)
    if arguments.json is not None:
        document = {name: without_nan(vars(estimate)) for name, estimate in found.items()}
        arguments.json.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")
    return 0


def recording_paths(places: Sequence[Path]) -> list[Path]:
    """The recordings of trials with an outcome in directories of experiments, and recordings named themselves.

    Raises:
        ConfigError: neither, or none.
    """
    from maxent_robot.trials.experiment_files import ExperimentFiles

    paths: list[Path] = []
    for place in places:
        files = ExperimentFiles(place)
        if place.is_file():
            paths.append(place)
        elif files.exists():
            results = files.read_ledger().results
            kept = (files.recording(number, results[number].attempt) for number in sorted(results))
            paths += [path for path in kept if path.is_file()]
        else:
            raise ConfigError(f"'{place}' is neither a recording nor the directory of an experiment")
    if len(paths) < GROUPS:
        raise ConfigError(f"{len(paths)} recordings, needed are at least {GROUPS}")
    return paths


def robot_of(places: Sequence[Path]) -> str:
    """The robot of the experiments in these places; `sim` where there are only recordings.

    Raises:
        ConfigError: they are with different ones.
    """
    from maxent_robot.trials.experiment_files import ExperimentFiles

    robots = sorted({files.experiment().robot for files in map(ExperimentFiles, places) if files.exists()})
    if len(robots) > 1:
        raise ConfigError(f"experiments with different robots ({', '.join(robots)}): give --robot, or one robot's")
    return robots[0] if robots else "sim"


def estimates(
    logs: Sequence[ArmLog], frames: Sequence[Array], robot: RobotConfig, trials: int, quiet: bool = False
) -> dict[str, Estimate]:
    """Everything that is found out, by name, in the order it is told.

    Args:
        logs: of the trials.
        frames: (steps, 25) of each, what the policy saw.
        robot: the description that the targets were sent by.
        trials: that are replayed.

    Raises:
        ConfigError: too few of them have a motion above the socket.
    """
    from tqdm import tqdm

    from maxent_robot.trials.identification import (
        combine,
        half_width,
        left_by_tare,
        sliding_friction,
        sliding_ratios,
        wrench_bias,
        wrench_noise,
    )
    from sim.plug.replay import fit_motion

    motions = [motion for motion in map(free_motion, logs) if motion is not None]
    if len(motions) < GROUPS:
        raise ConfigError(
            f"{len(motions)} recordings have {FEWEST_S:g} s or more of motion above the socket, needed are {GROUPS}"
        )
    chosen = [motions[int(k)] for k in np.linspace(0, len(motions) - 1, min(trials, len(motions))).round()]
    fits = []
    with tqdm(total=GROUPS, desc="replays", unit="group", disable=quiet or None, dynamic_ncols=True) as bar:
        for group in range(GROUPS):
            fits.append(
                fit_motion(
                    robot, chosen[group::GROUPS], lambda tried, error: bar.set_postfix(fits=tried, error_rad=error)
                )
            )
            bar.update()
    noise, bias = np.array([wrench_noise(log) for log in logs]), np.array([wrench_bias(log) for log in logs])
    left, uncertain = (np.array(part) for part in zip(*map(left_by_tare, frames), strict=True))
    return {
        "delay_s": combine([fit.delay_s for fit in fits], "s"),
        "stiffness_factor": combine([fit.stiffness_factor for fit in fits], "of the description's"),
        "damping_factor": combine([fit.damping_factor for fit in fits], "of the description's"),
        "joint_friction_nm": combine([fit.joint_friction_nm for fit in fits], "Nm"),
        "friction": sliding_friction([sliding_ratios(log) for log in logs]),
        "force_noise_n": combine(noise[:, :3].mean(axis=1).tolist(), "N"),
        "torque_noise_nm": combine(noise[:, 3:].mean(axis=1).tolist(), "Nm"),
        "force_after_tare_n": half_width(left[:, :3], uncertain[:, :3], "N, half width on each axis"),
        "torque_after_tare_nm": half_width(left[:, 3:], uncertain[:, 3:], "Nm, half width on each axis"),
        **{f"force_bias_{axis}_n": combine(bias[:, k].tolist(), "N, TCP axes, raw") for k, axis in enumerate("xyz")},
    }


def free_motion(log: ArmLog) -> Any:
    """The motion of a recording from its beginning until the plug comes near the socket; None if that is short."""
    from maxent_robot.trials.identification import FREE_HEIGHT_M
    from sim.plug.replay import Motion

    low = np.flatnonzero(log.height_m < FREE_HEIGHT_M)
    end = int(low[0]) if low.size else len(log.time_s)
    if end < 2 or log.time_s[end - 1] < FEWEST_S:
        return None
    return Motion(log.time_s[:end], log.positions[:end], log.target_s, log.target)


def _text(estimate: Estimate) -> str:
    if math.isnan(estimate.value):
        return "not seen in these trials"
    interval = "" if math.isnan(estimate.low) else f" ({estimate.low:.3g} to {estimate.high:.3g})"
    return f"{estimate.value:.3g}{interval} {estimate.unit}"
