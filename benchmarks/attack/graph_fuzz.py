"""Any message on any topic of the running graph, and any value of any parameter, thousands of them.

The attacker is the policy here, so that its twists count; the supervisor takes any skill. Between the wild messages it
behaves like a policy, so that the arm moves for most of the time.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from diagnostic_msgs.msg import DiagnosticStatus

from attack.attacker import Attacker
from attack.graph_campaign import CONNECTOR, SKILL, STOPPED_STATES
from attack.graph_session import GraphSession
from attack.truth import Truth
from maxent_robot.errors import MaxentRobotError
from maxent_robot.nodes.trial_runner import Progress, TrialRunner, TrialSetup
from maxent_robot.paths import find_skill
from maxent_robot.trials.outcome import InsertionJudge, SuccessCriterion
from maxent_robot.trials.protocol import StartRange, TrialPlan, trial_seed
from sim.plug.connectors import CONNECTORS

ROUND_S = 4.0
"""Longest time of wild messages before the arm is brought back to the start."""
CALM_SHARE = 0.75
"""Share of the messages of a policy that are what a policy sends."""
_DIAGNOSED = ("driver", "driver: x", "camera", "")
STOPPED_BURST = 5
"""Wild messages at a time once the arm is stopped: it has to stay so."""
_WILD = (0.0, -0.0, 5e-324, 1e-3, 1.0, -1.0, 50.0, 1e18, -1e308, 1.7e308, math.nan, math.inf, -math.inf)


class Fuzzer:
    """Draws messages and sends them.

    Attributes:
        sent: messages and parameter values so far, by kind.
    """

    def __init__(self, attacker: Attacker, generator: np.random.Generator) -> None:
        self._attacker, self._generator = attacker, generator
        self.sent: Counter[str] = Counter()
        self._twist = np.zeros(6)
        self._kinds: dict[str, Callable[[], None]] = {
            "twist": self._say_twist,
            "joint state": self._say_joints,
            "wrench": self._say_wrench,
            "move": self._say_move,
            "telemetry": self._say_telemetry,
            "diagnosis": self._say_diagnosis,
            "parameter": self._set_parameter,
            "running": lambda: attacker.say_running(bool(generator.integers(2))),
        }

    def policy(self) -> None:
        """What a policy sends: a twist that wanders, and what it says of itself."""
        change = self._generator.normal(0.0, [0.02, 0.02, 0.01, 0.1, 0.1, 0.1])
        self._twist = np.clip(0.8 * self._twist + change, -0.3, 0.3)
        self._attacker.say_twist(self._twist.tolist())
        self._attacker.say_telemetry(entropy=-5.0, inference_ms=2.0)
        self.sent["policy"] += 2

    def wild(self) -> None:
        """One message that nobody should send."""
        kind = str(self._generator.choice(list(self._kinds)))
        self._kinds[kind]()
        self.sent[kind] += 1

    def recover(self) -> None:
        """Take back what would stand in the way for ever."""
        self._attacker.say_running(True)
        for name in _DIAGNOSED:
            self._attacker.say_diagnosis(DiagnosticStatus.OK, name, "")

    def _value(self) -> float:
        return float(self._generator.choice(_WILD))

    def _values(self, count: int) -> list[float]:
        return [self._value() for _ in range(count)]

    def _offset_s(self) -> float:
        return float(self._generator.choice([0.0, 0.0, -0.1, -5.0, 0.2, 60.0, -1e9]))

    def _frame(self) -> str | None:
        return (None, None, None, "", "map", "x" * 300)[self._generator.integers(6)]

    def _say_twist(self) -> None:
        self._attacker.say_twist(self._values(6), self._frame(), self._offset_s())

    def _say_wrench(self) -> None:
        self._attacker.say_wrench(self._values(6), self._frame(), self._offset_s())

    def _say_joints(self) -> None:
        names = list(self._attacker.joint_names)
        choice = self._generator.integers(6)
        if choice == 0:
            order = self._generator.permutation(len(names))
            self._attacker.say_joints(self._attacker.q[order], names=[names[i] for i in order])
        elif choice == 1:
            self._attacker.say_joints(names=names[:-1])
        elif choice == 2:
            self._attacker.say_joints(names=[*names[:-1], names[0]])
        elif choice == 3:
            self._attacker.say_joints(self._values(int(self._generator.integers(0, 12))))
        elif choice == 4:
            self._attacker.say_joints(velocities=self._values(len(names)))
        else:
            self._attacker.say_joints(offset_s=self._offset_s())

    def _say_move(self) -> None:
        self._attacker.say_pose("supervisor/move_target", self._values(3), self._values(4), self._frame())

    def _say_telemetry(self) -> None:
        keys = self._generator.choice(["entropy", "novelty", "inference_ms", "period_s", "robot", "actor_sha256"], 2)
        texts = [str(self._value()), "", "nonsense", "0x10", "1" * 400]
        self._attacker.say_telemetry(**{str(key): str(self._generator.choice(texts)) for key in keys})

    def _set_parameter(self) -> None:
        names = ("robot", "limits", "skill", "policy_period_s", "dry_run", "use_sim_time", "no_such_parameter")
        values = (self._value(), "", "fr3", "x" * 300, True, -1, 2**62, [1.0, math.nan])
        name, value = names[self._generator.integers(len(names))], values[self._generator.integers(len(values))]
        self._attacker.set_parameter("supervisor", name, value)

    def _say_diagnosis(self) -> None:
        level = bytes([int(self._generator.integers(0, 256))])
        self._attacker.say_diagnosis(level, str(self._generator.choice(_DIAGNOSED)), "wild")


class FuzzRunner(TrialRunner):
    """A trial in which the attacker is the policy, and not a good one."""

    def __init__(self, session: GraphSession, fuzzer: Fuzzer, generator: np.random.Generator) -> None:
        depths = {name: connector.depth for name, connector in CONNECTORS.items()}
        self._path = str(find_skill(SKILL))
        setup = TrialSetup(depths, "sample", SuccessCriterion(), StartRange())
        super().__init__(session.node, session.robot, session.manager, setup, loaded_skill=self._path)
        self._session, self._fuzzer, self._generator = session, fuzzer, generator

    def round(self, number: int, seed: int) -> None:
        """One round of wild messages, from start pose to start pose."""
        self._fuzzer.recover()
        self.run(TrialPlan(number, self._path, CONNECTOR, trial_seed(seed, number)))

    def _follow(self, judge: InsertionJudge, trace: object, progress: Progress) -> None:
        node, fuzzer = self._session.node, self._fuzzer
        fuzzer.policy()
        self.supervisor.request("start")
        steps, stopped = int(ROUND_S / 0.05), 0
        for _ in range(steps):
            fuzzer.policy()
            for _ in range(4):
                wild = STOPPED_BURST if stopped else int(self._generator.random() > CALM_SHARE)
                for _ in range(wild):
                    fuzzer.wild()
                self._session.attacker.spin()
                node.pause(0.0125)
            stopped += node.supervisor.state in STOPPED_STATES
            if stopped > 10:
                break
        fuzzer.recover()
        node.pause(0.3)
        judge.fault("FUZZED", ROUND_S)


def fuzz_graph(directory: Path, messages: int, seed: int, tick: Callable[[int], object]) -> dict[str, Any]:
    """Send at least so many messages, and let the observer judge the whole time.

    Args:
        tick: called with the number of messages of each round.

    Returns:
        Messages by kind, faults by name, rounds, time in each state in s, and what the observer saw.
    """
    generator = np.random.default_rng(seed)
    sent: Counter[str] = Counter()
    seen: list[Truth] = []
    rounds = graphs = 0
    problems: list[str] = []
    while sum(sent.values()) < messages:
        with GraphSession(directory / f"graph_{graphs}", policy=False) as session:
            graphs += 1
            fuzzer = Fuzzer(session.attacker, generator)
            runner = FuzzRunner(session, fuzzer, generator)
            try:
                while sum((sent + fuzzer.sent).values()) < messages:
                    before = sum(fuzzer.sent.values())
                    rounds += 1
                    runner.round(rounds, seed)
                    session.group.check()
                    tick(sum(fuzzer.sent.values()) - before)
            except MaxentRobotError as error:
                problems.append(str(error))
            sent += fuzzer.sent
        seen.append(session.truth())
    return {
        "messages": sum(sent.values()),
        "by_kind": dict(sorted(sent.items())),
        "rounds": rounds,
        "graphs": graphs,
        "problems": problems,
        **observed(seen),
    }


def observed(seen: list[Truth]) -> dict[str, Any]:
    """What the observer saw over the whole of several recordings."""
    faults: Counter[str] = Counter(name for truth in seen for _, name in truth.faults if name not in ("NONE", ""))
    in_state: Counter[str] = Counter()
    for truth in seen:
        for (at, state), (until, _) in zip(truth.states[:-1], truth.states[1:], strict=True):
            in_state[state] += round(until - at, 3)  # type: ignore[assignment]
    return {
        "faults": dict(sorted(faults.items())),
        "state_s": {state: round(float(seconds), 1) for state, seconds in sorted(in_state.items())},
        "peak_contact_n": max(float(truth.contact_n.max()) for truth in seen),
        "peak_tcp_speed_m_s": max(float(truth.motion.tcp_speed_m_s.max()) for truth in seen),
        "violations": [violation for truth in seen for violation in truth.violations()],
    }
