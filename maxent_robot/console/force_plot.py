"""The contact force of the last seconds, as a drawing inside the page (SVG).

viser's own plot (uPlot) loses the ticks of its time axis when its data change as often as these do.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterator

from maxent_robot.console.colours import ALERT, GRID, INK

SPAN_S, TICK_S = 20.0, 5.0
WIDTH, HEIGHT = 360.0, 190.0
LEFT, RIGHT, TOP, BOTTOM = 40.0, 12.0, 10.0, 36.0
LEAST_TOP_N, STEP_N = 10.0, 5.0


class ForcePlot:
    """Remembers the last `SPAN_S` seconds, and draws them."""

    def __init__(self) -> None:
        self._samples: deque[tuple[float, float]] = deque()

    def add(self, now_s: float, force_n: float | None) -> None:
        """Take a sample; None: nothing is known at this time, and the line has a gap."""
        self._samples.append((now_s, math.nan if force_n is None else force_n))
        while self._samples[0][0] < now_s - SPAN_S:
            self._samples.popleft()

    def svg(self) -> str:
        """The drawing; the newest sample is at 0 s."""
        known = [force for _, force in self._samples if not math.isnan(force)]
        top_n = STEP_N * math.ceil(max(LEAST_TOP_N, 1.05 * max(known, default=0.0)) / STEP_N)
        return (
            f'<svg role="img" aria-label="contact force of the last {SPAN_S:g} s" viewBox="0 0 {WIDTH:g} {HEIGHT:g}" '
            f'style="width:100%;background:#fff;font:11px sans-serif" fill="{INK}">'
            f"{''.join(_axes(top_n))}{''.join(self._lines(top_n))}</svg>"
        )

    def _lines(self, top_n: float) -> Iterator[str]:
        """A line for each stretch of samples without a gap."""
        stretch: list[str] = []
        newest_s = self._samples[-1][0] if self._samples else 0.0
        for time_s, force_n in (*self._samples, (newest_s, math.nan)):
            if not math.isnan(force_n):
                stretch.append(f"{_x(time_s - newest_s):.1f},{_y(force_n, top_n):.1f}")
            elif stretch:
                yield f'<polyline fill="none" stroke="{ALERT}" stroke-width="1.5" points="{" ".join(stretch)}"/>'
                stretch = []


def _axes(top_n: float) -> Iterator[str]:
    right, bottom = WIDTH - RIGHT, HEIGHT - BOTTOM
    for k in range(int(SPAN_S / TICK_S) + 1):
        x = _x(k * TICK_S - SPAN_S)
        yield f'<path stroke="{GRID}" d="M{x:.1f} {TOP:g}V{bottom:g}"/>'
        yield f'<text x="{x:.1f}" y="{bottom + 14:g}" text-anchor="middle">{k * TICK_S - SPAN_S:g}</text>'
    for force_n in (0.0, 0.5 * top_n, top_n):
        y = _y(force_n, top_n)
        yield f'<path stroke="{GRID}" d="M{LEFT:g} {y:.1f}H{right:g}"/>'
        yield f'<text x="{LEFT - 5:g}" y="{y + 4:.1f}" text-anchor="end">{force_n:g}</text>'
    yield f'<text x="{0.5 * (LEFT + right):g}" y="{HEIGHT - 5:g}" text-anchor="middle">time [s]</text>'
    middle = 0.5 * (TOP + bottom)
    yield f'<text x="10" y="{middle:g}" text-anchor="middle" transform="rotate(-90 10 {middle:g})">force [N]</text>'


def _x(ago_s: float) -> float:
    return LEFT + (WIDTH - LEFT - RIGHT) * (1.0 + ago_s / SPAN_S)


def _y(force_n: float, top_n: float) -> float:
    return HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * force_n / top_n
