"""The files by which a training run is known; needs no PyTorch."""

from __future__ import annotations

CONFIG_FILE = "config.yaml"
RESULT_FILE = "result.json"
LOG_FILE = "log.txt"
