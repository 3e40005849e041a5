"""The composer: an action that several skills agree on, drawn from what their soft Qs say together.

Candidates come from a defensive mixture of the actors, of their product and of the uniform distribution. Each is
weighted by the energy of the composition over the density that it was drawn with, and one is picked by its weight; or
their weighted mean is taken, which does not leap about between candidates that are nearly as good.
Where few candidates have all the weight there is a second round around those. Where the skills disagree too much, or a
network fails, the primary skill acts alone, and the answer says so.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from maxent_robot.inference.composition import energies
from maxent_robot.inference.composition.candidates import Noise, Proposal
from maxent_robot.inference.composition.experts import divergence, product_gaussian
from maxent_robot.inference.composition.importance import WeightedCandidates
from maxent_robot.inference.composition.settings import Composition
from maxent_robot.inference.composition.skill import ComposableSkill, Correction
from maxent_robot.inference.sampler import seed_in_use
from maxent_robot.inference.session import InferenceError
from maxent_robot.inference.squashed_gaussian import log_tanh_derivative, squashed_entropy, squashed_log_prob
from maxent_robot.inference.temperature import MAXIMUM_TEMPERATURE

Array = NDArray[np.float64]
Energy = Callable[[Array], Array]

ACTORS_SHARE, BROAD_SHARE = 0.45, 0.1
"""Of the candidates: those of the single actors and the uniform ones; the rest is of the product of the actors."""

FEW_EFFECTIVE = 0.2
"""Share of effective candidates below which there is a second round."""

WIDENING = 1.5
"""Of the second round's Gaussian, beyond the spread of the first round's weighted candidates."""


@dataclass(frozen=True)
class ComposedAction:
    """What was chosen for one state.

    Attributes:
        action: (A,), in [-1, 1].
        entropy: of the composed policy [nat], an estimate; that of the primary skill after a fallback.
        effective: effective share of the candidates, 0 to 1; NaN where none were weighted.
        divergence: of the actors that have a weight [nat]; NaN where it is not known.
        rounds: of candidates.
        fallback: why the primary skill acted alone; empty when it did not.
    """

    action: Array
    entropy: float
    effective: float = math.nan
    divergence: float = math.nan
    rounds: int = 0
    fallback: str = ""


class Composer:
    """Composes skills, state by state; one generator for its life, so a seed fixes the whole sequence.

    Args:
        skills: their networks take the same observations and actions.
        composition: of as many skills.
        correction: for operator `corrected`.
        seed: of the generator, not negative; drawn from the operating system's entropy when not given.

    Attributes:
        seed: the seed in use.

    Raises:
        InferenceError: no skill, weights of another number of skills, a skill whose Q would be used but is not
            calibrated, a correction that is missing or was learned for other weights, or a negative seed.
    """

    def __init__(
        self,
        skills: Sequence[ComposableSkill],
        composition: Composition,
        seed: int | None = None,
        correction: Correction | None = None,
    ) -> None:
        self._skills = tuple(skills)
        self._correction = correction
        self.composition = composition
        self.seed = seed_in_use(seed)
        self._generator = np.random.default_rng(self.seed)
        self._noise: tuple[Noise, Noise] | None = None
        self._noise_age = 0

    @property
    def skills(self) -> tuple[str, ...]:
        """Their names, in the order of the weights."""
        return tuple(skill.name for skill in self._skills)

    @property
    def primary(self) -> ComposableSkill:
        """The skill that acts alone when the composition can't."""
        return self._skills[self._composition.primary]

    @property
    def composition(self) -> Composition:
        """What is composed; may be set between any two steps, and from another thread."""
        return self._composition

    @composition.setter
    def composition(self, composition: Composition) -> None:
        if len(composition.weights) != len(self._skills):
            raise InferenceError(
                f"weights are {composition.weights}, must be one for each skill: {', '.join(self.skills) or 'none'}"
            )
        for index in composition.judges:
            if reason := self._skills[index].uncalibrated:
                raise InferenceError(f"operator '{composition.operator}': {reason}")
        if composition.operator == "corrected":
            if self._correction is None:
                raise InferenceError("operator 'corrected': no divergence correction is there for these skills")
            if not self._correction.fits(composition.shares):
                raise InferenceError(
                    f"operator 'corrected': weights are {composition.weights}, the correction was learned for "
                    f"{self._correction.weights}"
                )
        self._composition = composition

    def __call__(self, observation: Array, temperature: float = 1.0) -> ComposedAction:
        """Choose an action.

        Args:
            observation: (obs,), SI units.
            temperature: factor on the standard deviation, as of the sampler: the composed density to the power of
                1 / temperature^2; 0 takes the mean of the composed density, as mode `mean` takes that of an actor.

        Raises:
            InferenceError: the primary skill has to act alone and its actor fails, or the temperature is out of range.
        """
        composition = self._composition
        if not 0.0 <= temperature <= MAXIMUM_TEMPERATURE:
            raise InferenceError(f"temperature is {temperature}, must be in [0, {MAXIMUM_TEMPERATURE}]")
        apart = math.nan
        try:
            shares = composition.shares
            active = np.flatnonzero(shares)
            shares = shares[active]
            gaussians = [self._skills[index].gaussian(observation) for index in active]
            mean, log_std = (np.array(parts) for parts in zip(*gaussians, strict=True))
            middle, spread = product_gaussian(mean, log_std, shares)
            apart = divergence(mean, log_std, shares, (middle, spread))
            if apart > composition.max_divergence:
                raise InferenceError(
                    f"the skills disagree by {apart:.3g} nat, allowed is {composition.max_divergence:g}"
                )
            noise = self._held_noise(composition, mean.shape[1])
            if composition.operator == "product":
                u = middle + temperature * np.exp(spread) * noise[0].normal[0]
                return ComposedAction(np.tanh(u), float(squashed_entropy(middle, spread)), divergence=apart)
            energy = self._energy(composition, observation, active, shares, mean, log_std)
            proposal = first_proposal(np.vstack([mean, middle]), np.vstack([log_std, spread]), composition.candidates)
            weighted, rounds = sample(energy, proposal, noise)
        except InferenceError as error:
            alone = act_alone(self._skills[composition.primary], observation, temperature, self._generator)
            return replace(alone, divergence=apart, fallback=str(error))
        gumbel = np.concatenate([part.gumbel for part in noise[:rounds]])
        return ComposedAction(
            action=np.tanh(weighted.u[weighted.pick(gumbel, temperature)]) if temperature else weighted.mean_action,
            entropy=weighted.entropy,
            effective=weighted.effective / len(weighted.u),
            divergence=apart,
            rounds=rounds,
        )

    def _energy(
        self,
        composition: Composition,
        observation: Array,
        active: NDArray[np.int64],
        shares: Array,
        mean: Array,
        log_std: Array,
    ) -> Energy:
        """The energy (K,) of candidates (K, A) before the tanh, from the active skills and their actors."""
        primary = int(np.flatnonzero(active == composition.primary)[0]) if composition.operator == "hybrid" else -1

        def energy(u: Array) -> Array:
            actions = np.tanh(u)
            q = np.array(
                [
                    np.zeros(len(u)) if place == primary else self._skills[index].values(observation, actions)
                    for place, index in enumerate(active)
                ]
            )
            if composition.operator == "hybrid":
                return energies.hybrid(q, shares, primary, squashed_log_prob(u, mean[primary], log_std[primary]))
            if composition.operator == "corrected":
                assert self._correction is not None
                return energies.weighted_mean(q, shares) - self._correction.values(observation, actions)
            return energies.OF_VALUES[composition.operator](q, shares)

        return energy

    def _held_noise(self, composition: Composition, actions: int) -> tuple[Noise, Noise]:
        size = (composition.candidates, actions)
        self._noise_age += 1
        if self._noise is None or self._noise_age >= composition.hold_steps or self._noise[0].normal.shape != size:
            self._noise = Noise(self._generator, *size), Noise(self._generator, *size)
            self._noise_age = 0
        return self._noise


