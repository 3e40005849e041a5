"""Skills whose soft Qs are known functions, and exact samples of their compositions.

Each Q_i / alpha_i is a sum over the axes of the action, so a composition by their mean, or with an actor, factorises,
and each axis is sampled by the inverse of its distribution function on a fine grid. The log-sum-exp of the skills is a
mixture of such densities, and their maximum is drawn from that mixture by rejection.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from maxent_robot.inference.composition import ComposableSkill, Composition
from maxent_robot.inference.squashed_gaussian import squashed_log_prob

Array = NDArray[np.float64]
AxisValue = Callable[[Array], Array]

GRID = np.linspace(-1.0, 1.0, 200_001)
"""Of one axis of the action; ends of the cells that are sampled."""
OBSERVATION = np.zeros(1)


@dataclass(frozen=True)
class KnownSkill:
    """A skill with Q / alpha = sum over the axes of `values[d](a_d)`, and a squashed Gaussian actor.

    Attributes:
        values: one function of each axis.
        mean: (A,) of the actor, before the tanh.
        log_std: (A,) of the actor.
    """

    values: tuple[AxisValue, ...]
    mean: Array
    log_std: Array

    @classmethod
    def of(cls, *values: AxisValue) -> KnownSkill:
        """With the actor that has the mean and the variance of the skill's own density before the tanh."""
        u = np.arctanh(_middle())
        mean, log_std = [], []
        for value in values:
            weights = _masses(value)
            mean.append(float(weights @ u))
            log_std.append(0.5 * float(np.log(weights @ (u - mean[-1]) ** 2)))
        return cls(values, np.array(mean), np.array(log_std))

    def value(self, actions: Array) -> Array:
        """Q / alpha (n,) of actions (n, A)."""
        total: Array = np.sum([value(actions[:, axis]) for axis, value in enumerate(self.values)], axis=0)
        return total

    def composable(self, name: str, alpha: float) -> ComposableSkill:
        """As the composer takes it: with two critics that agree, of a skill whose temperature is `alpha`."""

        def actor(observation: ArrayLike) -> tuple[Array, Array]:
            return self.mean[None], self.log_std[None]

        def critic(observation: ArrayLike, actions: ArrayLike) -> Array:
            return alpha * np.repeat(self.value(np.asarray(actions, dtype=np.float64))[:, None], 2, axis=1)

        return ComposableSkill(name, alpha, actor, critic)


@dataclass(frozen=True)
class Case:
    """A composition with a known answer."""

    name: str
    skills: tuple[KnownSkill, ...]
    composition: Composition

    @property
    def actions(self) -> int:
        """Length A of an action."""
        return len(self.skills[0].values)

    def composable(self) -> list[ComposableSkill]:
        """The skills as the composer takes them, each with a temperature of its own."""
        return [skill.composable(f"skill_{i}", alpha=0.05 * 3.0**i) for i, skill in enumerate(self.skills)]

    def exact(self, count: int, generator: np.random.Generator) -> Array:
        """`count` independent actions (n, A) of the composed density."""
        if self.composition.operator == "or":
            return self._either(self.composition.shares, count, generator)
        if self.composition.operator == "max":
            return self._greatest(count, generator)
        return np.stack([_draw(self._factor(axis), count, generator) for axis in range(self.actions)], axis=1)

    def _factor(self, axis: int) -> AxisValue:
        """Log density of one axis, up to a constant."""
        shares, primary, operator = self.composition.shares, self.composition.primary, self.composition.operator

        def actor(index: int, a: Array) -> Array:
            skill = self.skills[index]
            return squashed_log_prob(np.arctanh(a)[:, None], skill.mean[[axis]], skill.log_std[[axis]])

        def factor(a: Array) -> Array:
            if operator == "product":
                # Each actor with its Jacobian to the power of its share: once in all.
                return np.sum([share * actor(i, a) for i, share in enumerate(shares)], axis=0)
            values = [skill.values[axis](a) for skill in self.skills]
            if operator == "mean":
                return np.tensordot(shares, values, axes=1)
            others = sum(shares[i] / shares[primary] * values[i] for i in range(len(shares)) if i != primary)
            return actor(primary, a) + np.asarray(others)

        return factor

    def _either(self, shares: Array, count: int, generator: np.random.Generator) -> Array:
        """Of the density of sum_i w_i exp(Q_i / alpha_i)."""
        logs = np.log(shares) + [sum(_log_integral(value) for value in skill.values) for skill in self.skills]
        masses = np.exp(logs - logs.max())
        which = generator.choice(len(masses), size=count, p=masses / masses.sum())
        drawn = np.empty((count, self.actions))
        for index, skill in enumerate(self.skills):
            rows = which == index
            for axis, value in enumerate(skill.values):
                drawn[rows, axis] = _draw(value, int(rows.sum()), generator)
        return drawn

    def _greatest(self, count: int, generator: np.random.Generator) -> Array:
        """Of the density of max_i exp(Q_i / alpha_i), which is at least 1/N of their sum."""
        kept: list[Array] = []
        while sum(map(len, kept)) < count:
            drawn = self._either(np.full(len(self.skills), 1.0 / len(self.skills)), count, generator)
            values = np.array([skill.value(drawn) for skill in self.skills])
            top = values.max(axis=0)
            kept.append(drawn[generator.random(count) < 1.0 / np.exp(values - top).sum(axis=0)])
        return np.concatenate(kept)[:count]


