"""Settings of the plug-insertion task, each with its unit, range and default.

The ranges of ``Randomisation`` are published ones: FORGE (socket estimate, force noise and dead zone, friction, gains),
IndustReal (observation noise), Isaac Lab's gear assembly (joint friction, stiffness, damping).
"""

from __future__ import annotations

from dataclasses import dataclass

from maxent_robot.config import setting
from maxent_robot.errors import ConfigError
from sim.periods import whole_steps
from sim.plug.connectors import CONNECTOR_NAMES
from sim.plug.obstacle import ObstacleSetting

Range = tuple[float, float]


@dataclass(frozen=True)
class Randomisation:
    """What differs from one episode to the next; a value of one number is the half width of a uniform distribution."""

    socket_position_m: float = setting(
        0.002, unit="m", minimum=0.0, maximum=0.02, doc="error of the estimate, each axis"
    )
    socket_rotation_deg: float = setting(2.0, unit="deg", minimum=0.0, maximum=15.0, doc="error, about each axis")
    plug_in_hand_m: float = setting(0.001, unit="m", minimum=0.0, maximum=0.005, doc="offset of the plug, x and y")
    socket_place_m: float = setting(0.05, unit="m", minimum=0.0, maximum=0.1, doc="true place of the socket, x and y")
    socket_height_m: float = setting(0.03, unit="m", minimum=0.0, maximum=0.08, doc="true height of the socket")
    socket_yaw_deg: float = setting(15.0, unit="deg", minimum=0.0, maximum=45.0, doc="true yaw of the socket")
    stiffness_factor: float = setting(1.4, minimum=1.0, maximum=3.0, doc="x or / up to this, log-uniform")
    stiffness_centre: float = setting(1.0, minimum=0.2, maximum=5.0, doc="of that: the arm's over what it is told")
    damping_factor: float = setting(1.4, minimum=1.0, maximum=3.0, doc="x or / up to this, log-uniform")
    damping_centre: float = setting(1.0, minimum=0.2, maximum=5.0, doc="of that")
    friction: Range = setting(
        (0.25, 1.25), rising=True, minimum=0.0, maximum=2.0, doc="sliding friction of plug on socket"
    )
    joint_friction_nm: Range = setting(
        (0.0, 0.5), rising=True, unit="Nm", minimum=0.0, maximum=3.0, doc="left by compensation"
    )
    tool_mass_factor: float = setting(1.1, minimum=1.0, maximum=1.5, doc="x or / up to this, log-uniform")
    force_bias_n: float = setting(1.0, unit="N", minimum=0.0, maximum=10.0, doc="left after taring, each axis")
    torque_bias_nm: float = setting(0.03, unit="Nm", minimum=0.0, maximum=1.0, doc="left after taring, each axis")
    force_noise_n: float = setting(1.0, unit="N", minimum=0.0, maximum=10.0, doc="std of each filtered reading")
    torque_noise_nm: float = setting(0.03, unit="Nm", minimum=0.0, maximum=1.0, doc="std of each filtered reading")
    force_dead_zone_n: float = setting(0.5, unit="N", minimum=0.0, maximum=5.0, doc="upper end; forces below read 0")
    observation_delay_max: int = setting(1, minimum=0, maximum=2, doc="policy periods, uniform from 0")
    command_delay_min: int = setting(0, minimum=0, maximum=2, doc="policy periods")
    command_delay_max: int = setting(1, minimum=0, maximum=2, doc="policy periods, uniform from the least")

    def __post_init__(self) -> None:
        if self.command_delay_min > self.command_delay_max:
            raise ConfigError(
                f"command_delay_min is {self.command_delay_min}, must be at most command_delay_max, "
                f"{self.command_delay_max}"
            )


@dataclass(frozen=True)
class Start:
    """Where episodes begin, relative to the estimated socket."""

    lateral_m: float = setting(0.010, unit="m", minimum=0.0, maximum=0.03, doc="x and y, uniform")
    height_m: Range = setting((0.010, 0.030), rising=True, unit="m", minimum=0.002, maximum=0.1, doc="above the mouth")
    rotation_deg: float = setting(3.0, unit="deg", minimum=0.0, maximum=10.0, doc="about each axis, uniform")
    on_axis_fraction: float = setting(
        0.0, minimum=0.0, maximum=1.0, doc="share that starts aligned and partly inserted"
    )
    on_axis_depth_m: Range = setting(
        (-0.003, 0.014), rising=True, unit="m", doc="tip below the mouth in those, cut at 0.9 of the depth"
    )