def act_alone(
    skill: ComposableSkill, observation: Array, temperature: float, generator: np.random.Generator
) -> ComposedAction:
    """The action of one skill by itself.

    Raises:
        InferenceError: its actor fails.
    """
    mean, log_std = skill.gaussian(observation)
    u = mean + temperature * np.exp(log_std) * generator.standard_normal(mean.shape)
    return ComposedAction(np.tanh(u), float(squashed_entropy(mean, log_std)))


def first_proposal(mean: Array, log_std: Array, candidates: int) -> Proposal:
    """The mixture of the first round: of Gaussians (C, A), the last of which is the product of the others."""
    actors = len(mean) - 1
    broad, of_actors = round(BROAD_SHARE * candidates), round(ACTORS_SHARE * candidates)
    counts = np.full(actors + 1, of_actors // actors)
    counts[: of_actors % actors] += 1
    counts[-1] = candidates - broad - of_actors
    return Proposal(mean, log_std, counts, broad)


def sample(energy: Energy, proposal: Proposal, noise: tuple[Noise, Noise]) -> tuple[WeightedCandidates, int]:
    """Candidates of one round, or of two where few of the first are effective, and the number of rounds."""
    u = proposal.draw(noise[0])
    jacobian = log_tanh_derivative(u).sum(axis=-1)
    density = proposal.log_density(u, jacobian)
    first = WeightedCandidates(u, energy(u), jacobian - density)
    if first.effective >= FEW_EFFECTIVE * len(u):
        return first, 1
    mean, log_std = first.fitted(WIDENING)
    closer = Proposal(mean[None], log_std[None], np.array([len(u) - proposal.broad]), proposal.broad)
    more = closer.draw(noise[1])
    both = np.concatenate([u, more])
    of_more = log_tanh_derivative(more).sum(axis=-1)
    density = np.concatenate([density, proposal.log_density(more, of_more)])
    jacobian = np.concatenate([jacobian, of_more])
    density = np.logaddexp(density, closer.log_density(both, jacobian))
    values = np.concatenate([first.energy, energy(more)])
    return WeightedCandidates(both, values, jacobian - density + math.log(2.0)), 2
