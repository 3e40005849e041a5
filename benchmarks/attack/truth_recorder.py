"""The independent observer: a process of its own that writes down what truly happens, and decides nothing.

    python benchmarks/attack/truth_recorder.py OUTPUT.npz [NAMESPACE]

It imports nothing of maxent_robot. Every message is stamped with the steady clock on arrival, which all processes of
this machine share. SIGTERM ends it and writes the file.
"""

from __future__ import annotations

import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

import numpy as np
import rclpy
from diagnostic_msgs.msg import DiagnosticStatus
from geometry_msgs.msg import PoseStamped, TwistStamped, WrenchStamped
from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy
from rclpy.signals import SignalHandlerOptions
from rclpy.subscription import Subscription
from sensor_msgs.msg import JointState

PERIOD_S = 0.02
_DEEP = QoSProfile(depth=2000, reliability=ReliabilityPolicy.RELIABLE)
_LATCHED = QoSProfile(depth=50, reliability=ReliabilityPolicy.RELIABLE, durability=DurabilityPolicy.TRANSIENT_LOCAL)


class TruthRecorder(Node):
    """Keeps (arrival, values) of true joints and contact, targets, states and faults, and when twists came."""

    def __init__(self, namespace: str | None = None) -> None:
        super().__init__("truth_recorder", namespace=namespace, enable_rosout=False)
        self.rows: dict[str, list[tuple[float, ...]]] = {"joints": [], "contact": [], "target": [], "twist": []}
        self.texts: dict[str, list[tuple[float, str]]] = {"state": [], "fault": []}
        self._heard: list[tuple[Subscription[Any], Callable[[Any, float], None]]] = []
        self._hear(JointState, "sim_arm/truth/joint_states", self._on_joints, _DEEP)
        self._hear(WrenchStamped, "sim_arm/truth/contact", self._on_contact, _DEEP)
        self._hear(PoseStamped, "target_pose", self._on_target, _DEEP)
        self._hear(TwistStamped, "candidate_twist", self._on_twist, _DEEP)
        self._hear(DiagnosticStatus, "supervisor/state", self._on_state, _LATCHED)
        self._hear(DiagnosticStatus, "supervisor/fault", self._on_fault, _LATCHED)

    def take(self) -> None:
        """Write down what has come since the last call. No executor: it would wake for every message."""
        for subscription, write_down in self._heard:
            handle: Any = subscription.handle
            with handle:
                while (taken := handle.take_message(subscription.msg_type, False)) is not None:
                    message, info = taken
                    write_down(message, time.monotonic() - 1e-9 * (time.time_ns() - info["received_timestamp"]))

    def _hear(self, kind: type[Any], topic: str, write_down: Callable[[Any, float], None], qos: QoSProfile) -> None:
        self._heard.append((self.create_subscription(kind, topic, lambda message: None, qos), write_down))

    def _on_joints(self, message: JointState, came_s: float) -> None:
        stamp_s = message.header.stamp.sec + 1e-9 * message.header.stamp.nanosec
        self.rows["joints"].append((came_s, stamp_s, *message.position, *message.velocity))

    def _on_contact(self, message: WrenchStamped, came_s: float) -> None:
        force = message.wrench.force
        self.rows["contact"].append((came_s, force.x, force.y, force.z))

    def _on_target(self, message: PoseStamped, came_s: float) -> None:
        p, q = message.pose.position, message.pose.orientation
        self.rows["target"].append((came_s, p.x, p.y, p.z, q.x, q.y, q.z, q.w))

    def _on_twist(self, message: TwistStamped, came_s: float) -> None:
        self.rows["twist"].append((came_s,))

    def _on_state(self, message: DiagnosticStatus, came_s: float) -> None:
        self.texts["state"].append((came_s, message.message))

    def _on_fault(self, message: DiagnosticStatus, came_s: float) -> None:
        names = [pair.value for pair in message.values if pair.key == "fault"]
        self.texts["fault"].append((came_s, names[0] if names else ""))

    def write(self, path: Path) -> None:
        """Write everything as one NPZ file: rows as float64, texts as an array of times and one of strings."""
        arrays: dict[str, Any] = {name: np.array(rows, dtype=np.float64) for name, rows in self.rows.items()}
        for name, entries in self.texts.items():
            arrays[f"{name}_s"] = np.array([at for at, _ in entries], dtype=np.float64)
            arrays[name] = np.array([text for _, text in entries], dtype=str)
        np.savez_compressed(path, **arrays)


def main() -> None:
    ended = False

    def end(number: int, frame: FrameType | None) -> None:
        nonlocal ended
        ended = True

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, end)
    rclpy.init(args=[], signal_handler_options=SignalHandlerOptions.NO)
    recorder = TruthRecorder(sys.argv[2] if len(sys.argv) > 2 else None)
    while not ended:
        recorder.take()
        time.sleep(PERIOD_S)
    recorder.take()
    recorder.write(Path(sys.argv[1]))
    rclpy.try_shutdown()


if __name__ == "__main__":
    main()
