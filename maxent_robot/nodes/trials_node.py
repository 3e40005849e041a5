"""The node `trials`: runs the experiment of a directory, as its operator says.

While active it runs the experiment in a thread, with a node of its own for the graph (see `experiment_runner`). The
services `trials/start`, `trials/pause`, `trials/stop`, `trials/acknowledge` and `trials/answer` are the operator's;
`trials/state` says what goes on, `trials/result` the outcome of each trial.

Parameters: `directory` of the experiment, `begin` (without waiting for `trials/start`). What had an outcome when the
node died has it still; it goes on at the next trial.
"""

from __future__ import annotations

import contextlib
import json
import threading
from functools import partial
from pathlib import Path
from typing import Any

import rclpy
from diagnostic_msgs.msg import DiagnosticStatus
from rclpy.timer import Timer
from std_msgs.msg import String
from std_srvs.srv import SetBool, Trigger

from maxent_robot.bringup.graph import is_simulated, load_graph, parameters_of, processes
from maxent_robot.bringup.lifecycle import LifecycleManager
from maxent_robot.control.pose import Pose
from maxent_robot.control.robot import load_robot
from maxent_robot.directory_lock import locked
from maxent_robot.errors import ConfigError
from maxent_robot.inference.temperature import DEFAULT_MODE
from maxent_robot.nodes.experiment_runner import ExperimentRunner
from maxent_robot.nodes.managed_node import ManagedNode, run_node
from maxent_robot.nodes.parameters import declare
from maxent_robot.nodes.qos import LATCHED
from maxent_robot.nodes.steady_clock import STEADY_CLOCK
from maxent_robot.nodes.topics import TRIALS_RESULT, TRIALS_STATE
from maxent_robot.nodes.trial_node import TrialNode
from maxent_robot.nodes.trial_runner import TrialSetup
from maxent_robot.nodes.trials_messages import trials_message
from maxent_robot.paths import find_skill
from maxent_robot.skill.bundle import SkillBundle, load_bundle
from maxent_robot.trials.experiment import Experiment
from maxent_robot.trials.experiment_files import ExperimentFiles
from maxent_robot.trials.ledger import result_to_mapping
from maxent_robot.trials.operator_desk import FAILED, ExperimentEnded, OperatorDesk

STATE_PERIOD_S = 0.1
JOIN_TIMEOUT_S = 8.0


