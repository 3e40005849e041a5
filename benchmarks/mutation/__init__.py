"""Mutants of the supervisor: the operators that make them, where they are run, and those that may survive."""

from __future__ import annotations
