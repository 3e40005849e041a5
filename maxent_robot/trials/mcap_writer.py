"""Recording of ROS messages as they came over the wire, in an MCAP file that Foxglove and rosbag2 open.

Format: https://mcap.dev/spec, profile `ros2` (https://mcap.dev/spec/registry#ros2): message encoding `cdr`, schema
encoding `ros2msg`.
"""

from __future__ import annotations

import io
import os
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

from maxent_robot.errors import MaxentRobotError
from maxent_robot.trials.definitions import message_definition

CHUNK_BYTES = 64 * 1024
"""Messages are compressed and written in chunks of this size: what a crash can lose."""


class RecordingError(MaxentRobotError):
    """A recording cannot be made."""


class McapWriter:
    """Writes one MCAP file; a context manager.

    A full chunk goes to the operating system at the next `sync`, so after a crash all but the last chunk can be read
    (`mcap recover` writes the missing index).
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        """Creates the file and its folder.

        Raises:
            RecordingError: the file cannot be written, or the `mcap` library is missing.
        """
        try:
            from mcap.writer import CompressionType, Writer
        except ImportError as error:
            raise RecordingError("recording needs the mcap library: pip install 'maxent-robot[report]'") from error
        self.path = Path(path)
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._file = self.path.open("wb")
        except OSError as error:
            raise RecordingError(f"{self.path}: cannot be written: {error.strerror}") from error
        compression = next(
            getattr(CompressionType, name) for name in ("ZSTD", "LZ4", "NONE") if _supports(CompressionType, name)
        )
        self._writer = Writer(self._file, chunk_size=CHUNK_BYTES, compression=compression)
        self._writer.start(profile="ros2", library="maxent_robot")
        self.sync()
        self._schemas: dict[str, int] = {}
        self._channels: dict[str, int] = {}
        self._counts: dict[str, int] = {}

    @property
    def counts(self) -> Mapping[str, int]:
        """Messages written so far, by topic."""
        return dict(self._counts)

    def add_topic(self, topic: str, type_name: str, qos: str = "") -> None:
        """Announce `topic` of `package/msg/Name`; `qos` is rosbag2's `offered_qos_profiles` text. Again is a no-op.

        Raises:
            DefinitionError: the type is not installed here.
        """
        if topic in self._channels:
            return
        if type_name not in self._schemas:
            definition = message_definition(type_name).encode()
            self._schemas[type_name] = self._writer.register_schema(type_name, "ros2msg", definition)
        metadata = {"offered_qos_profiles": qos} if qos else {}
        self._channels[topic] = self._writer.register_channel(topic, "cdr", self._schemas[type_name], metadata)
        self._counts[topic] = 0

    def write(self, topic: str, data: bytes, log_time_ns: int, publish_time_ns: int) -> None:
        """Append one message, `data` in CDR with its encapsulation header, as rmw delivers it.

        Raises:
            RecordingError: the topic was not announced.
        """
        channel = self._channels.get(topic)
        if channel is None:
            raise RecordingError(f"topic {topic!r} was not announced; announced are {', '.join(self._channels)}")
        self._counts[topic] += 1
        self._writer.add_message(channel, log_time_ns, data, publish_time_ns, self._counts[topic])

    def add_metadata(self, name: str, values: Mapping[str, str]) -> None:
        """Attach key-value data about the whole recording."""
        self._writer.add_metadata(name, dict(values))

    def sync(self) -> None:
        """Hand the finished chunks to the operating system."""
        self._file.flush()

    def close(self) -> None:
        """Write the index and close the file; again is a no-op."""
        if self._file.closed:
            return
        self._writer.finish()
        self._file.flush()
        os.fsync(self._file.fileno())
        self._file.close()

    def __enter__(self) -> McapWriter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _supports(compression: Any, name: str) -> bool:
    """Whether the library can write with that compression here."""
    from mcap.exceptions import UnsupportedCompressionError
    from mcap.writer import Writer

    try:
        Writer(io.BytesIO(), compression=getattr(compression, name))
    except UnsupportedCompressionError:
        return False
    return True
