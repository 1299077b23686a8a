"""Learns a table and draws rows like it; knows numpy, pandas and scikit-learn, and nothing of dbt, SQL or stores."""

from synth.engine.synthesizer import Synthesizer

__all__ = ["Synthesizer"]
