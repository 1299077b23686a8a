"""The colours of the reports, in two schemes; every text stands out from its ground by 4.5 to 1 at least."""

from __future__ import annotations

LIGHT = {
    "page": "#f6f6f3",
    "card": "#ffffff",
    "ink": "#1a1d21",
    "muted": "#5b626c",
    "line": "#e1e2dd",
    "real": "#8b939e",
    "twin": "#0a5fc4",
    "pass": "#12683f",
    "pass-soft": "#e5f3ea",
    "fail": "#ae2012",
    "fail-soft": "#fce9e6",
    "inconclusive": "#7c5200",
    "inconclusive-soft": "#fbf0d7",
    "error": "#75308a",
    "error-soft": "#f5e9f8",
    "none": "#4b535d",
    "none-soft": "#ebedef",
}
DARK = {
    "page": "#111316",
    "card": "#191c20",
    "ink": "#e9ebee",
    "muted": "#a2aab5",
    "line": "#30353c",
    "real": "#727d8b",
    "twin": "#72b2ff",
    "pass": "#66d19e",
    "pass-soft": "#12281d",
    "fail": "#ff9082",
    "fail-soft": "#351916",
    "inconclusive": "#efc063",
    "inconclusive-soft": "#2f2611",
    "error": "#dcaaec",
    "error-soft": "#2b1a31",
    "none": "#b3bac3",
    "none-soft": "#25292e",
}
# What is written in, or drawn with, which colour on which ground.
TEXTS = (
    *((text, ground) for text in ("ink", "muted", "twin") for ground in ("page", "card")),
    *(
        (name, ground)
        for name in ("pass", "fail", "inconclusive", "error", "none")
        for ground in (f"{name}-soft", "card")
    ),
    *(
        (text, f"{name}-soft")
        for text in ("ink", "muted")
        for name in ("pass", "fail", "inconclusive", "error", "none")
    ),
)
SHAPES = (("real", "card"), ("twin", "card"))
LINEAR = 0.04045  # below, sRGB is linear


def contrast(one: str, other: str) -> float:
    """Return the contrast of two colours, 1 to 21 (WCAG 2.2, relative luminance)."""
    high, low = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def _luminance(colour: str) -> float:
    parts = (int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5))
    linear = (part / 12.92 if part <= LINEAR else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return sum(weight * part for weight, part in zip((0.2126, 0.7152, 0.0722), linear, strict=True))
