"""The maximum entropy linear-quadratic regulator: continuous actions, and still a closed form.

x' = A x + B u + w, w of zero mean and covariance W; maximise E sum_t gamma^t (-x'Q x - u'R u + alpha H(pi(. | x_t))).
The soft value is -x'P x + c, with P that of the plain discounted regulator, and the policy is Gaussian: the plain
regulator's gain, with a covariance where the curvature of the soft Q and the temperature meet (S. Levine and V.
Koltun, "Guided Policy Search", 2013, without discount; the discount scales A and B by sqrt(gamma)).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from maxent_robot.exact.validation import Array, ExactError, as_array, check_temperature, read_only

RICCATI_STEPS = 20_000
"""Bound on the iterations: enough if each leaves 0.998 of the error, gamma times the squared radius of A - B K."""

_RICCATI_TOLERANCE = 1e-14
"""Largest relative change of the last step: some tens of units in the last place."""

_RICCATI_LARGEST = 1e100
"""A cost beyond it has no limit: far above any that could still settle, far below overflow."""


@dataclass(frozen=True, eq=False)
class LinearQuadraticProblem:
    """n states, m actions; arrays are copied and closed to writing.

    Raises:
        ExactError: shapes that do not fit, a cost or covariance that is not symmetric with the right sign, or a
        discount
            outside (0, 1).
    """

    A: Array
    """(n, n)."""
    B: Array
    """(n, m)."""
    Q: Array
    """(n, n), positive semidefinite."""
    R: Array
    """(m, m), positive definite."""
    noise: Array
    """(n, n), covariance W of w, positive semidefinite."""
    discount: float
    """gamma in (0, 1)."""

    def __post_init__(self) -> None:
        size = as_array("A", self.A, (None, None)).shape[0]
        actions = as_array("B", self.B, (size, None)).shape[1]
        if not 0.0 < self.discount < 1.0:
            raise ExactError(f"discount is {self.discount}; allowed is 0 < discount < 1")
        object.__setattr__(self, "A", read_only(as_array("A", self.A, (size, size))))
        object.__setattr__(self, "B", read_only(as_array("B", self.B, (size, actions))))
        for field, order, strict in (("Q", size, False), ("R", actions, True), ("noise", size, False)):
            matrix = as_array(field, getattr(self, field), (order, order))
            least = float(np.linalg.eigvalsh(matrix).min())
            slack = 1e-12 * float(np.abs(matrix).max())
            if not np.allclose(matrix, matrix.T, rtol=1e-12, atol=0.0) or (least <= 0.0 if strict else least < -slack):
                kind = "definite" if strict else "semidefinite"
                raise ExactError(f"{field} is {matrix.tolist()}; allowed is symmetric positive {kind}")
            object.__setattr__(self, field, read_only(matrix))


@dataclass(frozen=True, eq=False)
class SoftRegulator:
    """The policy N(-gain x, covariance) and its soft value V(x) = -x'P x + constant."""

    P: Array
    """(n, n)."""
    gain: Array
    """(m, n), K = gamma (R + gamma B'P B)^-1 B'P A."""
    covariance: Array
    """(m, m), (alpha / 2) (R + gamma B'P B)^-1."""
    constant: float
    """V(0)."""

    def value(self, x: ArrayLike) -> Array:
        """V(x), (...) from (..., n)."""
        state = np.asarray(x, dtype=np.float64)
        return np.asarray(self.constant - np.einsum("...i,ij,...j->...", state, self.P, state))


def soft_regulator(problem: LinearQuadraticProblem, temperature: float) -> SoftRegulator:
    """The optimum. P = Q + gamma A'P A - gamma A'P B K, by iteration from P = 0 (discounted Riccati equation), and
    (1 - gamma) V(0) = (alpha / 2) (m log(pi alpha) - log det(R + gamma B'P B)) - gamma tr(P W).

    At temperature 0 it is the plain regulator: covariance 0, V(0) = -gamma tr(P W) / (1 - gamma).

    Raises:
        ExactError: the iteration does not settle, as when (sqrt(gamma) A, sqrt(gamma) B) can't be stabilised.
    """
    alpha = check_temperature(temperature)
    P, gamma = _riccati(problem), problem.discount
    curvature = problem.R + gamma * problem.B.T @ P @ problem.B
    constant = -gamma * float(np.trace(P @ problem.noise))
    if alpha > 0.0:
        log_det = float(np.linalg.slogdet(curvature)[1])
        constant += 0.5 * alpha * (len(curvature) * float(np.log(np.pi * alpha)) - log_det)
    return SoftRegulator(P, _gain(problem, P), 0.5 * alpha * np.linalg.inv(curvature), constant / (1.0 - gamma))


