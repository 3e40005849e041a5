"""What every test starts from."""

from __future__ import annotations

import signal
import sys
from collections.abc import Iterator

import pytest

import sim  # noqa: F401  (MuJoCo chooses its renderer when first imported; sim picks one that needs no display)

# A shell that starts the suite in the background leaves SIGINT ignored, which the processes under test would inherit.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(autouse=True)
def keep_denormals() -> Iterator[None]:
    """Training flushes denormals in its process; the tests after it need them back (hypothesis draws them)."""
    yield
    if "torch" in sys.modules:
        sys.modules["torch"].set_flush_denormal(False)