def hill(centre: float, width: float) -> AxisValue:
    """A quadratic: -(a - centre)^2 / (2 width^2)."""
    return lambda a: -0.5 * ((a - centre) / width) ** 2


def ditch(centre: float, width: float, depth: float) -> AxisValue:
    """Flat but for a place to keep away from, by `depth` at its centre."""
    return lambda a: -depth * np.exp(-0.5 * ((a - centre) / width) ** 2)


def hills(*parts: AxisValue) -> AxisValue:
    """The log-sum-exp of several."""
    return lambda a: np.logaddexp.reduce([part(a) for part in parts])


def cases() -> list[Case]:
    """What compositions meet: agreement, conflict, precision beside freedom, two ways round, the edge of the box."""
    found = []
    for size in (1, 2, 6):
        broad = KnownSkill.of(*[hill(0.1, 0.4)] * size)
        near = KnownSkill.of(*[hill(-0.1, 0.3)] * size)
        far = KnownSkill.of(*[hill(0.6, 0.25)] * size)
        precise = KnownSkill.of(*[hill(0.3, 0.05)] * min(size, 2), *[hill(0.0, 0.5)] * max(0, size - 2))
        round_it = KnownSkill.of(ditch(0.1, 0.25, 6.0), *[hill(0.0, 0.6)] * (size - 1))
        edge = KnownSkill.of(*[hill(1.5, 0.5)] * size)
        two_ways = KnownSkill.of(hills(hill(-0.6, 0.12), hill(0.5, 0.15)), *[hill(0.0, 0.4)] * (size - 1))
        for name, skills in (
            ("agree", (broad, near)),
            ("conflict", (near, far)),
            ("precise and free", (precise, broad)),
            ("keep away", (broad, round_it)),
            ("edge of the box", (edge, near)),
            ("two ways", (two_ways, broad)),
            ("three skills", (broad, round_it, far)),
        ):
            weights = tuple(1.0 + 0.5 * i for i in range(len(skills)))
            found += [
                Case(f"{name}, {size} axes", skills, Composition(weights, operator))
                for operator in ("mean", "hybrid", "or", "max", "product")
            ]
    return found


def _middle() -> Array:
    result: Array = 0.5 * (GRID[1:] + GRID[:-1])
    return result


def _masses(value: AxisValue) -> Array:
    """Mass of each cell of the grid, with a sum of 1."""
    logs = value(_middle())
    masses = np.exp(logs - logs.max())
    result: Array = masses / masses.sum()
    return result


def _log_integral(value: AxisValue) -> float:
    logs = value(_middle())
    top = float(logs.max())
    return top + float(np.log(np.exp(logs - top).mean() * 2.0))


def _draw(value: AxisValue, count: int, generator: np.random.Generator) -> Array:
    cells = np.searchsorted(np.cumsum(_masses(value)), generator.random(count))
    low = GRID[np.minimum(cells, len(GRID) - 2)]
    result: Array = low + (GRID[1] - GRID[0]) * generator.random(count)
    return result
