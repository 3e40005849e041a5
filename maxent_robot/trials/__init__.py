"""Trial protocol, statistics, recording and the report."""

from __future__ import annotations
