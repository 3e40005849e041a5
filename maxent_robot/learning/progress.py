"""What a run shows while it goes: a progress bar on the terminal and scalars for TensorBoard."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import TracebackType

from torch.utils.tensorboard import SummaryWriter
from tqdm import tqdm


class ScalarMeans:
    """Means of named scalars between two reads."""

    def __init__(self) -> None:
        self._sums: dict[str, float] = {}
        self._counts: dict[str, int] = {}

    def add(self, values: Mapping[str, float]) -> None:
        """Add some scalars."""
        for name, value in values.items():
            self._sums[name] = self._sums.get(name, 0.0) + value
            self._counts[name] = self._counts.get(name, 0) + 1

    def read(self) -> dict[str, float]:
        """Means since the last read of what was added."""
        means = {name: total / self._counts[name] for name, total in self._sums.items()}
        self._sums, self._counts = {}, {}
        return means


class ProgressLog:
    """A tqdm bar over environment steps and a TensorBoard writer, closed together.

    Args:
        directory: where the event files go.
        steps: length of the bar.
        start: steps already done; later scalars of an earlier process that was killed are dropped.
        quiet: draw no bar.
    """

    def __init__(self, directory: Path, steps: int, start: int, quiet: bool) -> None:
        self._writer = SummaryWriter(str(directory), purge_step=start)
        self._bar = tqdm(
            total=steps, initial=start, unit="step", unit_scale=True, disable=quiet, dynamic_ncols=True, mininterval=1.0
        )

    def advance(self, steps: int) -> None:
        """Move the bar."""
        self._bar.update(steps)

    def show(self, **figures: str) -> None:
        """Set what stands behind the bar."""
        self._bar.set_postfix(figures, refresh=False)

    def say(self, line: str) -> None:
        """Print a line above the bar."""
        self._bar.write(line)

    def scalars(self, group: str, values: Mapping[str, float], step: int) -> None:
        """Write `group/name` for each value."""
        for name, value in values.items():
            self._writer.add_scalar(f"{group}/{name}", value, step)

    def __enter__(self) -> ProgressLog:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.close()
        self._writer.close()


def format_time(time_s: float | None) -> str:
    """A time to show, or `none`."""
    return "none" if time_s is None else f"{time_s:.2f} s"


def format_seconds(seconds: float) -> str:
    """Minutes and seconds, as 3:07."""
    return f"{int(seconds) // 60}:{int(seconds) % 60:02d}"
