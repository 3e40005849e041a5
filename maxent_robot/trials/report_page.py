"""What the pages of all reports share: the template they extend, and how numbers are written."""

from __future__ import annotations

import base64
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from maxent_robot.errors import MaxentRobotError
from maxent_robot.trials.experiment_template import EXPERIMENT
from maxent_robot.trials.plotting import outcome_colour
from maxent_robot.trials.protocol import StartRange
from maxent_robot.trials.provenance import SkillRecord
from maxent_robot.trials.report_template import BASE, SERIES

NONE = "\N{EN DASH}"

NOT_SAFETY_RATED = (
    "The supervisor is application software, not safety-rated. It never replaces the robot's own safety functions, "
    "guards or emergency stop."
)


class ReportError(MaxentRobotError):
    """A report cannot be made."""


def require_report_libraries() -> None:
    """Raise ReportError if a library that reports need is not installed."""
    try:
        import jinja2  # noqa: F401
        import matplotlib  # noqa: F401
    except ImportError as error:
        raise ReportError(f"the report needs {error.name}: pip install 'maxent-robot[report]'") from error


def render(template: str, names: Mapping[str, Any], content: Mapping[str, Any]) -> str:
    """The page of a template, `series` or `experiment`, with its content; `names` are for the template alone."""
    import jinja2

    loader = jinja2.DictLoader({"base": BASE, "series": SERIES, "experiment": EXPERIMENT})
    environment = jinja2.Environment(loader=loader, autoescape=True, undefined=jinja2.StrictUndefined)
    environment.globals.update(
        percent=percent,
        interval=interval,
        number=number,
        mm=mm,
        kinds=kinds,
        colour=outcome_colour,
        plain=plain,
        **names,
    )
    return environment.get_template(template).render(**content)


def picture(name: str, files: Mapping[str, Path]) -> Any:
    """A plot of the page, inside it; a word where there is none."""
    from markupsafe import Markup

    if name not in files:
        return Markup('<p class="none">No samples were recorded for this plot.</p>')
    data = base64.b64encode(files[name].read_bytes()).decode("ascii")
    shown = Markup('<div class="scroll" tabindex="0"><img alt="{}" src="data:image/png;base64,{}"></div>')
    return shown.format(name, data)


def percent(value: float | None, decimals: int = 0) -> str:
    """A share as per cent."""
    return NONE if value is None else f"{100 * value:.{decimals}f} %"


def interval(bounds: Sequence[float], decimals: int = 0) -> str:
    """Two shares as per cent."""
    return f"{100 * bounds[0]:.{decimals}f} to {100 * bounds[1]:.{decimals}f} %"


def number(value: float | None, decimals: int) -> str:
    """A number with so many decimals; a dash for none."""
    return NONE if value is None or math.isnan(value) else f"{round(value, decimals) + 0.0:.{decimals}f}"


def mm(value_m: float) -> str:
    """A length in m, in mm."""
    return f"{1000 * value_m:g}"


def plain(value: Any) -> str:
    """Any value of a manifest as text."""
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, (list, tuple)):
        return " to ".join(plain(v) for v in value) if len(value) == 2 else ", ".join(plain(v) for v in value)
    return str(value)


def kinds(interventions: Mapping[str, int]) -> str:
    """Counts by name as text."""
    return ", ".join(f"{name} {count}" for name, count in sorted(interventions.items()) if count) or NONE


def skill_summary(skill: SkillRecord) -> dict[str, Any]:
    """A skill as the page shows it: of the evaluation, its command and the main figures of each mode."""
    evaluation = skill.evaluation
    return {
        "name": skill.name,
        "connector": skill.connector,
        "manifest_sha256": skill.manifest_sha256,
        "files": skill.files,
        "training": skill.training,
        "evaluated": [("evaluated by", evaluation["command"])] if "command" in evaluation else [],
        "modes": {
            name: figures
            for name, figures in evaluation.items()
            if isinstance(figures, Mapping)
            and {"success", "success_interval", "time_s", "peak_force_n"} <= set(figures)
        },
    }


def starts_text(start: StartRange) -> str:
    """Where trials start, in words."""
    return (
        f"up to {mm(start.lateral_m)} mm off the estimated axis, {mm(start.height_min_m)} to "
        f"{mm(start.height_max_m)} mm above the estimated mouth, tilted by up to {math.degrees(start.tilt_rad):.3g}°, "
        f"turned by up to {math.degrees(start.yaw_rad):.3g}°"
    )
