"""Render a strip of pictures of one insertion by a skill in simulation.

    python examples/render_insertion.py skills/plug_insertion docs/images/insertion.png

The arm from afar, then the plug above the estimated mouth, while it searches, on its way in, and seated.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import imageio.v3 as imageio
import numpy as np

import sim  # noqa: F401  (chooses the renderer)
from maxent_robot.config import config_from_mapping
from maxent_robot.inference import OnnxActor
from maxent_robot.paths import find_skill
from maxent_robot.skill.bundle import load_bundle
from sim.plug.config import PlugConfig
from sim.plug.task import PlugTask
from sim.render import SceneRenderer


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("skill", help="name or path of a skill bundle")
    parser.add_argument("output", type=Path, help="PNG to write")
    parser.add_argument("--seed", type=int, default=3, help="of the episode")
    arguments = parser.parse_args()
    bundle = load_bundle(find_skill(arguments.skill))
    actor = OnnxActor(bundle)
    task = PlugTask(config_from_mapping({"connector": bundle.manifest.connector}, PlugConfig), 1)
    task.begin(0, (arguments.seed, 0))
    arm, close = SceneRenderer(480, 480), SceneRenderer(480, 480)
    far = arm.picture(*task.physics.snapshot(0), view="arm")
    frames, depths = [close.picture(*task.physics.snapshot(0))], [float(task.depth()[0])]
    observation, done = task.observe(), False
    while not done:
        mean, _ = actor(observation)
        outcome = task.advance(np.tanh(mean))
        observation = task.observe()
        frames.append(close.picture(*task.physics.snapshot(0)))
        depths.append(float(task.depth()[0]))
        done = bool(outcome.success[0] or outcome.failure[0] or outcome.timeout[0])
    if not outcome.success[0]:
        raise SystemExit(f"episode {arguments.seed} is no success: choose another --seed")
    depth = np.array(depths)
    touch = int(np.argmax(depth > -0.001))
    half = int(np.argmax(depth > 0.4 * task.connector.depth))
    chosen = [far, frames[0], frames[(touch + half) // 2], frames[half], frames[-1]]
    arguments.output.parent.mkdir(parents=True, exist_ok=True)
    imageio.imwrite(arguments.output, np.concatenate(chosen, axis=1))
    print(f"{arguments.output}: inserted in {task.time_s[0]:.2f} s, peak force {task.peak_force_n[0]:.1f} N")
    arm.close()
    close.close()


if __name__ == "__main__":
    main()
