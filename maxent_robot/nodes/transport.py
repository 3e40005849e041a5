"""How the nodes of this package talk: so that one that hangs does not hang the others."""

from __future__ import annotations

import os

from maxent_robot.paths import share_directory

DISCOVERY_RANGE = "ROS_AUTOMATIC_DISCOVERY_RANGE"
TRANSPORTS, PROFILES = "FASTDDS_BUILTIN_TRANSPORTS", "FASTDDS_DEFAULT_PROFILES_FILE"
_CHOICES = (TRANSPORTS, PROFILES, "FASTRTPS_DEFAULT_PROFILES_FILE")


def avoid_shared_memory() -> None:
    """Let Fast DDS use UDP alone, unless the environment says otherwise; to be called before the context is made.

    Its shared memory makes a writer wait for a reader whose process is stopped or was killed, for seconds, and may not
    deliver to a stopped reader any more once it goes on: a policy or a driver that dies would take the supervisor with
    it. With a discovery range of `LOCALHOST`, ROS 2 configures shared memory by itself and heeds no profile; so a
    profile that is limited to the loopback interface takes its place. Other middleware looks at neither.
    """
    if any(name in os.environ for name in _CHOICES):
        return
    if os.environ.get(DISCOVERY_RANGE, "").upper() == "LOCALHOST":
        os.environ[DISCOVERY_RANGE] = "SYSTEM_DEFAULT"
        os.environ[PROFILES] = str(share_directory() / "config" / "dds" / "loopback.xml")
    else:
        os.environ[TRANSPORTS] = "UDPv4"
