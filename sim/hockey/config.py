"""Settings of the air-hockey table, each with its unit, range and default.

Sizes, masses, drag and periods are those of the Robot Air Hockey Challenge
(https://github.com/AirHockeyChallenge/air_hockey_challenge: `table.xml`, `environments.rst`). Frame `table`: origin at
the centre of the surface, x along the table from the home player's goal to the away player's, y to the left of it.
"""

from __future__ import annotations

from dataclasses import dataclass

from maxent_robot.config import setting
from maxent_robot.errors import ConfigError
from sim.periods import whole_steps

Range = tuple[float, float]


@dataclass(frozen=True)
class Mallet:
    """A disk at the end of an arm: a mass that a spring of the Cartesian impedance pulls to its target.

    Towards the arm's base more of the arm has to be moved than across it.
    """

    radius_m: float = setting(0.04815, unit="m", minimum=0.01, maximum=0.1)
    mass_kg: float = setting(4.8, unit="kg", minimum=0.5, maximum=20.0, doc="of the arm, seen at its end, across it")
    mass_along_kg: float = setting(3.2, unit="kg", minimum=0.0, maximum=20.0, doc="that more, away from its base")
    stiffness_n_m: float = setting(2000.0, unit="N/m", minimum=100.0, maximum=10000.0)
    damping_n_s_m: float = setting(143.0, unit="N s/m", minimum=0.0, maximum=2000.0, doc="of arm and impedance, across")
    damping_along_n_s_m: float = setting(70.0, unit="N s/m", minimum=0.0, maximum=2000.0, doc="that more, along it")
    base_m: float = setting(1.10, unit="m", minimum=1.0, maximum=3.0, doc="of the arm, behind the middle of the table")
    spread: float = setting(
        1.0,
        minimum=1.0,
        maximum=3.0,
        doc="mass and damping of an episode's arms are up to so many times more or less; physics numpy only",
    )
    force_max_n: float = setting(120.0, unit="N", minimum=5.0, maximum=200.0, doc="of the spring: stiffness x leash")
    acceleration_m_s2: float = setting(8.0, unit="m/s^2", minimum=0.5, maximum=100.0, doc="of the target")
    zone_x_m: Range = setting((-0.82, -0.48), rising=True, unit="m", doc="of the target, for the home player")
    zone_y_m: Range = setting((-0.30, 0.30), rising=True, unit="m", doc="of the target")

    @property
    def leash_m(self) -> float:
        """Greatest distance of the target from the mallet along each axis [m]."""
        return self.force_max_n / self.stiffness_n_m


@dataclass(frozen=True)
class Puck:
    """A uniform disk on a cushion of air."""

    radius_m: float = setting(0.03165, unit="m", minimum=0.01, maximum=0.1)
    mass_kg: float = setting(0.01, unit="kg", minimum=0.001, maximum=0.5)
    drag_1_s: float = setting(0.1, unit="1/s", minimum=0.0, maximum=5.0, doc="share of the velocity lost per second")
    spin_drag_1_s: float = setting(0.4, unit="1/s", minimum=0.0, maximum=5.0, doc="the same of the spin")


@dataclass(frozen=True)
class Sensing:
    """How puck and mallets are seen, as by a camera above the table; ranges differ from one episode to the next."""

    noise_m: float = setting(0.001, unit="m", minimum=0.0, maximum=0.02, doc="std along each axis")
    delay_periods: tuple[int, int] = setting((1, 2), minimum=0, maximum=10, doc="control periods, uniform")
    dropout: float = setting(0.02, minimum=0.0, maximum=0.9, doc="chance that a period has no picture")
    command_delay_periods: tuple[int, int] = setting((0, 1), minimum=0, maximum=10, doc="of actions, uniform")


@dataclass(frozen=True)
class TableConfig:
    """The table, its puck and its two mallets."""

    length_m: float = setting(1.948, unit="m", minimum=0.5, maximum=4.0)
    width_m: float = setting(1.038, unit="m", minimum=0.3, maximum=2.0)
    goal_width_m: float = setting(0.25, unit="m", minimum=0.1, maximum=1.0)
    restitution_rim: float = setting(0.85, minimum=0.0, maximum=1.0, doc="of the puck's normal velocity")
    restitution_mallet: float = setting(0.8, minimum=0.0, maximum=1.0, doc="of the puck's normal velocity")
    friction: float = setting(10.0, minimum=0.0, maximum=100.0, doc="of the puck's edge; above 1 it hardly ever slides")
    control_period_s: float = setting(0.02, unit="s", minimum=0.005, maximum=0.1, doc="of a player's action")
    target_period_s: float = setting(0.005, unit="s", minimum=0.001, maximum=0.02, doc="in which a target moves on")
    puck: Puck = setting(Puck())
    mallet: Mallet = setting(Mallet())

    def __post_init__(self) -> None:
        rim = 0.5 * (self.width_m - self.goal_width_m)
        if rim <= self.puck.radius_m:
            raise ConfigError(
                f"goal_width_m is {self.goal_width_m}: the table of {self.width_m} m leaves no rim beside it"
            )
        whole_steps(
            self.control_period_s,
            self.target_period_s,
            f"control_period_s is {self.control_period_s:g} s, must be a multiple of target_period_s,",
        )

    @property
    def touch_m(self) -> float:
        """Distance of the centres of a puck and a mallet that touch [m]."""
        return self.puck.radius_m + self.mallet.radius_m

    @property
    def target_moves(self) -> int:
        """Of a target in one control period."""
        return round(self.control_period_s / self.target_period_s)


