"""Runs an experiment trial by trial, and writes down each outcome before the arm moves on.

An attempt that a node failed (it died, or does not answer) has no outcome: it is noted, the arm is stopped and cleared,
and the trial is attempted again. A fault of the supervisor is an outcome.
"""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, replace
from typing import Protocol

from std_msgs.msg import String
from std_srvs.srv import Trigger

from maxent_robot.control.robot import RobotConfig
from maxent_robot.errors import MaxentRobotError
from maxent_robot.nodes.qos import LATCHED
from maxent_robot.nodes.topics import CANDIDATE_TWIST
from maxent_robot.nodes.trial_node import TrialNode, parameter_request
from maxent_robot.nodes.trial_recording import RECORDER, TrialRecording
from maxent_robot.nodes.trial_runner import POLICY, SUPERVISOR, SkillSwitch, TrialRunner, TrialSetup
from maxent_robot.nodes.waiting_node import TrialError
from maxent_robot.safety.state_machine import MOVING_NAMES
from maxent_robot.skill.bundle import MANIFEST_FILE, SkillBundle
from maxent_robot.trials.experiment import Experiment
from maxent_robot.trials.experiment_files import ExperimentFiles
from maxent_robot.trials.ledger import Ledger
from maxent_robot.trials.operator_desk import (
    CLEARING,
    FAILED,
    FINISHED,
    PREPARING,
    RUNNING,
    ExperimentEnded,
    OperatorDesk,
    OperatorStopError,
)
from maxent_robot.trials.outcome import (
    FORCE_STOP,
    JAM,
    OPERATOR,
    OPERATOR_STOP,
    SUCCESS,
    TIMEOUT,
    TrialResult,
)
from maxent_robot.trials.protocol import TrialPlan
from maxent_robot.trials.schedule import ScheduledTrial, why_it_ends
from maxent_robot.trials.series import TrialSeries

CONTEXT_TOPIC = "trials/context"
ACTIVE_TIMEOUT_S = 60.0
RETRY_PAUSE_S = 1.0
GHOST_TIMEOUT_S = 40.0


def acknowledged(result: TrialResult) -> str:
    """What the ledger says once the operator has acknowledged an outcome."""
    return f"trial {result.trial}, attempt {result.attempt}: {result.outcome} was acknowledged"


class NodeLifecycle(SkillSwitch, Protocol):
    """Knows the state of the managed nodes too; raises where one does not answer."""

    def state(self, name: str, timeout_s: float = ...) -> str:
        """Of a node, such as `active`."""