@dataclass(frozen=True)
class Success:
    """Seated: at full depth, in the socket and upright for ``hold_s``, the force limit never passed."""

    depth_tolerance_m: float = setting(0.001, unit="m", minimum=1e-4, maximum=0.005, doc="short of full depth")
    lateral_tolerance_m: float = setting(0.002, unit="m", minimum=1e-4, maximum=0.005, doc="beside the true axis")
    tilt_tolerance_rad: float = setting(0.1, unit="rad", minimum=0.01, maximum=0.5, doc="off the true orientation")
    hold_s: float = setting(0.25, unit="s", minimum=0.0, maximum=2.0)
    force_limit_n: float = setting(30.0, unit="N", minimum=5.0, maximum=100.0, doc="on the 10 ms mean")


@dataclass(frozen=True)
class Reward:
    """Scales of the reward's named terms, each per policy step; ``force`` goes to a column of its own."""

    depth: float = setting(0.2, minimum=0.0, doc="-1 outside the hole to 0 seated")
    lateral: float = setting(0.2, minimum=0.0, doc="-tanh(lateral error / 3 mm)")
    height: float = setting(0.1, minimum=0.0, doc="-tanh(height above the mouth / 10 mm)")
    tilt: float = setting(0.05, minimum=0.0, doc="-tanh(tilt / 0.05 rad)")
    action: float = setting(0.01, minimum=0.0, doc="-mean square action")
    jerk: float = setting(0.05, minimum=0.0, doc="-mean square change of action")
    success: float = setting(5.0, minimum=0.0, doc="once, when inserted")
    failure: float = setting(10.0, minimum=0.0, doc="once and negative, when the force limit is passed")
    force: float = setting(1.0, minimum=0.0, doc="excess of the peak over force_free x allowed force, in its units")
    force_free: float = setting(0.6, minimum=0.0, maximum=1.0, doc="share of the allowed force that costs nothing")


@dataclass(frozen=True)
class PlugConfig:
    """The whole task."""

    robot: str = setting("sim", doc="name or path of an FR3 description")
    connector: str = setting("two_pin", choices=CONNECTOR_NAMES)
    clearance_m: Range = setting(
        (0.0003, 0.0003), rising=True, unit="m", minimum=0.00005, maximum=0.001, doc="a side, uniform"
    )
    timestep_s: float = setting(0.001, unit="s", minimum=0.0001, maximum=0.004, doc="physics")
    policy_period_s: float = setting(0.05, unit="s", minimum=0.01, maximum=0.2)
    control_period_s: float = setting(
        0.01, unit="s", minimum=0.001, maximum=0.05, doc="leash and success are checked at"
    )
    time_limit_s: float = setting(10.0, unit="s", minimum=1.0, maximum=60.0)
    allowed_force_n: Range = setting(
        (15.0, 15.0), rising=True, unit="N", minimum=2.0, maximum=40.0, doc="told to the policy, uniform"
    )
    history: bool = setting(True, doc="false: all frames are the newest, to see what memory brings; makes no skill")
    randomisation: Randomisation = setting(Randomisation())
    start: Start = setting(Start())
    success: Success = setting(Success())
    reward: Reward = setting(Reward())
    obstacle: ObstacleSetting = setting(ObstacleSetting())

    def __post_init__(self) -> None:
        if self.success.hold_s >= self.time_limit_s:
            raise ConfigError(
                f"success.hold_s is {self.success.hold_s:g} s, must be less than time_limit_s, {self.time_limit_s:g} s"
            )
        for longer, shorter in (("policy_period_s", "control_period_s"), ("control_period_s", "timestep_s")):
            period_s, step_s = getattr(self, longer), getattr(self, shorter)
            whole_steps(period_s, step_s, f"{longer} is {period_s:g} s, must be a multiple of {shorter},")

    @property
    def ticks(self) -> int:
        """Control periods in a policy period."""
        return round(self.policy_period_s / self.control_period_s)

    @property
    def substeps(self) -> int:
        """Physics steps in a control period."""
        return round(self.control_period_s / self.timestep_s)
