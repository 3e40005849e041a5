"""The `maxent-robot` command, one module for each sub-command."""

from __future__ import annotations
