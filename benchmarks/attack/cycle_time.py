"""How long a cycle of the supervisor takes at 500 Hz, in one process, with the simulated arm and a policy at 20 Hz."""

from __future__ import annotations

import dataclasses
import time

import numpy as np

from attack.core_inputs import WALL_S
from maxent_robot.control.robot import load_robot
from maxent_robot.safety.arrival import Arrival
from maxent_robot.safety.limits import load_limits
from maxent_robot.safety.policy_report import ExpectedPolicy
from maxent_robot.safety.state_machine import MOVING
from maxent_robot.safety.supervisor import Supervisor
from sim.plug.arm_driver import PlugArmDriver

RATE_HZ, POLICY_PERIOD_S = 500.0, 0.05


def cycle_times_ms(cycles: int, seed: int) -> np.ndarray:
    """(cycles,) duration of each tick while the arm follows a wandering policy."""
    robot = dataclasses.replace(load_robot("sim"), control_rate_hz=RATE_HZ)
    driver = PlugArmDriver(robot, "two_pin", seed)
    supervisor = Supervisor(robot, load_limits("sim"), ExpectedPolicy(robot.fingerprint(), POLICY_PERIOD_S))
    supervisor.configure()
    generator = np.random.default_rng(seed)
    twist = np.zeros(6)
    taken: list[float] = []
    number = 0
    while len(taken) < cycles:
        reading, number = driver.cycle(), number + 1
        arrival = Arrival(WALL_S + reading.time_s, 0.0, reading.time_s)
        supervisor.on_joint_state(robot.joint_names, reading.joint_positions, reading.joint_velocities, arrival)
        supervisor.on_wrench(reading.wrench_ft, robot.ft_frame, arrival)
        if number % round(POLICY_PERIOD_S * RATE_HZ) == 0:
            change = generator.normal(0.0, [0.02, 0.02, 0.02, 0.1, 0.1, 0.1])
            twist = np.clip(0.8 * twist + change, -0.1, 0.1)
            supervisor.on_twist(twist, robot.base_frame, arrival)
        began = time.perf_counter()
        command = supervisor.tick(reading.time_s)
        took = time.perf_counter() - began
        if command.target is not None:
            driver.set_target(command.target)
        if command.state in MOVING:
            taken.append(1e3 * took)
        else:
            for request in (supervisor.request_reset, supervisor.request_arm, supervisor.request_start):
                request(reading.time_s)
    return np.array(taken)
