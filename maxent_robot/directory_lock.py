"""One process at a time in a directory."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from maxent_robot.errors import ConfigError

LOCK_FILE = "lock"


@contextmanager
def locked(directory: Path) -> Iterator[None]:
    """Keep the directory of a run, a campaign or an experiment for this process; the lock goes when it does.

    Two processes that go on with one run would delete each other's checkpoints.

    Raises:
        ConfigError: another process has it.
    """
    with (directory / LOCK_FILE).open("a+", encoding="utf-8") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            file.seek(0)
            owner = file.read().strip() or "another"
            raise ConfigError(
                f"{directory} is in use by process {owner}: end it, or wait until it has ended"
            ) from error
        except OSError:
            pass  # some network file systems have no locks; working there is better than not at all
        file.truncate(0)
        file.write(f"{os.getpid()}\n")
        file.flush()
        yield
