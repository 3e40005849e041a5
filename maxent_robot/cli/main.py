"""The `maxent-robot` command: finds the sub-command, reports a mistake in one line.

Each sub-command is a module of this package with `add_arguments(parser)`, `run(arguments) -> int` and a docstring whose
first line is its help. Those modules import PyTorch, ROS or MuJoCo inside functions, so the help works without any.
"""

from __future__ import annotations

import argparse
import importlib
import os
import sys
from collections.abc import Sequence
from types import ModuleType

from maxent_robot import __version__
from maxent_robot.errors import MaxentRobotError

__all__ = ["COMMANDS", "build_parser", "main"]

COMMANDS = (
    *("demo", "up", "doctor", "console", "trials", "identify", "train", "family", "compare", "evaluate", "export"),
    "verify",
)

_EXTRAS = {
    "torch": ("PyTorch", "train"),
    "onnx": ("ONNX", "train"),
    "tensorboard": ("TensorBoard", "train"),
    "tqdm": ("tqdm", "sim"),
    "mujoco": ("MuJoCo", "sim"),
    "gymnasium": ("Gymnasium", "sim"),
    "imageio": ("imageio", "sim"),
    "matplotlib": ("Matplotlib", "report"),
    "jinja2": ("Jinja", "report"),
    "mcap": ("MCAP", "report"),
    "mcap_ros2": ("MCAP with ROS 2 messages", "report"),
    "scipy": ("SciPy", "report"),
    "ray": ("Ray", "ray"),
    "rclpy": ("ROS 2 (rclpy)", "ros"),
}
_ROS_MESSAGES = ("_msgs", "_srvs")

EXIT_MISTAKE = 2
"""Exit status for a mistake in the arguments, a file or the environment."""
EXIT_INTERRUPTED = 130
"""Exit status after Ctrl-C, as shells give it."""
EXIT_PIPE = 141
"""Exit status when the reader of the output went away, as shells give it."""


def build_parser(names: Sequence[str] = COMMANDS) -> argparse.ArgumentParser:
    """Return the parser of the command line.

    Args:
        names: the commands to load; all by default.
    """
    parser = argparse.ArgumentParser(prog="maxent-robot", description="Maximum-entropy skills for a robot arm.")
    parser.add_argument("--version", action="version", version=f"%(prog)s {__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for name in names:
        module = _module(name)
        add_command(commands, name, module)
        commands.choices[name].set_defaults(run=module.run)
    return parser


def add_command(commands: argparse._SubParsersAction[argparse.ArgumentParser], name: str, module: ModuleType) -> None:
    """Add the parser of a command, whose module says in its docstring what it does."""
    text = (module.__doc__ or "").strip()
    parser = commands.add_parser(
        name,
        help=text.partition("\n")[0],
        description=text,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    module.add_arguments(parser)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit status.

    Args:
        arguments: the words after `maxent-robot`; those of the process by default.
    """
    words = sys.argv[1:] if arguments is None else list(arguments)
    known = [word for word in words[:1] if word in COMMANDS]
    parsed = build_parser(known or COMMANDS).parse_args(words)
    try:
        status: int = parsed.run(parsed)
        sys.stdout.flush()
    except MaxentRobotError as error:
        return _report(str(error))
    except ModuleNotFoundError as error:
        hint = _missing_extra(parsed.command, error)
        if hint is None:
            raise
        return _report(hint)
    except KeyboardInterrupt:
        return EXIT_INTERRUPTED
    except BrokenPipeError:
        # The interpreter flushes once more at exit; without a reader that would end in a second error.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return EXIT_PIPE
    except OSError as error:
        if error.filename is None:
            raise
        return _report(f"{error.filename}: {error.strerror}")
    return status


def _module(command: str) -> ModuleType:
    return importlib.import_module(f"maxent_robot.cli.{command}")


def _report(message: str) -> int:
    print(f"maxent-robot: {message}", file=sys.stderr)
    return EXIT_MISTAKE


def _missing_extra(command: str, error: ModuleNotFoundError) -> str | None:
    """Return what to install for an optional dependency that is absent, or None if it is not one of those."""
    name = (error.name or "").partition(".")[0]
    title, extra = _EXTRAS.get(name, (None, None))
    if title is None and name.endswith(_ROS_MESSAGES):
        title, extra = f"ROS 2 ({name})", "ros"
    if title is None:
        return None
    sourced = ", or source the setup file of a ROS 2 installation" if extra == "ros" else ""
    return f"{command} needs {title}: pip install 'maxent_robot[{extra}]'{sourced}"


if __name__ == "__main__":
    sys.exit(main())
