"""Several skills learned from one pool of experience, so that their soft Qs can be added up at run time."""

from __future__ import annotations
