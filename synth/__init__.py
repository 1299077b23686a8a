"""Publish synthetic twins of dbt models."""

from synth._version import __version__

__all__ = ["__version__"]
