"""The panel of the console: state, buttons, force over time, sampler, experiment."""

from __future__ import annotations

import html
import math
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any

from maxent_robot.console.colours import ALERT, INK
from maxent_robot.console.force_plot import ForcePlot
from maxent_robot.console.view import (
    ARM,
    INSERTED,
    NOT_INSERTED,
    RESET,
    START,
    STOP,
    TRIALS_ACKNOWLEDGE,
    TRIALS_PAUSE,
    TRIALS_START,
    TRIALS_STOP,
    ConsoleView,
    SamplerSettings,
)
from maxent_robot.inference.temperature import MAXIMUM_TEMPERATURE, SAMPLER_MODES
from maxent_robot.trials.operator_desk import Told

if TYPE_CHECKING:
    import viser

MODE, TEMPERATURE, WEIGHTS = "mode", "temperature", "weights"
WEIGHT_MAX, WEIGHT_STEP, TEMPERATURE_STEP = 4.0, 0.1, 0.05

_RED, _GREEN, _BLUE, _GREY = (176, 30, 30), (20, 110, 60), (25, 85, 150), (80, 86, 94)
"""Of buttons; white on each has a contrast of at least 6 to 1."""

_STYLE = "<style>:root,[data-mantine-color-scheme]{--mantine-color-dimmed:#50565e !important}</style>"
"""viser's labels are a grey that has too little contrast for WCAG AA."""

_BOX = (
    "margin:0 0.75em 0.5em;padding:0.6em 0.8em;border-left:5px solid {};background:#fff;color:{};overflow-wrap:anywhere"
)
_PROGRESS = (
    '<progress aria-label="trials" style="width:calc(100% - 1.5em);margin:0 0.75em" value="{}" max="{}"></progress>'
)
NOT_SAFETY_RATED = (
    "Not safety-rated. Stop here asks the supervisor over the network: it is no emergency stop. Keep the robot's own "
    "within reach."
)

Request = Callable[[str], None]
Change = Callable[[str, Any], None]


