"""Serve a web page of the arm: 3-D twin, forces, states, sampler, experiment, and buttons to arm, start and stop.

Run it beside `maxent-robot up`, `ros2 launch` or `maxent-robot trials run`. It asks; the nodes decide.
"""

from __future__ import annotations

import argparse
import os
import secrets

from maxent_robot.console.gate import EVERYWHERE, LOOPBACK, PORT, Gate

DRAW = "new"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of `maxent-robot console`."""
    parser.add_argument("--robot", default="sim", help="name or path of the robot's description (default: %(default)s)")
    parser.add_argument("--namespace", default="", help="of the graph, for example cell_1")
    parser.add_argument("--domain-id", type=int, help="ROS domain (default: ROS_DOMAIN_ID)")
    parser.add_argument("--port", type=int, default=PORT, help="to serve the page on (default: %(default)s)")
    parser.add_argument(
        "--token",
        default="",
        help=f"serve it to other machines too, to browsers that have this token; '{DRAW}' draws one "
        "(default: to this machine alone)",
    )
    parser.add_argument("--host", default="", help="address to serve it on (default: 127.0.0.1; with a token, all)")


def run(arguments: argparse.Namespace) -> int:
    """Serve it until Ctrl-C or SIGTERM.

    Raises:
        ConfigError: no such robot, a port or namespace that is none, or a token that is too short.
    """
    if arguments.domain_id is not None:
        os.environ["ROS_DOMAIN_ID"] = str(arguments.domain_id)
    from maxent_robot.bringup import NodeProcess, absolute_namespace
    from maxent_robot.control.robot import load_robot
    from maxent_robot.errors import ConfigError
    from maxent_robot.nodes.console_node import ConsoleNode
    from maxent_robot.nodes.managed_node import run_node

    token = secrets.token_urlsafe(24) if arguments.token == DRAW else arguments.token
    host = arguments.host or (EVERYWHERE[0] if token else LOOPBACK)
    if not 1 <= arguments.port <= 65535:
        raise ConfigError(f"--port is {arguments.port}, must be 1 to 65535")
    load_robot(arguments.robot)
    Gate(host, arguments.port, token)
    values = {"robot": arguments.robot, "host": host, "port": arguments.port, "autostart": True}
    if token:
        values["token"] = token
    words = ["--ros-args", *NodeProcess("console", "console_node", values).ros_arguments()]
    if namespace := absolute_namespace(arguments.namespace):
        words += ["-r", f"__ns:={namespace}"]
    return run_node(ConsoleNode, words)
