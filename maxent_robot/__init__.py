"""Maximum-entropy skills for contact-rich manipulation: the contract, the control, the safety and the learning."""

from __future__ import annotations

__all__ = ["__version__"]

__version__ = "0.1.0"
