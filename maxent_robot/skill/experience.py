"""What a skill has met: the range of all that it observed, and of its entropy, while it was evaluated.

A run on a robot that leaves these ranges asks the policy about states of which its training says nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from maxent_robot.errors import ContractError
from maxent_robot.skill.observation import FRAME_SIZE, OBSERVATION_FIELDS

Array = NDArray[np.float64]

EVALUATION_KEY = "experience"
"""Where it stands in the `evaluation` of a manifest."""

_AXES = "xyz"


@dataclass(frozen=True)
class Experience:
    """Least and greatest value of each quantity of a frame, and of the entropy.

    Attributes:
        minimum: (25,) in the units of the fields.
        maximum: (25,), not below `minimum`.
        entropy: least and greatest entropy of the policy [nat].
        steps: policy steps that they were seen in.
        disagreement: greatest distance of the heads of the critic at the mean action [reward]; None where it was not
            looked at.
    """

    minimum: Array
    maximum: Array
    entropy: tuple[float, float]
    steps: int
    disagreement: float | None = None

    @staticmethod
    def of(evaluation: Mapping[str, Any]) -> Experience | None:
        """The experience in the `evaluation` of a manifest; None where it holds none.

        Raises:
            ContractError: it is not what :meth:`to_mapping` writes.
        """
        found = evaluation.get(EVALUATION_KEY)
        if found is None:
            return None
        try:
            ranges = np.array([found["observation"][name] for name in COMPONENTS], dtype=np.float64)
            low, high = (float(bound) for bound in found["entropy"])
            disagreement = None if (most := found.get("disagreement")) is None else float(most)
            experience = Experience(ranges[:, 0], ranges[:, 1], (low, high), int(found["steps"]), disagreement)
        except (KeyError, IndexError, TypeError, ValueError) as error:
            raise ContractError(f"evaluation.{EVALUATION_KEY} of the skill: {error!r}") from error
        bounds = np.append(ranges, [[low, high]], axis=0)
        if not (np.isfinite(bounds).all() and (bounds[:, 0] <= bounds[:, 1]).all()):
            raise ContractError(f"evaluation.{EVALUATION_KEY} of the skill: a range that is not finite or not in order")
        if disagreement is not None and not 0.0 < disagreement < np.inf:
            raise ContractError(
                f"evaluation.{EVALUATION_KEY}.disagreement of the skill is {disagreement}, must be positive and finite"
            )
        return experience

    def to_mapping(self) -> dict[str, Any]:
        """Plain data: the range of each quantity by name, of the entropy, the number of steps, the disagreement."""
        return {
            "observation": {
                name: [float(low), float(high)]
                for name, low, high in zip(COMPONENTS, self.minimum, self.maximum, strict=True)
            },
            "entropy": list(self.entropy),
            "steps": self.steps,
            **({} if self.disagreement is None else {"disagreement": self.disagreement}),
        }

    def novelty(self, frame: Array) -> tuple[float, str]:
        """How far the strangest quantity of a frame (25,) is outside its range, as a share of the width of that range.

        Returns:
            The share, 0 inside of all ranges, and the name of the quantity. A width counts as a tenth of the field's
            scale at least, so that a quantity that never changed may still differ by rounding.
        """
        outside = np.maximum(self.minimum - frame, frame - self.maximum) / np.maximum(
            self.maximum - self.minimum, _LEAST_WIDTH
        )
        strangest = int(np.argmax(outside))
        return max(0.0, float(outside[strangest])), COMPONENTS[strangest]


class ExperienceRecorder:
    """Widens an experience by what is seen; merging keeps the wider range of each."""

    def __init__(self) -> None:
        self._minimum, self._maximum = np.full(FRAME_SIZE, np.inf), np.full(FRAME_SIZE, -np.inf)
        self._entropy = (np.inf, -np.inf)
        self._disagreement: float | None = None
        self._steps = 0

    def add(self, frames: NDArray[Any], entropy: NDArray[Any], disagreement: NDArray[Any] | None = None) -> None:
        """Take frames (n, 25), the newest of each observation, and what belongs to them.

        Args:
            entropy: (n,) of the policy there [nat].
            disagreement: (n,) of the heads of the critic at the mean action [reward].
        """
        self._minimum = np.minimum(self._minimum, frames.min(axis=0))
        self._maximum = np.maximum(self._maximum, frames.max(axis=0))
        self._entropy = min(self._entropy[0], float(entropy.min())), max(self._entropy[1], float(entropy.max()))
        if disagreement is not None:
            self._disagreement = max(self._disagreement or 0.0, float(disagreement.max()))
        self._steps += len(frames)

    def experience(self) -> Experience:
        """What was seen so far.

        Raises:
            ValueError: nothing was.
        """
        if not self._steps:
            raise ValueError("nothing seen yet")
        return Experience(self._minimum, self._maximum, self._entropy, self._steps, self._disagreement)


def merge(experiences: list[Experience]) -> Experience:
    """The union of the ranges of several."""
    return Experience(
        np.min([experience.minimum for experience in experiences], axis=0),
        np.max([experience.maximum for experience in experiences], axis=0),
        (min(e.entropy[0] for e in experiences), max(e.entropy[1] for e in experiences)),
        sum(experience.steps for experience in experiences),
        max((e.disagreement for e in experiences if e.disagreement is not None), default=None),
    )


def _components() -> tuple[str, ...]:
    names = []
    for field in OBSERVATION_FIELDS:
        if field.size == 1:
            names.append(field.name)
        else:
            names += [f"{field.name}.{_AXES[i] if field.size == len(_AXES) else i}" for i in range(field.size)]
    return tuple(names)


COMPONENTS = _components()
"""Names of the 25 quantities of a frame: `force.x`, `previous_action.3`, `allowed_force`."""

_LEAST_WIDTH: Array = 0.1 * np.concatenate([np.full(field.size, field.scale) for field in OBSERVATION_FIELDS])
