"""Checkpoints: the whole state of a run, always complete on disk, whenever the process dies.

    checkpoint.pt             everything but the replay, and the list of segments that belong to it
    replay-<start>-<stop>.npy transitions with these insertion numbers, written once and never changed

A checkpoint first writes the transitions that came since the last one, then replaces `checkpoint.pt` by a rename, and
only then deletes the segments that are no longer needed. Every file is written under another name, flushed to the disk
and renamed. So a kill at any moment leaves the previous checkpoint or the new one, and the cost of a checkpoint is that
of the new transitions, not of the whole memory.
"""

from __future__ import annotations

import io
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import torch

from maxent_robot.errors import MaxentRobotError
from maxent_robot.learning.replay import TransitionRing

STATE_FILE = "checkpoint.pt"
FORMAT_VERSION = 3


class CheckpointError(MaxentRobotError):
    """A checkpoint can't be read or written."""


class CheckpointStore:
    """Writes and reads the checkpoints of one run in a directory of its own."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self._segments: list[tuple[int, int]] = []  # (start, stop), rising, on disk and committed

    def exists(self) -> bool:
        """Whether there is a checkpoint."""
        return (self.directory / STATE_FILE).is_file()

    def save(self, state: dict[str, Any], replay: TransitionRing) -> None:
        """Commit `state` (dicts, lists, numbers, text, bytes, arrays, tensors) and the replay memory.

        Raises:
            CheckpointError: the disk refused; the previous checkpoint is untouched.
        """
        oldest = max(0, replay.inserted - replay.capacity)
        written = self._segments[-1][1] if self._segments else 0
        segments = [segment for segment in self._segments if segment[1] > oldest]
        try:
            self.directory.mkdir(parents=True, exist_ok=True)
            if replay.inserted > written:
                start = max(written, oldest)
                rows = replay.slice(start, replay.inserted)
                write_atomically(self._path(start, replay.inserted), lambda file: np.save(file, rows))
                segments.append((start, replay.inserted))
            document = {
                "format": FORMAT_VERSION,
                "state": pack_arrays(state),
                "inserted": replay.inserted,
                "segments": segments,
            }
            write_torch(self.directory / STATE_FILE, document)
            self._segments = segments
            kept = {self._path(*segment) for segment in segments}
            for path in self.directory.glob("replay-*"):
                if path not in kept:
                    path.unlink()
        except OSError as error:
            raise CheckpointError(f"{self.directory}: checkpoint can't be written: {error.strerror}") from error

    def load(self, replay: TransitionRing) -> dict[str, Any]:
        """Fill `replay` and return the state of the last committed checkpoint.

        Raises:
            CheckpointError: there is none, it is damaged, or it is of another format.
        """
        document = read_torch(self.directory / STATE_FILE)
        if document.get("format") != FORMAT_VERSION:
            raise CheckpointError(
                f"{self.directory / STATE_FILE}: format is {document.get('format')!r}, "
                f"this software reads {FORMAT_VERSION}"
            )
        segments = [(int(start), int(stop)) for start, stop in document["segments"]]
        replay.clear(segments[0][0] if segments else 0)
        for segment in segments:
            path = self._path(*segment)
            try:
                rows = np.load(path, allow_pickle=False)
            except (OSError, ValueError, EOFError) as error:
                raise CheckpointError(f"{path}: can't be read: {error}") from error
            if rows.ndim != 2 or rows.shape != (segment[1] - segment[0], replay.rows.shape[1]):
                raise CheckpointError(
                    f"{path}: shape is {rows.shape}, must be {(segment[1] - segment[0], replay.rows.shape[1])}"
                )
            replay.add(rows)
        self._segments = segments
        state: dict[str, Any] = unpack_arrays(document["state"])
        return state

    def _path(self, start: int, stop: int) -> Path:
        return self.directory / f"replay-{start:012d}-{stop:012d}.npy"


def write_atomically(path: Path, write: Callable[[BinaryIO], Any]) -> None:
    """Write a file so that `path` is the old one or the whole new one, whatever happens in between."""
    temporary = path.with_name(path.name + ".tmp")
    with open(temporary, "wb") as file:
        write(file)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)
    directory = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)


def write_torch(path: Path, document: dict[str, Any]) -> None:
    """Write a document of tensors and plain data, atomically."""
    buffer = io.BytesIO()
    torch.save(document, buffer)
    write_atomically(path, lambda file: file.write(buffer.getbuffer()))


def read_torch(path: Path) -> dict[str, Any]:
    """Read what `write_torch` wrote; no code is run in reading it.

    Raises:
        CheckpointError: there is no such file, or it is damaged.
    """
    if not path.is_file():
        raise CheckpointError(f"{path}: no such file")
    try:
        document = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # the unpickler's errors share no other base
        raise CheckpointError(
            f"{path}: can't be read: {(str(error).splitlines() or [type(error).__name__])[0]}"
        ) from error
    if not isinstance(document, dict):
        raise CheckpointError(f"{path}: holds {type(document).__name__}, must be a mapping")
    return document


def pack_arrays(tree: Any) -> Any:
    """Replace NumPy arrays and scalars in nested data by tensors and numbers, which are read without pickle."""
    if isinstance(tree, dict):
        return {key: pack_arrays(value) for key, value in tree.items()}
    if isinstance(tree, (list, tuple)):
        return type(tree)(pack_arrays(value) for value in tree)
    if isinstance(tree, np.ndarray):
        return {"__array__": torch.from_numpy(tree.copy())}
    if isinstance(tree, np.generic):
        return tree.item()
    if tree is None or isinstance(tree, (bool, int, float, str, bytes, torch.Tensor)):
        return tree
    raise TypeError(f"a checkpoint can't hold a {type(tree).__name__}")


def unpack_arrays(tree: Any) -> Any:
    """Inverse of `pack_arrays`."""
    if isinstance(tree, dict):
        if tree.keys() == {"__array__"}:
            return tree["__array__"].numpy()
        return {key: unpack_arrays(value) for key, value in tree.items()}
    if isinstance(tree, (list, tuple)):
        return type(tree)(unpack_arrays(value) for value in tree)
    return tree
