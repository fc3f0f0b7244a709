"""What the server takes of a processor while nothing changes.

    python -m tests.benchmarks rest [--files 5000] [--seconds 120]

Of a home with that many transcripts which ended an hour ago, with one client, after the server has come to rest.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path

import psutil

from agent_widget.server.launch import serve
from tests.benchmarks.homes import many_sessions
from tests.benchmarks.live import Ours, cpu
from tests.benchmarks.report import Report, options_of


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else None)
    parser.add_argument("--files", type=int, default=5000)
    parser.add_argument("--seconds", type=float, default=120)
    options = options_of(parser)
    report = Report("rest")
    with tempfile.TemporaryDirectory(prefix="agent-widget-bench-") as temporary:
        home = many_sessions(Path(temporary) / ".claude", options.files)
        with serve(home) as server:
            ours = Ours(server)
            time.sleep(70)  # a first checkpoint, and a first check of all files
            process = psutil.Process(server.pid)
            began, switches = cpu(server.pid), process.num_ctx_switches().voluntary
            time.sleep(options.seconds)
            spent = (cpu(server.pid) - began) / options.seconds * 100
            report.note(f"{options.files:,} files, processor", spent, "% of a core")
            woken = (process.num_ctx_switches().voluntary - switches) / options.seconds
            report.note("the main thread is woken", woken, "times a second")
            ours.close()
    report.save(options.json)


if __name__ == "__main__":
    main()
