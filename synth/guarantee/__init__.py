"""Learns a table with differential privacy and draws rows like it; every draw of noise is OpenDP's."""

from synth.guarantee.children import ChildCounts, ParentCounts
from synth.guarantee.domains import OTHER, ColumnDomain
from synth.guarantee.noise import Release, compose
from synth.guarantee.private import PrivateSynthesizer

__all__ = [
    "OTHER",
    "ChildCounts",
    "ColumnDomain",
    "ParentCounts",
    "PrivateSynthesizer",
    "Release",
    "compose",
]