@dataclass(frozen=True)
class Rules:
    """When a rally ends without a goal."""

    hold_s: float = setting(15.0, unit="s", minimum=1.0, maximum=60.0, doc="on one side, then it is a fault")
    faults_for_goal: int = setting(3, minimum=1, maximum=100, doc="of one player, a goal for the other; in matches")
    stuck_s: float = setting(1.0, unit="s", minimum=0.1, maximum=10.0, doc="at rest out of reach, then a face-off")
    stuck_m_s: float = setting(0.15, unit="m/s", minimum=0.001, maximum=1.0, doc="slower is as good as at rest")


@dataclass(frozen=True)
class Reward:
    """Scales of the reward's named terms."""

    goal: float = setting(1.0, minimum=0.0, doc="once, for a goal in the other player's net")
    conceded: float = setting(1.0, minimum=0.0, doc="once and negative, for a goal in the own net")
    saved: float = setting(1.0, minimum=0.0, doc="once, for a shot that was stopped or sent back; task defend only")
    fault: float = setting(
        0.33, minimum=0.0, doc="once, negative for holding the puck too long, positive where the opponent does"
    )
    approach: float = setting(0.002, minimum=0.0, doc="per period until the first touch: -distance to the puck / 0.3 m")
    shot: float = setting(0.05, minimum=0.0, doc="once, as the puck leaves over the middle: its speed in m/s")
    aim: float = setting(
        0.5,
        minimum=0.0,
        doc="once, then too: exp(-y / goal width) where its way crosses the goal line; 0 for a way that is barred",
    )
    territory: float = setting(
        0.0, minimum=0.0, doc="per second that the puck is on the other side, negative on the own; task duel only"
    )
    action: float = setting(0.002, minimum=0.0, doc="per period, -mean square action")
    jerk: float = setting(0.005, minimum=0.0, doc="per period, -mean square change of action")


@dataclass(frozen=True)
class Shootout:
    """Penalty shots against a keeper that has chosen its place before: task penalty only."""

    spot_x_m: float = setting(-0.5, unit="m", doc="of the puck, on the axis of the table")
    mallet_x_m: float = setting(-0.7, unit="m", doc="of the striker's mallet at the beginning, on the axis")
    memory_shots: int = setting(1000, minimum=1, doc="over which the keeper remembers what would have saved them")
    keeper_temperature: float = setting(0.05, minimum=1e-3, doc="of the keeper's choice, in goals a shot")


@dataclass(frozen=True)
class HockeyConfig:
    """The whole task of one player, at home."""

    robot: str = setting("sim_hockey", doc="name or path of an FR3 description with a mallet")
    task: str = setting("defend", choices=("defend", "hit", "duel", "penalty"))
    opponents: tuple[str, ...] = setting(
        ("none",),
        doc="away players, one drawn an episode: none, blocker, keeper, predictor, striker, the path of a skill, or "
        "past_selves of the learner; twice in the list is twice as often",
    )
    memory: float = setting(
        0.0,
        minimum=0.0,
        maximum=1.0,
        doc="chance that the away player stays, and remembers, from one rally to the next, as it does in a match",
    )
    shot_m_s: Range = setting(
        (3.0, 5.0), rising=True, unit="m/s", minimum=0.1, maximum=10.0, doc="of a shot to save, uniform"
    )
    shots: float = setting(
        0.0, minimum=0.0, maximum=1.0, doc="share of rallies that begin with a shot to save; task duel only"
    )
    time_limit_s: float = setting(3.0, unit="s", minimum=0.5, maximum=60.0)
    physics: str = setting("numpy", choices=("numpy", "mujoco", "arms"), doc="arms: simulated FR3s hold the mallets")
    table: TableConfig = setting(TableConfig())
    sensing: Sensing = setting(Sensing())
    rules: Rules = setting(Rules())
    shootout: Shootout = setting(Shootout())
    reward: Reward = setting(Reward())

    def __post_init__(self) -> None:
        if self.physics != "numpy" and self.table.mallet.spread != 1.0:
            raise ConfigError(
                f"table.mallet.spread is {self.table.mallet.spread} and physics {self.physics}: only arms in numpy "
                f"differ from one episode to the next; must be 1"
            )
