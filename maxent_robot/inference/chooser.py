"""What chooses the action of a running skill: the skill's own actor, or a composition of several."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from maxent_robot.inference.actor import OnnxActor
from maxent_robot.inference.composition import BoundedComposer
from maxent_robot.inference.critic import OnnxCritic
from maxent_robot.inference.sampler import EntropyAwareSampler
from maxent_robot.inference.squashed_gaussian import squashed_entropy
from maxent_robot.inference.temperature import TemperatureControl
from maxent_robot.skill.bundle import SkillBundle
from maxent_robot.skill.experience import Experience

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Choice:
    """An action, and how it came about.

    Attributes:
        action: (6,), in [-1, 1], socket axes.
        entropy: of the policy of the (primary) skill [nat], whatever the mode.
        temperature: factor on the standard deviation.
        report: what else is worth publishing, by name.
    """

    action: Array
    entropy: float
    temperature: float
    report: Mapping[str, float | str]


class ActionChooser(Protocol):
    """Chooses one action a step.

    Attributes:
        control: mode and temperature of the sampler; another one may be put in its place at any time.
        seed: in use.
        sees_obstacle: whether the observation has to hold the frame of an obstacle.
    """

    control: TemperatureControl
    seed: int
    sees_obstacle: bool

    def reset(self) -> None:
        """Begin a new episode; the sequence of draws goes on."""

    def __call__(self, observation: NDArray[np.float32], frame: Array, calm: float = 1.0) -> Choice:
        """Choose.

        Args:
            observation: (150,) SI units, and (6,) of the obstacle behind them where there is one.
            frame: (25,) the newest of its frames.
            calm: factor on the temperature, in [0, 1].

        Raises:
            InferenceError: a network gives a value that is not finite.
        """

    def close(self) -> None:
        """End what runs in the background."""


class SkillChooser:
    """The action of one skill, by its own actor.

    Args:
        bundle: of the skill.
        sampler: chooses from the actor's distribution.

    Raises:
        ContractError: what the bundle says that it has met can't be read.
    """

    def __init__(self, bundle: SkillBundle, sampler: EntropyAwareSampler) -> None:
        self.seed, self._bundle = sampler.seed, bundle
        self._sampler, self._actor = sampler, OnnxActor(bundle)
        layout = bundle.manifest.layout
        self.sees_obstacle, self._columns = layout.sees_obstacle, layout.columns
        self._doubt: CriticDoubt | None = None
        self.control = sampler.control
        self._actor(np.zeros((1, self._actor.observation_size), dtype=np.float32))  # the first run allocates

    @property
    def control(self) -> TemperatureControl:
        """See `ActionChooser`; the critics are loaded for the first one that heeds them."""
        return self._sampler.control

    @control.setter
    def control(self, control: TemperatureControl) -> None:
        if not control.heeds_critics:
            self._doubt = None
        elif self._doubt is None:
            self._doubt = CriticDoubt(self._bundle)
        self._sampler.control = control

    def reset(self) -> None:
        """See `ActionChooser`."""
        self._sampler.reset()

    def __call__(self, observation: NDArray[np.float32], frame: Array, calm: float = 1.0) -> Choice:
        """See `ActionChooser`."""
        seen = observation[self._columns][None]
        mean, log_std = self._actor(seen)
        disagreement = None if self._doubt is None else self._doubt(seen, np.tanh(mean))
        sampled = self._sampler(mean, log_std, frame[None], calm, disagreement)
        report = {} if disagreement is None else {"disagreement": float(disagreement[0])}
        return Choice(
            action=sampled.action[0],
            entropy=float(sampled.entropy[0]),
            temperature=float(sampled.temperature[0]),
            report={"log_prob": float(sampled.log_prob[0]), **report},
        )

    def close(self) -> None:
        """Nothing runs in the background."""


class ComposedChooser:
    """The action that several skills agree on.

    Args:
        composer: of the skills; closed with this.
        control: mode and temperature; the critics' disagreement is for the composer's own gate.
        sees_obstacle: whether one of the skills does.
    """

    def __init__(self, composer: BoundedComposer, control: TemperatureControl, sees_obstacle: bool = False) -> None:
        self.control, self.seed = control, composer.composer.seed
        self._bounded = composer
        self.sees_obstacle = sees_obstacle

    def reset(self) -> None:
        """See `ActionChooser`."""
        self.control.reset()

    def __call__(self, observation: NDArray[np.float32], frame: Array, calm: float = 1.0) -> Choice:
        """See `ActionChooser`."""
        composer = self._bounded.composer
        composition = composer.composition
        guidance = self.control(1, frame[None], calm)
        temperature = float(guidance.temperature[0])
        at = observation.astype(np.float64)
        composed = self._bounded(at, temperature)
        return Choice(
            action=guidance.overrule(composed.action[None])[0],
            entropy=float(squashed_entropy(*composer.primary.gaussian(at))),
            temperature=temperature,
            report={
                "composed_entropy": composed.entropy,
                "ess_share": composed.effective,
                "divergence": composed.divergence,
                "rounds": composed.rounds,
                "operator": composition.operator,
                "weights": ", ".join(
                    f"{name} {weight:g}" for name, weight in zip(composer.skills, composition.weights, strict=True)
                ),
                "fallback": composed.fallback,
            },
        )

    def close(self) -> None:
        """End the composer's thread."""
        self._bounded.close()


class CriticDoubt:
    """How far the critics of a skill disagree, as a share of the greatest disagreement in its evaluation.

    Attributes:
        critic: of the skill.

    Raises:
        ContractError: what the bundle says that it has met can't be read.
    """

    def __init__(self, bundle: SkillBundle) -> None:
        self.critic = OnnxCritic(bundle)
        experience = Experience.of(bundle.manifest.evaluation)
        self._usual = None if experience is None else experience.disagreement

    def __call__(self, observation: NDArray[np.float32], action: NDArray[np.floating]) -> Array | None:
        """(n,) at observations (n, 150) and actions (n, 6); None where the bundle does not say what is usual."""
        return None if self._usual is None else self.share(self.critic.disagreement(observation, action))

    def share(self, disagreement: Array) -> Array | None:
        """(n,) of disagreements (n,) that are known already."""
        return None if self._usual is None else disagreement / self._usual
