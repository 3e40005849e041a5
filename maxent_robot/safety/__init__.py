"""Wrench conditioning, limits, guards and the supervisor's state machine; not safety-rated."""

from __future__ import annotations
