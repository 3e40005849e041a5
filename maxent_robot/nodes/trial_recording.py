"""One recording an attempt at a trial, and another part where the recorder died on the way and came back."""

from __future__ import annotations

import time

from diagnostic_msgs.msg import DiagnosticStatus

from maxent_robot.nodes.messages import diagnostic_values
from maxent_robot.nodes.qos import LATCHED_EVENTS
from maxent_robot.nodes.recorder_node import STATUS_TOPIC
from maxent_robot.nodes.trial_node import TrialNode
from maxent_robot.trials.experiment_files import ExperimentFiles
from maxent_robot.trials.ledger import Ledger

RECORDER = "recorder"
CHECK_S = 1.0
"""Time in which a recorder that was told of a file says that it writes one."""


class TrialRecording:
    """Tells the recorder which file it is to write.

    Args:
        node: that the recorder's state comes to.
        files: of the experiment.
        ledger: of it, for what was missed.
    """

    def __init__(self, node: TrialNode, files: ExperimentFiles, ledger: Ledger) -> None:
        self._node, self._files, self._ledger = node, files, ledger
        self._of: tuple[int, int] | None = None
        self._part, self._told_s = 1, 0.0
        node.read(DiagnosticStatus, STATUS_TOPIC, LATCHED_EVENTS, self._on_status)

    def begin(self, trial: int, attempt: int) -> None:
        """Begin the file of an attempt.

        Raises:
            TrialError: the recorder does not answer, or can't write it.
        """
        path = self._files.recording(trial, attempt).resolve()
        self._node.set_parameters_of(RECORDER, {"output": str(path)})
        self._of, self._part, self._told_s = (trial, attempt), 1, time.monotonic()

    def end(self) -> None:
        """Nothing more is to be recorded; the file is closed by whoever tells the recorder so."""
        self._of = None

    def _on_status(self, message: DiagnosticStatus) -> None:
        """A recorder that came back is idle: what it missed is noted, and it goes on in another file."""
        idle = not diagnostic_values(message).get("output", "")
        if not idle or self._of is None or time.monotonic() - self._told_s < CHECK_S:
            return
        self._part, self._told_s = self._part + 1, time.monotonic()
        (trial, attempt) = self._of
        path = self._files.recording(trial, attempt, self._part).resolve()
        self._ledger.note(f"trial {trial}, attempt {attempt}: the recorder came back, and goes on in {path.name}")
        self._node.send_parameters_to(RECORDER, {"output": str(path)})
