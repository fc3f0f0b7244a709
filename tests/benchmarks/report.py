"""Figures beside those of a floor or a peer, printed as they come and written as JSON."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any


class Report:
    """The figures of one part of the benchmarks."""

    def __init__(self, part: str) -> None:
        self.part = part
        self.figures: list[dict[str, Any]] = []

    def note(self, name: str, ours: float, unit: str, **beside: float | None) -> None:
        """Print and keep a figure. ``beside``: that of a floor or a peer (``bare``, ``ccusage``, …) in the same run."""
        others = {other: value for other, value in beside.items() if value is not None}
        figure = {"part": self.part, "name": name, "unit": unit, "ours": round(ours, 4)}
        self.figures.append({**figure, "beside": {other: round(value, 4) for other, value in others.items()}})
        print(line_of(self.figures[-1]), flush=True)

    def save(self, path: Path | None) -> None:
        """Write all figures to a file, if there is to be one."""
        if path is not None:
            path.write_text(json.dumps(self.figures, indent=1))


def line_of(figure: dict[str, Any]) -> str:
    """Return a figure as a line of text."""
    text = f"{figure['part']:<10}{figure['name']:<52}{figure['ours']:>11,.2f} {figure['unit']:<16}"
    for other, value in figure["beside"].items():
        ratio = f" ({figure['ours'] / value:.2f} x)" if value else ""
        text += f"  {other} {value:,.2f}{ratio}"
    return text.rstrip()


def options_of(parser: argparse.ArgumentParser) -> argparse.Namespace:
    """Parse the command line of a part, which may name a file for its figures."""
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures to this file as well")
    return parser.parse_args()
