"""The exceptions of the project, under one root.

A message is one line that a user can act on: it names the file or topic, the field, the value seen and what is allowed.
The command line prints it without a traceback.
"""

from __future__ import annotations

__all__ = ["BundleError", "ConfigError", "ContractError", "MaxentRobotError"]


class MaxentRobotError(Exception):
    """Root of all errors that the project raises on purpose."""


class ConfigError(MaxentRobotError):
    """A configuration file, parameter or path does not hold what its schema allows."""


class BundleError(MaxentRobotError):
    """A skill bundle is missing, damaged, or does not match its own manifest."""


class ContractError(MaxentRobotError):
    """Two parts that must agree (sizes, names, frames, rates) do not."""
