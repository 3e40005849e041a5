"""ROS 2 nodes, one module each; every one is its own lifecycle process."""

from __future__ import annotations
