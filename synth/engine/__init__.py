"""Learns a table and draws rows like it: numpy and pandas, nothing of dbt, SQL or stores."""

from synth.engine.arithmetic import Arithmetic
from synth.engine.crowd import Beside
from synth.engine.synthesizer import Synthesizer

__all__ = ["Arithmetic", "Beside", "Synthesizer"]
