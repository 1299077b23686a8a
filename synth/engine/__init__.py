"""Learns a table and draws rows like it: numpy, pandas and scikit-learn, nothing of dbt, SQL or stores."""

from synth.engine.synthesizer import Synthesizer

__all__ = ["Synthesizer"]
