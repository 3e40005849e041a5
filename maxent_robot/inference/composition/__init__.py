"""Composing the soft Q functions of several skills at run time."""

from __future__ import annotations

from maxent_robot.inference.composition.composer import ComposedAction, Composer
from maxent_robot.inference.composition.deadline import BoundedComposer
from maxent_robot.inference.composition.energies import OPERATORS
from maxent_robot.inference.composition.settings import Composition
from maxent_robot.inference.composition.skill import ComposableSkill, Correction, check_composable

__all__ = [
    "OPERATORS",
    "BoundedComposer",
    "ComposableSkill",
    "ComposedAction",
    "Composer",
    "Composition",
    "Correction",
    "check_composable",
]
