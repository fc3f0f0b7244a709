"""Everything that is measured, by one command: each figure beside a floor or a peer in the same run.

    python -m tests.benchmarks [PART…] [--home-mb 250] [--home DIR] [--peers] [--quick] [--json bench.json]

Without PART all parts run, one after the other, each in a process of its own. The homes are made up, so anybody can
run it; ``--home`` takes a home of Claude Code that exists instead. ``--peers`` reads it with ccusage too (npm fetches
it). Machines differ and are noisy: read the ratios, on a machine that does nothing else.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from agent_widget.version import VERSION


def parts(options: argparse.Namespace) -> dict[str, list[str]]:
    """Return each part and what its module is given."""
    size, home, quick = str(options.home_mb), options.home, options.quick
    homes = [str(home)] if home else ["--megabytes", size]
    return {
        "live": ["--seconds", "2" if quick else "10"],
        "rest": ["--seconds", "20", "--files", "500"] if quick else [],
        "fanout": ["--clients", "100", "--seconds", "3", "--stalled", "3"] if quick else [],
        "fleet": [*_SMALL_FLEET, "--seconds", "3"] if quick else [],
        "change": ["--agents", "3000", "--sessions", "500", "--files", "5000"] if quick else [],
        "reading": [*homes, "--runs", "1" if quick else "3", *(["--ccusage"] if options.peers else [])],
        "memory": ["--home", str(home)] if home else [size],
        "search": homes,
        "frames": ["--rows", "10000"] if quick else [],
        "masking": [],
        "dashboard": ["--seconds", "5" if quick else "20"],
        "pixel": ["--lines", "20"] if quick else [],
    }


_SMALL_FLEET = ("--hosts", "20", "--agents", "200", "--rate", "500", "--servers", "10")


def machine() -> dict[str, Any]:
    """Return what the figures were measured on."""
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else None
    facts = {"system": platform.platform(), "python": platform.python_version(), "cores": os.cpu_count()}
    return {**facts, "load": load, "at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()), "agent_widget": VERSION}


def main() -> int:
    """Run the parts; returns 1 if one of them failed."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.benchmarks", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("parts", nargs="*", metavar="PART")
    parser.add_argument("--home-mb", type=float, default=250, help="size of the homes that are made")
    parser.add_argument("--home", type=Path, help="a home of Claude Code that exists")
    parser.add_argument("--peers", action="store_true", help="measure ccusage too, which npm fetches")
    parser.add_argument("--quick", action="store_true", help="less of everything, to see that it works")
    parser.add_argument("--json", type=Path, default=Path("bench.json"), help="where the figures go")
    options = parser.parse_args()
    known = parts(options)
    if unknown := [part for part in options.parts if part not in known]:
        parser.error(f"no part {unknown[0]!r}; there are {', '.join(known)}")
    result: dict[str, Any] = {"machine": machine(), "figures": [], "failed": []}
    with tempfile.TemporaryDirectory(prefix="agent-widget-bench-") as temporary:
        for part in options.parts or known:
            written = Path(temporary) / f"{part}.json"
            command = [sys.executable, "-m", f"tests.benchmarks.{part}", *known[part], "--json", str(written)]
            print(f"\n{part}", flush=True)
            if subprocess.run(command).returncode or not written.exists():
                result["failed"].append(part)
            else:
                result["figures"] += json.loads(written.read_text())
            options.json.write_text(json.dumps(result, indent=1))
    print(f"\nThe figures are in {options.json}." + "".join(f" {part} failed." for part in result["failed"]))
    return 1 if result["failed"] else 0


if __name__ == "__main__":
    sys.exit(main())
