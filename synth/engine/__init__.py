"""Learns a table and draws rows like it: numpy and pandas, nothing of dbt, SQL or stores."""

from synth.engine.histories import Histories
from synth.engine.synthesizer import Synthesizer

__all__ = ["Histories", "Synthesizer"]