class ConsolePage:
    """Draws the panel of a server; all who look at it see the same.

    Args:
        server: of viser.
        title: what the arm is called.
        request: called with one of the requests of `view`, when its button is pressed.
        change: called with `MODE`, `TEMPERATURE` or `WEIGHTS` and the value that the operator wants.
    """

    def __init__(self, server: viser.ViserServer, title: str, request: Request, change: Change) -> None:
        self._gui, self._request, self._change = server.gui, request, change
        self._buttons: dict[str, Any] = {}
        self._shown_sampler: SamplerSettings | None = None
        self._weights: list[Any] = []
        self._wanted_weights: list[float] = []
        self._forces = ForcePlot()
        gui = self._gui
        gui.configure_theme(show_logo=False, show_share_button=False, control_width="large")
        gui.set_panel_label(title)
        gui.main_panel.dock_right()
        self._state, self._contact = gui.add_html(""), gui.add_html("")  # the second one changes ten times a second
        self._button(STOP, "Stop", _RED, "Bring the arm to rest and hold it; key S", "hand-stop")
        gui.add_command("Stop the arm", hotkey="S").on_trigger(lambda _: self._request(STOP))
        self._make_trials()
        self._button(ARM, "Arm", _BLUE, "Latch the pose and tare the force; the arm must be still and touch nothing")
        self._button(START, "Start the policy", _GREEN, "The policy's motion reaches the arm")
        self._button(RESET, "Reset", _GREY, "Leave HOLD or FAULT, if the cause is gone")
        self._said = gui.add_html("")
        self._plot = gui.add_html("")
        self._make_sampler()
        gui.add_html(_STYLE + _box([NOT_SAFETY_RATED], INK))

    # What is shown

    def show(self, view: ConsoleView, now_s: float) -> None:
        """Show this, at a time [s] whose zero is any."""
        supervisor = view.supervisor
        numbers = "" if supervisor is None else f"{supervisor.force_n:.1f} N, {supervisor.torque_nm:.2f} Nm"
        _put(self._state, "content", _headed(view.headline, view.details, view.is_bad, "h1"))
        _put(self._contact, "content", _box([f"contact at the TCP: {numbers}"], INK) if numbers else "")
        for request, button in self._buttons.items():
            _put(button, "disabled", not view.allows(request))
        _put(self._said, "content", _box([view.said], INK) if view.said else "")
        self._forces.add(now_s, None if supervisor is None else supervisor.force_n)
        _put(self._plot, "content", self._forces.svg())
        self._show_sampler(view)
        self._show_trials(view.trials)

    def _show_sampler(self, view: ConsoleView) -> None:
        _put(self._sampler, "visible", view.shows_sampler)
        policy, settings = view.policy, view.sampler
        if policy is not None and not policy.problem:
            numbers = f"temperature in use {policy.temperature:.2f}, latency {policy.latency_ms:.1f} ms"
            novelty = "" if math.isnan(policy.novelty) else f", novelty {policy.novelty:.2f}"
            lines = [f"skill {policy.skill}: entropy {policy.entropy_nat:.2f} nat{novelty}", numbers]
        else:
            lines = ["no action at present"]
        if view.experiment_moves:
            lines.append("set by the experiment")
        _put(self._policy, "content", _box(lines, INK))
        if settings is None:
            return
        for handle in (self._mode, self._temperature, *self._weights):
            _put(handle, "disabled", not view.sampler_is_free)
        if settings != self._shown_sampler:
            self._take_over(settings)
            self._shown_sampler = settings

    def show_refused(self) -> None:
        """Put the sampler's elements back to what the policy has, at the next `show`."""
        self._shown_sampler = None

    def _take_over(self, settings: SamplerSettings) -> None:
        _put(self._mode, "value", settings.mode)
        _put(self._temperature, "value", settings.temperature)
        if [slider.label for slider in self._weights] != self._labels(settings):
            for slider in self._weights:
                slider.remove()
            with self._sampler:
                self._weights = [self._weight(place, label) for place, label in enumerate(self._labels(settings))]
        self._wanted_weights = list(settings.weights)
        for slider, weight in zip(self._weights, settings.weights, strict=False):
            _put(slider, "value", min(weight, WEIGHT_MAX))

    @staticmethod
    def _labels(settings: SamplerSettings) -> list[str]:
        return [f"Weight of {skill}" for skill in settings.skills] if len(settings.skills) > 1 else []

    def _show_trials(self, trials: Told | None) -> None:
        _put(self._trials, "visible", trials is not None)
        if trials is None:
            return
        lines = [f"{trials.done} of {trials.total} trials have an outcome"]
        if not trials.at_rest:
            lines.append(
                f"trial {trials.trial}, attempt {trials.attempt}, condition {trials.label}: "
                f"{trials.time_s:.1f} s, depth {1e3 * trials.depth_m:.1f} mm"
            )
        if trials.outcome:
            lines.append(f"last outcome: {trials.outcome}")
        lines += [f"{label}: inserted {inserted} of {tried}" for label, (inserted, tried) in trials.counts.items()]
        if trials.reason:
            lines.append(trials.reason)
        _put(self._trials_head, "content", _headed(trials.prompt or trials.phase, [], bool(trials.prompt)))
        progress = _PROGRESS.format(trials.done, max(1, trials.total))
        _put(self._trials_text, "content", _box(lines, INK) + progress)

    # How it is built

    def _button(self, request: str, label: str, colour: tuple[int, int, int], hint: str, icon: Any = None) -> None:
        button = self._gui.add_button(label, color=colour, hint=hint, icon=icon)
        button.on_click(lambda _: self._request(request))
        self._buttons[request] = button

    def _make_sampler(self) -> None:
        gui = self._gui
        self._sampler: Any = gui.add_folder("Sampler", visible=False)
        with self._sampler:
            self._policy = gui.add_html("")
            self._mode = gui.add_dropdown("Mode", SAMPLER_MODES, hint="See docs/sampler.md")
            self._temperature = gui.add_slider(
                "Temperature",
                0.0,
                MAXIMUM_TEMPERATURE,
                TEMPERATURE_STEP,
                1.0,
                hint="Factor on the policy's standard deviation in modes tempered, gated and retry",
            )
        self._mode.on_update(lambda event: self._changed(event, MODE, lambda: self._mode.value))
        self._temperature.on_update(
            lambda event: self._changed(event, TEMPERATURE, lambda: float(self._temperature.value))
        )

    def _weight(self, place: int, label: str) -> Any:
        slider = self._gui.add_slider(label, 0.0, WEIGHT_MAX, WEIGHT_STEP, 1.0)
        slider.on_update(lambda event: self._changed(event, WEIGHTS, lambda: self._reweighted(place, slider.value)))
        return slider

    def _reweighted(self, place: int, weight: float) -> list[float]:
        """All weights with one of them changed; the others as they are, also beyond the end of their sliders."""
        self._wanted_weights[place] = float(weight)
        return list(self._wanted_weights)

    def _changed(self, event: Any, name: str, value: Callable[[], Any]) -> None:
        if event.client is not None:  # else it was put there by `show`
            self._change(name, value())

    def _make_trials(self) -> None:
        gui = self._gui
        self._trials: AbstractContextManager[Any] | Any = gui.add_folder("Experiment", visible=False)
        with self._trials:
            self._trials_head, self._trials_text = gui.add_html(""), gui.add_html("")
            self._button(TRIALS_START, "Start or go on", _GREEN, "Run the trials that have no outcome yet")
            self._button(TRIALS_PAUSE, "Pause after this trial", _GREY, "No further trial begins")
            self._button(TRIALS_STOP, "Break off this trial", _RED, "Its outcome is: operator")
            self._button(TRIALS_ACKNOWLEDGE, "The cause is gone", _BLUE, "After a fault: the arm may move again")
            self._button(INSERTED, "The plug is in", _GREEN, "Where you are the judge")
            self._button(NOT_INSERTED, "The plug is not in", _GREY, "Where you are the judge")


def _put(handle: Any, name: str, value: Any) -> None:
    """Set what has changed: each assignment is a message to every browser."""
    if getattr(handle, name) != value:
        setattr(handle, name, value)


def _headed(head: str, lines: Sequence[str], bad: bool, tag: str = "h2") -> str:
    ink, role = (ALERT, "alert") if bad else (INK, "status")
    title = f'<{tag} style="font-size:1.25em;margin:0">{html.escape(head)}</{tag}>'
    return f'<div role="{role}" style="{_BOX.format(ink, ink)}">{title}{"<br>".join(map(html.escape, lines))}</div>'


def _box(lines: Sequence[str], ink: str) -> str:
    return f'<div style="{_BOX.format("#c3c9d0", ink)}">{"<br>".join(map(html.escape, lines))}</div>'