class TrialsNode(ManagedNode):
    """See the module."""

    def __init__(self) -> None:
        super().__init__("trials")
        declare(self, "directory", "", "of the experiment")
        declare(self, "begin", False, "run at once, without waiting for trials/start")
        self._stack = contextlib.ExitStack()
        self._thread: threading.Thread | None = None
        self._timer: Timer | None = None

    def configure(self) -> None:
        directory = str(self.get_parameter("directory").value)
        if not directory:
            raise ConfigError("trials: parameter directory is '', must be that of an experiment")
        self._files = ExperimentFiles(Path(directory))
        self._experiment = self._files.experiment()
        self._bundles = {
            condition.name: load_bundle(find_skill(condition.skill)) for condition in self._experiment.conditions
        }
        self._robot = load_robot(self._experiment.robot)
        self._setup = self._make_setup(self._experiment, self._bundles)
        self._stack.enter_context(locked(self._files.directory))
        self._ledger = self._stack.enter_context(self._files.open_ledger())
        begin, judges = bool(self.get_parameter("begin").value), self._experiment.judge == "operator"
        self._desk = OperatorDesk(begin, judges)
        self._state_publisher = self.make_publisher(DiagnosticStatus, TRIALS_STATE, LATCHED)
        self._result_publisher = self.make_publisher(String, TRIALS_RESULT, LATCHED)
        for name in ("start", "pause", "stop", "acknowledge"):
            self.make_service(Trigger, f"trials/{name}", partial(self._on_request, name))
        self.make_service(SetBool, "trials/answer", self._on_answer)
        self._published: Any = None
        self._results = 0

    def activate(self) -> None:
        self._timer = self.create_timer(STATE_PERIOD_S, self._publish, clock=STEADY_CLOCK)
        self._thread = threading.Thread(target=self._work, name="experiment", daemon=True)
        self._thread.start()

    def deactivate(self) -> None:
        self._desk.quit()
        if self._thread is not None:
            self._thread.join(JOIN_TIMEOUT_S)
            self._thread = None
        if self._timer is not None:
            self.destroy_timer(self._timer)
            self._timer = None
        self._publish()

    def cleanup(self) -> None:
        self.disown()
        self._stack.close()

    @staticmethod
    def _make_setup(experiment: Experiment, bundles: dict[str, SkillBundle]) -> TrialSetup:
        """
        Raises:
            ConfigError: a skill that does not insert, a connector of unknown depth, or a judge that is not there.
        """
        for name, bundle in bundles.items():
            if not bundle.manifest.layout.inserts:
                raise ConfigError(f"conditions: {name!r} has skill '{bundle.manifest.name}', which does not insert")
            if bundle.manifest.connector not in experiment.depth_m:
                raise ConfigError(f"depth_m: no depth for connector {bundle.manifest.connector!r} of {name!r}")
        graph = load_graph(experiment.graph)
        simulated = is_simulated(processes(graph, experiment.robot))
        if not simulated and (experiment.judge == "simulator" or experiment.after_fault == "go_on"):
            wrong = "judge is simulator" if experiment.judge == "simulator" else "after_fault is go_on"
            raise ConfigError(f"{wrong}, but robot '{experiment.robot}' is not simulated")
        return TrialSetup(
            experiment.depth_m,
            str(parameters_of(graph, "policy").get("mode", DEFAULT_MODE)),
            experiment.criterion,
            experiment.start,
            simulated=simulated,
            automatic=experiment.judge != "operator",
        )

    # The thread

    def _work(self) -> None:
        logger = self.get_logger()
        try:
            self._run()
        except ExperimentEnded:
            logger.info("the experiment stops here, and goes on at the next trial when it is run again")
        except Exception as error:
            self._desk.tell(phase=FAILED, reason=str(error))
            logger.error(f"the experiment failed: {error}")

    def _run(self) -> None:
        namespace = self.get_namespace().rstrip("/")
        context = rclpy.Context()
        rclpy.init(args=[], context=context)
        with contextlib.ExitStack() as stack:
            stack.callback(context.try_shutdown)
            lifecycle = stack.enter_context(LifecycleManager(namespace, alive=self._desk.check))
            node = TrialNode(
                self._robot,
                context,
                self._desk.check,
                namespace,
                T_base_socket=self._taught_socket(),
                by_estimate=self._experiment.judge == "operator" and not self._setup.simulated,
            )
            stack.callback(node.close)
            runner = ExperimentRunner(
                node,
                self._robot,
                lifecycle,
                self._files,
                self._ledger,
                self._bundles,
                self._setup,
                self._desk,
                self.get_logger().info,
            )
            runner.run()

    def _taught_socket(self) -> Pose | None:
        """T_base_socket that follows from the pose that was taught with the plug seated."""
        if self._experiment.judge != "reference":
            return None
        position, quaternion = self._experiment.seated_pose[:3], self._experiment.seated_pose[3:]
        (depth,) = {self._experiment.depth_m[bundle.manifest.connector] for bundle in self._bundles.values()}
        return Pose.of(position, quaternion) @ Pose.of([0.0, 0.0, -depth], [0.0, 0.0, 0.0, 1.0])

    # The operator

    def _on_request(self, name: str, request: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        response.success, response.message = getattr(self._desk, name)()
        self._publish()
        return response

    def _on_answer(self, request: SetBool.Request, response: SetBool.Response) -> SetBool.Response:
        response.success, response.message = self._desk.answer(bool(request.data))
        return response

    def _publish(self) -> None:
        """What has changed."""
        told = self._desk.told
        if told != self._published:
            self._published = told
            self._state_publisher.publish(trials_message(told, self.get_name()))
        if told.done > self._results:
            self._results = told.done
            latest = list(self._ledger.results.values())[-1]
            self._result_publisher.publish(String(data=json.dumps(result_to_mapping(latest))))


def main() -> None:
    """Run the node as a process."""
    raise SystemExit(run_node(TrialsNode))


if __name__ == "__main__":
    main()