class ExperimentRunner:
    """Runs one experiment in the caller's thread.

    Args:
        node: for the graph that the experiment runs on; `desk.check` is what it asks on every wait.
        robot: of the graph.
        lifecycle: of its nodes.
        files: of the experiment.
        ledger: of it.
        bundles: of each condition, by its name.
        setup: what all trials share.
        desk: of the operator.
        log: takes what is noted.
    """

    def __init__(
        self,
        node: TrialNode,
        robot: RobotConfig,
        lifecycle: NodeLifecycle,
        files: ExperimentFiles,
        ledger: Ledger,
        bundles: Mapping[str, SkillBundle],
        setup: TrialSetup,
        desk: OperatorDesk,
        log: Callable[[str], object],
    ) -> None:
        self._node, self._lifecycle, self._files, self._ledger = node, lifecycle, files, ledger
        self._bundles, self._desk, self._log = bundles, desk, log
        self._experiment: Experiment = ledger.experiment
        self._runner = TrialRunner(node, robot, lifecycle, setup, told=desk.decided, consent=self._consent)
        self._asks = ledger.experiment.after_fault == "acknowledge"
        self._context_publisher = node.create_publisher(String, CONTEXT_TOPIC, LATCHED)
        self._recording = TrialRecording(node, files, ledger)
        desk.tell(blinded=self._experiment.blinded)

    def run(self) -> str:
        """Run to the end of the experiment; why it has ended.

        Raises:
            ExperimentEnded: the desk was told to quit; the arm was asked to stop.
        """
        ledger, desk = self._ledger, self._desk
        if ledger.interruptions:
            self._note(f"goes on after an interruption, at trial {self._number()}")
        self._tell_counts()
        clear = False
        try:
            while not (reason := why_it_ends(self._experiment, ledger.trials, ledger.results, ledger.interruptions)):
                trial = ledger.next_trial()
                assert trial is not None, "an experiment without trials left has ended"
                desk.wait_to_begin()
                self._settle()
                clear = self._trial(trial, clear)
        except ExperimentEnded:
            self._leave()
            raise
        except MaxentRobotError as error:
            desk.tell(phase=FAILED, reason=str(error))
            self._leave()
            raise
        self._note(reason)
        self._leave()
        desk.tell(phase=FINISHED, reason=reason)
        return reason

    def _trial(self, trial: ScheduledTrial, clear: bool) -> bool:
        """Attempt a trial; whether the arm is known to be clear of the socket."""
        desk, ledger = self._desk, self._ledger
        desk.begin_trial()
        attempt = ledger.begin(trial)
        desk.tell(phase=PREPARING, trial=trial.number, attempt=attempt, label=trial.label, time_s=0.0)
        try:
            if not clear:
                self._recover()
            result, series = self._attempt(trial, attempt)
        except MaxentRobotError as error:
            self._note(f"trial {trial.number}, attempt {attempt} was interrupted: {error}")
            self._halt()
            return False
        desk.tell(phase=CLEARING)
        self._files.write_series(trial.number, attempt, series)
        ledger.end(result)
        self._files.write_table(ledger)
        self._tell_counts()
        desk.tell(outcome=result.outcome)
        try:
            self._after(result)
        except MaxentRobotError as error:
            self._note(f"after trial {trial.number}: {error}")
            self._halt()
            return False
        return True

    def _attempt(self, trial: ScheduledTrial, attempt: int) -> tuple[TrialResult, TrialSeries]:
        condition = self._experiment.condition(trial.condition)
        bundle = self._bundles[trial.condition]
        for name in (SUPERVISOR, POLICY):
            self._wait_until_active(name)
        # The middleware keeps a policy that was killed for a while, and the supervisor takes it for a second one.
        self._node.wait(
            lambda: self._node.count_publishers(CANDIDATE_TWIST) == 1,
            f"{CANDIDATE_TWIST}: one publisher",
            GHOST_TIMEOUT_S,
        )
        self._wait_until_active(RECORDER)
        self._recording.begin(trial.number, attempt)
        plan = TrialPlan(
            number=trial.number,
            skill=str(bundle.directory),
            connector=bundle.manifest.connector,
            seed=trial.seed,
            policy={"seed": trial.seed, **condition.policy},
            condition=trial.condition,
            place=trial.place,
            attempt=attempt,
        )
        self._runner.load(plan)
        self._publish_context(plan, bundle)
        result, series = self._runner.attempt(plan, self._progress)
        asked = self._experiment.judge == "operator" and result.outcome in (TIMEOUT, JAM)
        if asked and self._desk.wait_for_answer("is the plug in?"):
            result = replace(result, outcome=SUCCESS)
        return result, series

    def _after(self, result: TrialResult) -> None:
        """What follows an outcome: after a fault or a stop the operator's word, then the way out of the socket."""
        if self._needs_word(result) or self._desk.decided() == OPERATOR:
            self._take_word(result)
        self._desk.tell(phase=CLEARING)
        self._desk.check()
        self._runner.moves.clear()

    def _needs_word(self, result: TrialResult) -> bool:
        """Whether nothing moves after this outcome before the operator has acknowledged it."""
        return result.outcome == OPERATOR or bool(self._asks and (result.fault or result.outcome == FORCE_STOP))

    def _take_word(self, result: TrialResult) -> None:
        """Wait for the acknowledgement of an outcome, and note it, so that whoever goes on knows of it."""
        self._desk.wait_for_acknowledgement(
            f"trial {result.trial} ended by {result.outcome}: remove the cause, then acknowledge; the arm will move"
        )
        self._note(acknowledged(result))

    def _settle(self) -> None:
        """Ask for the word that was due when the runner before this one ended."""
        result = next(reversed(self._ledger.results.values()), None)
        trial = self._ledger.next_trial()
        if result is None or trial is None or trial.number in self._ledger.attempts:
            return
        noted = any(text == acknowledged(result) for _, text in self._ledger.notes)
        if self._needs_word(result) and not noted:
            self._take_word(result)
            self._desk.tell(phase=PREPARING)

    def _consent(self, reason: str) -> None:
        """Wait for the operator's word where a move was stopped on its way."""
        if reason == OPERATOR_STOP or self._asks:
            phase = self._desk.told.phase
            self._desk.wait_for_acknowledgement(
                f"the arm was stopped on its way ({reason}): remove the cause, then acknowledge; the arm will move"
            )
            self._desk.tell(phase=phase)

    def _recover(self) -> None:
        """Stop whatever still runs, and clear the socket, as if a trial had just ended."""
        node = self._node
        node.wait(lambda: node.supervisor.state != "", f"{SUPERVISOR}/state")
        if node.supervisor.state in MOVING_NAMES:
            self._runner.supervisor.stop()
        with contextlib.suppress(TrialError):
            node.wait(lambda: node.socket is not None and node.insertion is not None, "a pose of the socket", 2.0)
        if self._runner.moves.is_near_the_socket():
            self._desk.tell(phase=CLEARING)
            self._runner.moves.clear()
            self._desk.tell(phase=PREPARING)

    def _wait_until_active(self, name: str) -> None:
        """A node that died may be on its way back."""
        deadline = time.monotonic() + ACTIVE_TIMEOUT_S
        while True:
            self._desk.check()
            try:
                state = self._lifecycle.state(name, 2.0)
            except OperatorStopError:
                raise
            except MaxentRobotError as error:
                state = str(error)
            if state == "active":
                return
            if time.monotonic() > deadline:
                raise TrialError(f"{name}: not active within {ACTIVE_TIMEOUT_S:g} s: {state}")
            self._node.pause(0.2)

    def _progress(self, time_s: float, depth_m: float, force_n: float) -> None:
        self._desk.tell(phase=RUNNING, time_s=time_s, depth_m=depth_m, force_n=force_n)

    def _publish_context(self, plan: TrialPlan, bundle: SkillBundle) -> None:
        """What the recording of a trial needs to be understood on its own."""
        context = {
            "experiment": self._experiment.name,
            "plan": asdict(plan),
            "manifest": (bundle.directory / MANIFEST_FILE).read_text(encoding="utf-8"),
            "parameters": {name: self._node.parameters_of(name) for name in (SUPERVISOR, POLICY)},
        }
        self._context_publisher.publish(String(data=json.dumps(context)))

    # Words

    def _number(self) -> str:
        trial = self._ledger.next_trial()
        return "the end" if trial is None else str(trial.number)

    def _tell_counts(self) -> None:
        counts: dict[str, tuple[int, int]] = {}
        for trial in self._ledger.trials:
            inserted, tried = counts.get(trial.label, (0, 0))
            if (result := self._ledger.results.get(trial.number)) is not None:
                inserted, tried = inserted + result.succeeded, tried + 1
            counts[trial.label] = inserted, tried
        self._desk.tell(counts=counts, done=len(self._ledger.results), total=len(self._ledger.trials))

    def _note(self, text: str) -> None:
        self._ledger.note(text)
        self._log(text)

    def _halt(self) -> None:
        """Have the arm stop where it is, and wait a moment for a node that may be on its way back."""
        self._node.ask_at_last({f"{SUPERVISOR}/stop": Trigger.Request()})
        end = time.monotonic() + RETRY_PAUSE_S
        while time.monotonic() < end:
            with contextlib.suppress(OperatorStopError):  # it is stopped already
                self._desk.check()
            time.sleep(0.05)

    def _leave(self) -> None:
        """Ask the arm to stop and the recorder to close its file, if they still listen."""
        self._recording.end()
        with contextlib.suppress(MaxentRobotError):
            self._node.ask_at_last(
                {
                    f"{SUPERVISOR}/stop": Trigger.Request(),
                    f"{RECORDER}/set_parameters": parameter_request({"output": ""}),
                }
            )
