"""The one rule of rarity."""

from __future__ import annotations

RARE = 10  # k: what fewer entities hold is rare, and is neither repeated nor shown
