"""What every test starts from."""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

import sim  # noqa: F401  (MuJoCo chooses its renderer when first imported; sim picks one that needs no display)
from maxent_robot.cli.main import main

ExpectMistake = Callable[[Sequence[str], str], None]

# A shell that starts the suite in the background leaves SIGINT ignored, which the processes under test would inherit.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_modifyitems(items: Sequence[pytest.Item]) -> None:
    """A real-time test waits for processes, and a busy machine may keep them from the processor for too long.

    It has three tries. The summary counts those that were used (`R`), so that one who wants to know may look.
    """
    for item in items:
        if item.get_closest_marker("realtime"):
            item.add_marker(pytest.mark.flaky(reruns=2, reruns_delay=1))


@pytest.fixture(autouse=True)
def keep_denormals() -> Iterator[None]:
    """Training flushes denormals in its process; the tests after it need them back (hypothesis draws them)."""
    yield
    if "torch" in sys.modules:
        sys.modules["torch"].set_flush_denormal(False)


@pytest.fixture
def expect_mistake(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> ExpectMistake:
    """Runs `maxent-robot` with a mistake in its words: one line says what it is, and nothing is left behind."""

    def expect(words: Sequence[str], message: str) -> None:
        monkeypatch.chdir(tmp_path)
        assert main(words) == 2
        error = capsys.readouterr().err
        assert message in error
        assert error.count("\n") == 1
        assert not list(tmp_path.iterdir()), "nothing is left behind"

    return expect
