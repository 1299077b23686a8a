"""Learns the rows of owners, in order, each given those before it, and draws such rows for other owners."""

from synth.histories.histories import Histories
from synth.histories.panels import Panel

__all__ = ["Histories", "Panel"]
