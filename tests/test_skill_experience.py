"""What a skill has met: names, ranges, and how far a frame is outside of them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from skill_bundles import make_bundle

from maxent_robot.control.robot import load_robot
from maxent_robot.errors import ContractError
from maxent_robot.safety.expected_skill import expected_policy
from maxent_robot.skill import FRAME_SIZE, OBSERVATION_FIELDS
from maxent_robot.skill.experience import COMPONENTS, Experience, ExperienceRecorder, merge

ROBOT = load_robot("sim")


def seen(frames: np.ndarray, entropy: np.ndarray) -> Experience:
    recorder = ExperienceRecorder()
    for frame, value in zip(frames, entropy, strict=True):
        recorder.add(frame[None], value[None])
    return recorder.experience()


@pytest.fixture
def frames() -> np.ndarray:
    return np.random.default_rng(4).uniform(-1.0, 1.0, (50, FRAME_SIZE))


def test_every_quantity_of_a_frame_has_a_name_of_its_own() -> None:
    assert len(COMPONENTS) == len(set(COMPONENTS)) == FRAME_SIZE == sum(field.size for field in OBSERVATION_FIELDS)
    assert COMPONENTS[6:9] == ("force.x", "force.y", "force.z")
    assert COMPONENTS[-2:] == ("previous_action.5", "allowed_force")


def test_what_was_seen_is_not_new_and_what_was_not_is_so_by_its_distance_in_widths(frames: np.ndarray) -> None:
    experience = seen(frames, np.zeros(50))
    assert max(experience.novelty(frame)[0] for frame in frames) == 0.0
    for component in range(FRAME_SIZE):
        frame = frames[0].copy()
        width = experience.maximum[component] - experience.minimum[component]
        frame[component] = experience.maximum[component] + 0.25 * width
        assert experience.novelty(frame) == (pytest.approx(0.25), COMPONENTS[component])
        frame[component] = experience.minimum[component] - 3.0 * width
        assert experience.novelty(frame) == (pytest.approx(3.0), COMPONENTS[component])


def test_a_quantity_that_never_changed_may_differ_by_a_little() -> None:
    experience = seen(np.zeros((2, FRAME_SIZE)), np.zeros(2))
    frame = np.zeros(FRAME_SIZE)
    frame[-1] = 0.15  # N, a hundredth of the field's scale
    assert experience.novelty(frame) == (pytest.approx(0.1), "allowed_force")


def test_it_is_the_same_in_one_go_in_parts_and_after_writing(frames: np.ndarray) -> None:
    entropy = np.linspace(-9.0, 1.0, 50)
    whole, parts = seen(frames, entropy), merge([seen(frames[:20], entropy[:20]), seen(frames[20:], entropy[20:])])
    read = Experience.of({"experience": whole.to_mapping()})
    assert read is not None
    for other in (parts, read):
        np.testing.assert_array_equal(other.minimum, whole.minimum)
        np.testing.assert_array_equal(other.maximum, whole.maximum)
        assert (other.entropy, other.steps) == (whole.entropy, whole.steps) == ((-9.0, 1.0), 50)


def test_a_bundle_without_it_has_none() -> None:
    assert Experience.of({"mean": {}}) is None


@pytest.mark.parametrize("broken", ["missing", "order", "nan", "text"])
def test_what_can_not_be_is_refused(frames: np.ndarray, broken: str) -> None:
    mapping = seen(frames, np.zeros(50)).to_mapping()
    if broken == "missing":
        del mapping["observation"]["force.x"]
    else:
        mapping["observation"]["force.x"] = {"order": [1.0, 0.0], "nan": [float("nan"), 1.0], "text": "wide"}[broken]
    with pytest.raises(ContractError, match=r"evaluation\.experience"):
        Experience.of({"experience": mapping})


def test_the_supervisor_expects_the_actor_and_the_entropies_of_the_bundle(tmp_path: Path, frames: np.ndarray) -> None:
    experience = seen(frames, np.linspace(-9.0, 1.0, 50))
    bundle = make_bundle(tmp_path, "known", evaluation={"experience": experience.to_mapping()})
    expected = expected_policy(ROBOT, bundle.manifest.policy_period_s, str(bundle.directory))
    assert expected.actor_sha256 == bundle.manifest.files["actor.onnx"]
    assert expected.entropy == (-9.0, 1.0)
    assert expected.robot == ROBOT.fingerprint()
    with pytest.raises(ContractError, match=r"period of 0\.05 s, policy_period_s is 0\.1 s"):
        expected_policy(ROBOT, 0.1, str(bundle.directory))
    with pytest.raises(ContractError, match=r"CONTRACT_MISMATCH: .* model"):
        expected_policy(load_robot("ur5e"), bundle.manifest.policy_period_s, str(bundle.directory))


def test_of_any_skill_and_of_one_that_does_not_say_what_it_has_met_no_entropy_is_expected(tmp_path: Path) -> None:
    anyone = expected_policy(ROBOT, 0.1)
    assert (anyone.actor_sha256, anyone.entropy, anyone.robot) == ("", None, ROBOT.fingerprint())
    bundle = make_bundle(tmp_path, "silent", evaluation={})
    expected = expected_policy(ROBOT, bundle.manifest.policy_period_s, str(bundle.directory))
    assert (expected.actor_sha256, expected.entropy) == (bundle.manifest.files["actor.onnx"], None)


def test_the_fingerprint_of_a_robot_depends_on_what_it_is_and_not_on_its_topics() -> None:
    assert ROBOT.fingerprint().startswith("sim ")
    assert len({load_robot(name).fingerprint() for name in ("sim", "fr3", "ur5e")}) == 3
