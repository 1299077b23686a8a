"""`python -m synth`."""

from synth.cli import program

program()
