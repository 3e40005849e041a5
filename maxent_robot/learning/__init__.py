"""Maximum-entropy learning in PyTorch: networks, replay, Soft Actor-Critic, trainer and export."""

from __future__ import annotations