def regulator_action_value(
    problem: LinearQuadraticProblem, regulator: SoftRegulator, x: ArrayLike, u: ArrayLike
) -> Array:
    """Q(x, u) = -x'Q x - u'R u + gamma E V(A x + B u + w), (...) from x (..., n) and u (..., m)."""
    state, action = np.asarray(x, dtype=np.float64), np.asarray(u, dtype=np.float64)
    cost = np.einsum("...i,ij,...j->...", state, problem.Q, state)
    cost = cost + np.einsum("...i,ij,...j->...", action, problem.R, action)
    later = regulator.value(state @ problem.A.T + action @ problem.B.T) - np.trace(regulator.P @ problem.noise)
    return np.asarray(-cost + problem.discount * later)


def linear_policy_value(
    problem: LinearQuadraticProblem, gain: ArrayLike, covariance: ArrayLike, temperature: float
) -> tuple[Array, float]:
    """(P, c) of the soft value -x'P x + c of any policy N(-K x, S): soft policy evaluation, by a linear solve.

    P = Q + K'R K + gamma (A - B K)'P (A - B K), and (1 - gamma) c = alpha H(N(., S)) - tr(R S) - gamma tr(P (W + B S
    B')), with H = (m log(2 pi e) + log det S) / 2.

    Raises:
        ExactError: shapes that do not fit, a covariance that is not positive definite though the temperature is
            positive, or a gain with which sqrt(gamma) (A - B K) is unstable.
    """
    alpha = check_temperature(temperature)
    size, actions = problem.B.shape
    K = as_array("gain", gain, (actions, size))
    S = as_array("covariance", covariance, (actions, actions))
    if alpha > 0.0 and np.linalg.eigvalsh(S).min() <= 0.0:
        raise ExactError(f"covariance is {S.tolist()}; allowed is positive definite at a positive temperature")
    gamma, closed = problem.discount, problem.A - problem.B @ K
    radius = float(np.abs(np.linalg.eigvals(closed)).max()) * np.sqrt(gamma)
    if radius >= 1.0:
        raise ExactError(f"gain gives sqrt(gamma) (A - B K) the spectral radius {radius:.6g}; allowed is < 1")
    stage = (problem.Q + K.T @ problem.R @ K).reshape(-1)
    P = np.linalg.solve(np.eye(size * size) - gamma * np.kron(closed.T, closed.T), stage).reshape(size, size)
    total = -float(np.trace(problem.R @ S)) - gamma * float(np.trace(P @ (problem.noise + problem.B @ S @ problem.B.T)))
    if alpha > 0.0:
        total += 0.5 * alpha * (actions * float(np.log(2.0 * np.pi * np.e)) + float(np.linalg.slogdet(S)[1]))
    return P, total / (1.0 - gamma)


def _gain(problem: LinearQuadraticProblem, P: Array) -> Array:
    gamma, B = problem.discount, problem.B
    return gamma * np.linalg.solve(problem.R + gamma * B.T @ P @ B, B.T @ P @ problem.A)


def _riccati(problem: LinearQuadraticProblem) -> Array:
    P = np.zeros_like(problem.Q)
    for _ in range(RICCATI_STEPS):
        new = problem.Q + problem.discount * problem.A.T @ P @ (problem.A - problem.B @ _gain(problem, P))
        new = 0.5 * (new + new.T)
        change, scale = float(np.abs(new - P).max()), float(np.abs(new).max())
        P = new
        if change <= _RICCATI_TOLERANCE * scale:
            return P
        if scale > _RICCATI_LARGEST:
            break
    raise ExactError(
        "A, B: the Riccati iteration does not settle; allowed is that sqrt(gamma) (A, B) can be stabilised"
    )
