"""Small valid skill bundles for tests: networks of random weights, manifests that match the `sim` robot."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
from onnx import TensorProto, helper, numpy_helper

from maxent_robot.control.robot import load_robot
from maxent_robot.skill import ACTION_AXES, ACTION_SIZE, HISTORY_AGES, OBSERVATION_FIELDS, OBSERVATION_SIZE
from maxent_robot.skill.bundle import SkillBundle, write_bundle
from maxent_robot.skill.hockey import HOCKEY_AGES, HOCKEY_AXES, HOCKEY_FIELDS
from maxent_robot.skill.manifest import SkillManifest, TrainingRecord
from maxent_robot.skill.observation import observation_scale

HIDDEN = 16


def actor_onnx(
    seed: int = 0, log_std: float = -1.0, scale: np.ndarray | None = None, actions: int = ACTION_SIZE
) -> bytes:
    """An actor with one hidden layer; log_std varies around the given value with the observation."""
    rng = np.random.default_rng(seed)
    scale = observation_scale() if scale is None else scale
    weights = {
        "scale": scale,
        "w1": rng.normal(0, len(scale) ** -0.5, (len(scale), HIDDEN)),
        "w_mean": rng.normal(0, HIDDEN**-0.5, (HIDDEN, actions)),
        "w_std": rng.normal(0, 0.1, (HIDDEN, actions)),
        "b_std": np.full(actions, log_std),
    }
    nodes = [
        helper.make_node("Div", ["observation", "scale"], ["x"]),
        helper.make_node("MatMul", ["x", "w1"], ["h"]),
        helper.make_node("Tanh", ["h"], ["a"]),
        helper.make_node("MatMul", ["a", "w_mean"], ["mean"]),
        helper.make_node("MatMul", ["a", "w_std"], ["s"]),
        helper.make_node("Add", ["s", "b_std"], ["log_std"]),
    ]
    return _model(nodes, {"observation": len(scale)}, {"mean": actions, "log_std": actions}, weights)


def critic_onnx(
    seed: int = 0, heads: int = 2, observation: int = OBSERVATION_SIZE, actions: int = ACTION_SIZE
) -> bytes:
    """A linear critic of `heads` heads."""
    rng = np.random.default_rng(seed)
    size = observation + actions
    nodes = [
        helper.make_node("Concat", ["observation", "action"], ["x"], axis=1),
        helper.make_node("MatMul", ["x", "w"], ["q"]),
    ]
    weights = {"w": rng.normal(0, 0.1, (size, heads))}
    return _model(nodes, {"observation": observation, "action": actions}, {"q": heads}, weights)


def manifest(name: str = "random_skill", **changes: Any) -> SkillManifest:
    """A manifest that matches the robot `sim`, with any field changed."""
    description = load_robot("sim")
    made = SkillManifest(
        schema_version=1,
        name=name,
        task="plug_insertion",
        connector="two_pin",
        robot="sim",
        observation=OBSERVATION_FIELDS,
        history_ages=HISTORY_AGES,
        action=ACTION_AXES,
        policy_period_s=0.05,
        gamma=0.98,
        alpha=0.02,
        target_entropy=-6.0,
        reward={"success": 1.0},
        impedance=description.impedance,
        T_flange_tcp=description.T_flange_tcp,
        randomisation={},
        training=TrainingRecord(seed=0, commit="none", command="random weights", steps=0, wall_s=0.0),
        evaluation={},
        files={},
        parity_error=0.0,
    )
    return dataclasses.replace(made, **changes)


def make_bundle(directory: Path, name: str = "random_skill", seed: int = 0, **changes: Any) -> SkillBundle:
    """Write a bundle of random weights to `directory`/`name`; `changes` are fields of the manifest."""
    made = manifest(name, **changes)
    frame = np.concatenate([np.full(field.size, field.scale) for field in made.observation])
    scale = np.tile(frame, len(made.history_ages))
    actions = len(made.action)
    return write_bundle(
        directory / name,
        made,
        actor_onnx(seed, scale=scale, actions=actions),
        critic_onnx(seed, observation=len(scale), actions=actions),
    )


def make_hockey_bundle(directory: Path, name: str = "random_player", seed: int = 0, **changes: Any) -> SkillBundle:
    """Write a bundle that plays hockey at random, for the robot `sim_hockey`."""
    description = load_robot("sim_hockey")
    hockey = {
        "task": "hockey",
        "connector": "none",
        "robot": "sim_hockey",
        "observation": HOCKEY_FIELDS,
        "history_ages": HOCKEY_AGES,
        "action": HOCKEY_AXES,
        "policy_period_s": 0.02,
        "impedance": description.impedance,
        "T_flange_tcp": description.T_flange_tcp,
    }
    return make_bundle(directory, name, seed, **(hockey | changes))


def _model(nodes: list[Any], inputs: dict[str, int], outputs: dict[str, int], weights: dict[str, Any]) -> bytes:
    graph = helper.make_graph(
        nodes,
        "network",
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["batch", size]) for name, size in inputs.items()],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["batch", size]) for name, size in outputs.items()],
        [numpy_helper.from_array(np.asarray(value, dtype=np.float32), name) for name, value in weights.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    data: bytes = model.SerializeToString()
    return data
