"""Reading the recordings of an experiment back."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from maxent_robot.safety.state_machine import MOVING_NAMES
from maxent_robot.skill.observation import FRAME_SIZE, OBSERVATION_SIZE
from maxent_robot.trials.mcap_writer import RecordingError

OBSERVATION_TOPIC, STATE_TOPIC = "policy/observation", "supervisor/state"


def decoded_messages(path: Path, topics: Sequence[str]) -> Iterator[tuple[str, int, Any]]:
    """(topic as asked for, publishing time in ns, message) of each message on one of these, in the order of the file.

    A file that was broken off is read to its last chunk.

    Args:
        topics: relative names, such as `joint_states`; whatever namespace they were recorded in.

    Raises:
        RecordingError: there is no such file, or it is no recording.
    """
    try:
        from mcap.exceptions import EndOfFile, McapError
        from mcap.reader import NonSeekingReader
        from mcap_ros2.decoder import DecoderFactory
    except ImportError as error:
        raise RecordingError("reading recordings needs mcap: pip install 'maxent-robot[report]'") from error
    try:
        with path.open("rb") as file, contextlib.suppress(EndOfFile):
            reader = NonSeekingReader(file, decoder_factories=[DecoderFactory()])
            for _, channel, record, message in reader.iter_decoded_messages(log_time_order=False):
                wanted = next((t for t in topics if channel.topic == f"/{t}" or channel.topic.endswith(f"/{t}")), None)
                if wanted is not None:
                    yield wanted, record.publish_time, message
    except OSError as error:
        raise RecordingError(f"{path}: {error.strerror}") from error
    except McapError as error:
        raise RecordingError(f"{path}: not a recording ({error})") from error


def newest_frames(path: Path) -> NDArray[np.float64]:
    """What the policy saw while it moved the arm, (steps, 25) in SI units: the newest frame of each observation.

    It looks on at all else too: the way to the start, the tare, the way out, and while somebody is waited for.

    Raises:
        RecordingError: see `decoded_messages`.
    """
    rows, acts = [], False
    for topic, _, message in decoded_messages(path, [OBSERVATION_TOPIC, STATE_TOPIC]):
        if topic == STATE_TOPIC:
            source = next((pair.value for pair in message.values if pair.key == "source"), "")
            acts = message.message in MOVING_NAMES and source == "policy"
        elif acts and len(message.data) >= OBSERVATION_SIZE:
            rows.append(np.asarray(message.data[OBSERVATION_SIZE - FRAME_SIZE : OBSERVATION_SIZE], dtype=np.float64))
    return np.array(rows).reshape(-1, FRAME_SIZE)
