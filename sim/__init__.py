"""Simulation: arm, plug insertion, air hockey, randomisation. Importing it registers the Gymnasium environments."""

import os
import sys
from ctypes.util import find_library

import gymnasium

if sys.platform == "linux" and not os.environ.get("DISPLAY") and find_library("EGL"):
    # MuJoCo chooses its renderer when it is first imported; without a display that has to be EGL.
    os.environ.setdefault("MUJOCO_GL", "egl")

gymnasium.register(
    id="MaxentRobot/PlugInsertion-v0",
    entry_point="sim.gym:PlugInsertionEnv",
    kwargs={"settings": {"connector": "two_pin"}},
)
gymnasium.register(
    id="MaxentRobot/UsbInsertion-v0",
    entry_point="sim.gym:PlugInsertionEnv",
    kwargs={"settings": {"connector": "usb_a"}},
)
for task, opponent, limit_s in (("defend", "none", 3.0), ("hit", "blocker", 5.0), ("duel", "striker", 20.0)):
    gymnasium.register(
        id=f"MaxentRobot/Hockey{task.capitalize()}-v0",
        entry_point="sim.hockey.gym:HockeyEnv",
        kwargs={"settings": {"task": task, "opponents": [opponent], "time_limit_s": limit_s}},
    )
