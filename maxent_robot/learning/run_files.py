"""The files by which a training run is known, and the lock on its directory; needs no PyTorch."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from maxent_robot.errors import ConfigError

CONFIG_FILE = "config.yaml"
RESULT_FILE = "result.json"
LOG_FILE = "log.txt"
LOCK_FILE = "lock"


@contextmanager
def locked(directory: Path) -> Iterator[None]:
    """Keep the directory of a run or a campaign for this process; the lock goes with it, however it ends.

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
            pass  # some network file systems have no locks; training there is better than no training
        file.truncate(0)
        file.write(f"{os.getpid()}\n")
        file.flush()
        yield
