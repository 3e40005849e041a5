"""Skill bundles: what is written is read back, and whatever is wrong is one clear error that shows both values."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper
from skill_bundles import manifest

from maxent_robot.config import to_mapping
from maxent_robot.control.robot import ImpedanceSetting
from maxent_robot.errors import BundleError
from maxent_robot.skill import ACTION_AXES, ACTION_SIZE, HISTORY_AGES, OBSERVATION_FIELDS, OBSERVATION_SIZE
from maxent_robot.skill.bundle import SIZE_LIMIT_BYTES, SkillBundle, load_bundle, write_bundle
from maxent_robot.skill.manifest import SkillManifest, TrainingRecord
from maxent_robot.yaml_file import read_yaml, write_yaml

HEADS = 2


def linear_graph(inputs: dict[str, int], outputs: dict[str, int], **changes: Any) -> bytes:
    """Return an ONNX graph whose outputs are linear maps of its inputs side by side.

    Args:
        inputs: size of each input.
        outputs: size of each output.
        changes: `batch` (declared batch axis), `type` (element type), `weight` (value of every weight).
    """
    batch, kind = changes.get("batch", "batch"), changes.get("type", TensorProto.FLOAT)
    weight = changes.get("weight", 0.01)
    nodes, weights = [helper.make_node("Concat", list(inputs), ["all"], axis=1)], []
    for name, size in outputs.items():
        matrix = np.full((sum(inputs.values()), size), weight, dtype=helper.tensor_dtype_to_np_dtype(kind))
        weights.append(numpy_helper.from_array(matrix, f"w_{name}"))
        nodes.append(helper.make_node("MatMul", ["all", f"w_{name}"], [name]))
    graph = helper.make_graph(
        nodes,
        "linear",
        [helper.make_tensor_value_info(name, kind, [batch, size]) for name, size in inputs.items()],
        [helper.make_tensor_value_info(name, kind, [batch, size]) for name, size in outputs.items()],
        weights,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(model)
    data: bytes = model.SerializeToString()
    return data


def actor(**changes: Any) -> bytes:
    return linear_graph({"observation": OBSERVATION_SIZE}, {"mean": ACTION_SIZE, "log_std": ACTION_SIZE}, **changes)


def critic(**changes: Any) -> bytes:
    return linear_graph({"observation": OBSERVATION_SIZE, "action": ACTION_SIZE}, {"q": HEADS}, **changes)


def a_manifest(**changes: Any) -> SkillManifest:
    fields: dict[str, Any] = {
        "reward": {"seated": 1.0, "force": -0.1},
        "randomisation": {"socket_error_m": 0.002, "friction": [0.25, 1.25]},
        "training": TrainingRecord(seed=1, commit="12e4567", command="maxent-robot train x", steps=10, wall_s=1.5),
        "evaluation": {"success": 0.99, "success_interval": [0.97, 1.0]},
        "impedance": ImpedanceSetting(),
    }
    return manifest("tiny", **{**fields, **changes})


@pytest.fixture
def bundle(tmp_path: Path) -> SkillBundle:
    return write_bundle(tmp_path / "skills" / "tiny", a_manifest(), actor(), critic())


def test_a_bundle_round_trips(bundle: SkillBundle) -> None:
    again = load_bundle(bundle.directory)
    assert again == bundle
    assert to_mapping(dataclasses.replace(again.manifest, files={})) == to_mapping(a_manifest())
    assert again.actor_path.read_bytes() == again.actor_onnx == actor()
    assert again.critic_path.read_bytes() == again.critic_onnx == critic()
    assert again.critic_heads == HEADS
    assert again.manifest.observation_size == OBSERVATION_SIZE
    impedance = again.manifest.impedance
    np.testing.assert_allclose(
        again.manifest.leash.translation_m * impedance.stiffness_translation, impedance.force_max
    )
    session = onnxruntime.InferenceSession(again.actor_onnx, providers=["CPUExecutionProvider"])
    mean, _ = session.run(["mean", "log_std"], {"observation": np.ones((1, OBSERVATION_SIZE), np.float32)})
    np.testing.assert_allclose(mean, 0.01 * OBSERVATION_SIZE, rtol=1e-5)


def test_a_bundle_is_replaced_whole_and_nothing_is_left_beside_it(bundle: SkillBundle) -> None:
    (bundle.directory / "stale.txt").touch()
    write_bundle(bundle.directory, a_manifest(alpha=0.5), actor(weight=0.02), critic())
    assert load_bundle(bundle.directory).manifest.alpha == 0.5
    assert sorted(entry.name for entry in bundle.directory.iterdir()) == ["actor.onnx", "critic.onnx", "skill.yaml"]
    assert [entry.name for entry in bundle.directory.parent.iterdir()] == ["tiny"]


def test_a_bundle_that_would_not_load_is_not_written(bundle: SkillBundle) -> None:
    with pytest.raises(BundleError, match=re.escape(f"{bundle.actor_path}: inputs are ['action', 'observation']")):
        write_bundle(bundle.directory, a_manifest(), critic(), critic())
    with pytest.raises(BundleError, match=r"parity_error is 0\.001, must be at most 1e-05"):
        write_bundle(bundle.directory, a_manifest(parity_error=1e-3), actor(), critic())
    assert load_bundle(bundle.directory) == bundle
    assert [entry.name for entry in bundle.directory.parent.iterdir()] == ["tiny"]


def test_a_directory_that_is_not_a_bundle_is_not_overwritten(tmp_path: Path) -> None:
    (tmp_path / "tiny").mkdir()
    (tmp_path / "tiny" / "thesis.tex").write_text("years of work", encoding="utf-8")
    with pytest.raises(BundleError, match="is not a skill bundle"):
        write_bundle(tmp_path / "tiny", a_manifest(), actor(), critic())
    assert (tmp_path / "tiny" / "thesis.tex").is_file()


def edit(**changes: Any) -> Callable[[Path], None]:
    """Return damage that sets keys of the manifest; None deletes, dots descend as `__`."""

    def apply(place: Path) -> None:
        data = read_yaml(place / "skill.yaml")
        for key, value in changes.items():
            inside: Any = data
            *path, last = key.split("__")
            for part in path:
                inside = inside[int(part) if part.isdigit() else part]
            if value is None:
                del inside[last]
            else:
                inside[last] = value
        write_yaml(place / "skill.yaml", data)

    return apply


def flip_byte(place: Path) -> None:
    data = bytearray((place / "actor.onnx").read_bytes())
    data[len(data) // 2] ^= 1
    (place / "actor.onnx").write_bytes(bytes(data))


def truncate(place: Path) -> None:
    data = (place / "critic.onnx").read_bytes()
    (place / "critic.onnx").write_bytes(data[: len(data) // 2])


def truncate_manifest(place: Path) -> None:
    text = (place / "skill.yaml").read_text(encoding="utf-8")
    (place / "skill.yaml").write_text(text[: len(text) // 2], encoding="utf-8")


def swap(place: Path) -> None:
    (place / "actor.onnx").rename(place / "x")
    (place / "critic.onnx").rename(place / "actor.onnx")
    (place / "x").rename(place / "critic.onnx")


def inflate(place: Path) -> None:
    (place / "actor.onnx").write_bytes(bytes(SIZE_LIMIT_BYTES + 1))


DAMAGE: dict[str, tuple[Callable[[Path], None], str]] = {
    "one flipped bit": (flip_byte, r"actor\.onnx: damaged or replaced: SHA-256 is [0-9a-f]{64}, .* says [0-9a-f]{64}"),
    "half a critic": (truncate, r"critic\.onnx: damaged or replaced: SHA-256 is"),
    "half a manifest": (truncate_manifest, r"skill\.yaml: "),
    "networks swapped": (swap, r"actor\.onnx: damaged or replaced"),
    "no actor": (lambda place: (place / "actor.onnx").unlink(), r"actor\.onnx: no such file"),
    "no manifest": (lambda place: (place / "skill.yaml").unlink(), r"skill\.yaml: no such file"),
    "too large": (inflate, r"actor\.onnx: 2097153 bytes, a file of a bundle has at most 2097152"),
    "newer version": (edit(schema_version=2), "schema_version is 2, this software reads 1"),
    "no version": (edit(schema_version=None), "schema_version is None, this software reads 1"),
    "version as text": (edit(schema_version="1"), "schema_version is '1', this software reads 1"),
    "unknown key": (edit(gama=0.9), "unknown key 'gama', did you mean 'gamma'"),
    "missing key": (edit(gamma=None), "gamma: required key is missing"),
    "missing key with a default": (
        edit(impedance__damping_ratio=None),
        "impedance.damping_ratio: required key is missing",
    ),
    "missing whole pose": (edit(T_flange_tcp__position=None), "T_flange_tcp.position: required key is missing"),
    "value out of range": (edit(gamma=1.5), "gamma: 1.5 is too large"),
    "other name": (edit(name="other"), "the directory is named 'tiny' but its manifest says 'other'"),
    "name with a path": (edit(name="../tiny"), "name '../tiny' is not lower-case letters"),
    "other scale": (
        edit(observation__2__scale=77.0),
        rf"observation\[2\] is .*'scale': 77\.0.*this software builds .*'scale': {OBSERVATION_FIELDS[2].scale}",
    ),
    "other field size": (edit(observation__0__size=4), r"observation\[0\] is .*'size': 4.*builds .*'size': 3"),
    "a field less": (
        lambda place: edit(observation=read_yaml(place / "skill.yaml")["observation"][:-1])(place),
        rf"observation\[{len(OBSERVATION_FIELDS) - 1}\] is absent, .* builds .*{OBSERVATION_FIELDS[-1].name}",
    ),
    "faster action": (
        edit(action__0__maximum=0.3),
        rf"action\[0\] is .*'maximum': 0\.3.*this software builds .*'maximum': {ACTION_AXES[0].maximum}",
    ),
    "other history": (
        edit(history_ages=[1, 0]),
        re.escape(f"history_ages is (1, 0), this software builds {HISTORY_AGES} or (0,)"),
    ),
    "unlisted file": (
        edit(files__extra="00"),
        r"files are \['actor\.onnx', 'critic\.onnx', 'extra'\], must be \['actor\.onnx', 'critic\.onnx'\]",
    ),
    "poor parity": (edit(parity_error=1e-3), "parity_error is 0.001, must be at most 1e-05"),
}


@pytest.mark.parametrize("case", DAMAGE)
def test_damage_is_one_clear_error(bundle: SkillBundle, case: str) -> None:
    damage, message = DAMAGE[case]
    damage(bundle.directory)
    with pytest.raises(BundleError) as caught:
        load_bundle(bundle.directory)
    assert re.search(message, str(caught.value)), str(caught.value)
    assert str(bundle.directory) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_renamed_bundle_is_an_error(bundle: SkillBundle) -> None:
    renamed = bundle.directory.rename(bundle.directory.with_name("better"))
    with pytest.raises(BundleError, match="is named 'better' but its manifest says 'tiny'"):
        load_bundle(renamed)


def test_a_bundle_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match="no such skill bundle"):
        load_bundle(tmp_path / "absent")


ACTOR_IN, ACTOR_OUT = {"observation": OBSERVATION_SIZE}, {"mean": ACTION_SIZE, "log_std": ACTION_SIZE}
GRAPHS: dict[str, tuple[Callable[[], bytes], str]] = {
    "not a graph": (lambda: b"not an onnx file", "not an ONNX graph that can be run"),
    "nothing": (lambda: b"", "not an ONNX graph that can be run"),
    "input renamed": (
        lambda: linear_graph({"obs": OBSERVATION_SIZE}, ACTOR_OUT),
        r"inputs are \['obs'\], must be \['observation'\]",
    ),
    "output missing": (
        lambda: linear_graph(ACTOR_IN, {"mean": ACTION_SIZE}),
        r"outputs are \['mean'\], must be \['log_std', 'mean'\]",
    ),
    "shorter observation": (
        lambda: linear_graph({"observation": 149}, ACTOR_OUT),
        r"input 'observation' has shape \(batch, 149\), must be \(batch, 150\)",
    ),
    "more axes": (
        lambda: linear_graph(ACTOR_IN, {"mean": 7, "log_std": ACTION_SIZE}),
        r"output 'mean' has shape \(batch, 7\), must be \(batch, 6\)",
    ),
    "fixed batch": (lambda: actor(batch=1), r"has shape \(1, 150\), must be \(batch, 150\): its batch axis is fixed"),
    "double precision": (lambda: actor(type=TensorProto.DOUBLE), r"is tensor\(double\), must be tensor\(float\)"),
    "not finite": (lambda: actor(weight=np.nan), "output 'mean' is not finite"),
}


@pytest.mark.parametrize("case", GRAPHS)
def test_a_graph_that_is_not_what_the_manifest_says_is_one_clear_error(tmp_path: Path, case: str) -> None:
    build, message = GRAPHS[case]
    with pytest.raises(BundleError) as caught:
        write_bundle(tmp_path / "tiny", a_manifest(), build(), critic())
    assert re.search(message, str(caught.value)), str(caught.value)
    assert "actor.onnx" in str(caught.value)
    assert "\n" not in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_a_graph_that_drops_rows_of_a_batch_is_refused(tmp_path: Path) -> None:
    """Declared shapes promise a batch axis; running shows that this graph does not keep it."""
    model = onnx.load_from_string(critic())
    model.graph.node[-1].output[0] = "rows"
    model.graph.node.append(helper.make_node("Unique", ["rows"], ["q"], axis=0))
    message = r"critic\.onnx: output 'q' has shape \(1, 2\) when run, must be \(3, heads\)"
    with pytest.raises(BundleError, match=message):
        write_bundle(tmp_path / "tiny", a_manifest(), actor(), model.SerializeToString())
