"""Attacks on the running graph, one at a time, and what the independent observer saw of each."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from attack.graph_attacks import ATTACKS, Attack
from attack.graph_session import GraphSession
from attack.truth import Truth
from maxent_robot.errors import MaxentRobotError
from maxent_robot.nodes.trial_runner import Progress, TrialRunner, TrialSetup
from maxent_robot.paths import find_skill
from maxent_robot.trials.outcome import InsertionJudge, SuccessCriterion
from maxent_robot.trials.protocol import StartRange, TrialPlan, trial_seed
from sim.plug.connectors import CONNECTORS

SKILL, CONNECTOR = "plug_insertion", "two_pin"
STEP_S = 0.004
STOP_TIMEOUT_S = 5.0
UNANSWERED_S = 1.5
"""How long an attack lasts that no fault answers."""
REST_S, LONG_REST_S = 1.0, 3.0
"""How long the observer watches after the supervisor has stopped; the longer one where the arm was pushed or blind."""
STOPPED_STATES = ("HOLD", "FAULT")


@dataclass(frozen=True)
class Strike:
    """When one attack was made, on the steady clock; the rest is the observer's to say."""

    attack: str
    fault: str
    began_s: float
    ended_s: float
    state: str


class AttackRunner(TrialRunner):
    """A trial whose skill is attacked after a while, instead of being left to insert."""

    def __init__(self, session: GraphSession, generator: np.random.Generator) -> None:
        depths = {name: connector.depth for name, connector in CONNECTORS.items()}
        setup = TrialSetup(depths, "sample", SuccessCriterion(), StartRange())
        self._path = str(find_skill(SKILL))
        super().__init__(session.node, session.robot, session.manager, setup, loaded_skill=self._path)
        self._session, self._generator = session, generator
        self._attack: Attack = ATTACKS[0]
        self._strike: Strike | None = None

    def strike(self, attack: Attack, number: int, seed: int) -> tuple[Strike | None, str]:
        """Bring the arm to a start pose, run the skill or hold, attack, and make ready again.

        Returns:
            The attack as it was made, None where it was not; and why the graph is of no use any more, or nothing.
        """
        self._attack, self._strike = attack, None
        try:
            self.run(TrialPlan(number, self._path, CONNECTOR, trial_seed(seed, number)))
        except MaxentRobotError as error:
            return self._strike, str(error)
        return self._strike, "" if self._strike is not None else "the arm was stopped before the attack"

    def _follow(self, judge: InsertionJudge, trace: object, progress: Progress) -> None:
        node, session, attack = self._session.node, self._session, self._attack
        if not attack.armed:
            self.supervisor.request("start")
            node.wait(lambda: node.supervisor.state != "ARMED", "the start")
        self._watch(float(self._generator.uniform(0.35, 1.0)))
        if node.supervisor.state in STOPPED_STATES:
            judge.fault(node.supervisor.fault, 0.0)
            return
        began_s = time.monotonic()
        attack.begin(session)
        deadline = began_s + (STOP_TIMEOUT_S if attack.fault else UNANSWERED_S)
        while node.supervisor.state not in STOPPED_STATES and time.monotonic() < deadline:
            session.attacker.spin()
            attack.step(session)
            self._watch(STEP_S)
        if attack.brief:
            attack.end(session)
        self._watch(LONG_REST_S if attack.brief else REST_S)
        ended_s = time.monotonic()
        self._strike = Strike(attack.label, attack.fault, began_s, ended_s, node.supervisor.state)
        if not attack.brief:
            attack.end(session)
        self._watch(0.1)
        judge.fault(attack.fault, ended_s - began_s)

    def _watch(self, duration_s: float) -> None:
        """Let time pass and take in what comes."""
        self._session.attacker.spin()
        self._session.node.pause(duration_s)


def run_attacks(
    attacks: Sequence[Attack],
    seed: int,
    directory: Path,
    keep: Callable[[list[dict[str, Any]]], None],
    tick: Callable[[], object],
) -> list[str]:
    """Make each attack once, in order; a fresh graph follows on one that can't be made ready any more.

    Args:
        seed: of the scenarios and of when the attacks come.
        directory: for the files of the graphs.
        keep: takes the records of each graph, once it has ended.
        tick: called after each attack.

    Returns:
        What went wrong, a sentence each.
    """
    generator = np.random.default_rng(seed)
    left = list(attacks)
    problems: list[str] = []
    number = 0
    while left:
        strikes: list[Strike] = []
        with GraphSession(directory / f"graph_{number}") as session:
            runner = AttackRunner(session, generator)
            while left:
                attack = left.pop(0)
                number += 1
                strike, problem = runner.strike(attack, number, seed)
                tick()
                if strike is not None:
                    strikes.append(strike)
                if strike is None or (problem and not attack.fatal):
                    problems.append(f"{attack.label}: {problem}")
                if problem or attack.fatal:
                    break
        truth = session.truth()
        spoiled = [strike for strike in strikes if truth.state_at(strike.began_s) in STOPPED_STATES]
        problems += [f"{strike.attack}: the arm was stopped before the attack" for strike in spoiled]
        keep([_record(strike, truth) for strike in strikes if strike not in spoiled])
    return problems


def _record(strike: Strike, truth: Truth) -> dict[str, Any]:
    return {
        **asdict(strike),
        "detected_s": truth.detected_s(strike.began_s, strike.ended_s, strike.fault),
        "target_rest_s": truth.target_rest_s(strike.began_s, strike.ended_s),
        "silent_s": truth.silent_s(strike.began_s, strike.ended_s),
        "tcp_rest_s": truth.motion.tcp_rest_s(strike.began_s, strike.ended_s),
        "rest_s": truth.motion.rest_s(strike.began_s, strike.ended_s),
        "peak_contact_n": truth.peak_contact_n(strike.began_s, strike.ended_s),
        "faults": truth.faults_between(strike.began_s, strike.ended_s),
    }
