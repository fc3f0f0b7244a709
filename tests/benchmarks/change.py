"""What one change costs where there is much, beside the same change in an empty home.

    python -m tests.benchmarks change [--agents 30000] [--sessions 5000] [--files 100000]

Two servers watch a workspace each and take turns; one of them has that many agents that worked long ago, sessions and
other files besides. A line is appended and the client waits for it.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

from agent_widget.server.launch import serve
from tests.benchmarks.homes import many_sessions
from tests.benchmarks.live import BUS, Ours, cpu, delays, line, percentile
from tests.benchmarks.report import Report, options_of


def team(directory: Path, agents: int, reports: int) -> Path:
    """A workspace in which so many agents have worked and left reports."""
    directory.mkdir()
    listed = [{"agent_id": f"old-{number}", "status": "idle"} for number in range(agents)]
    (directory / "agent-registry.json").write_text(json.dumps({"agents": listed}))
    (directory / BUS).write_text(line("first"))
    hour_ago = time.time() - 3600
    for number in range(reports):
        folder = directory / "reports" / f"r{number % 500}"
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"report-{number}.md"
        path.write_text(f"# Report {number}\n")
        os.utime(path, (hour_ago, hour_ago))
    return directory


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else None)
    parser.add_argument("--agents", type=int, default=30_000)
    parser.add_argument("--sessions", type=int, default=5_000)
    parser.add_argument("--files", type=int, default=100_000)
    parser.add_argument("--changes", type=int, default=50)
    options = options_of(parser)
    report = Report("change")
    with tempfile.TemporaryDirectory(prefix="agent-widget-bench-") as temporary, ExitStack() as stack:
        root = Path(temporary)
        homes = {"empty": [team(root / "empty", 0, 0)], "full": [team(root / "full", options.agents, options.files)]}
        homes["full"].append(many_sessions(root / ".claude", options.sessions))
        servers = {name: stack.enter_context(serve(*paths)) for name, paths in homes.items()}
        for server in servers.values():  # until all has been read
            while busy(server.pid):
                pass
        # Only now: whoever does not read meanwhile is let go of.
        clients = {name: Ours(server) for name, server in servers.items()}
        found: dict[str, list[float]] = {name: [] for name in homes}
        spent = dict.fromkeys(homes, 0.0)
        for _ in range(5):
            for name, client in clients.items():
                before = cpu(servers[name].pid)
                found[name] += delays(homes[name][0], client.arrivals, options.changes, 20)
                spent[name] += cpu(servers[name].pid) - before
        for name, each in (("median", statistics.median), ("p99", lambda values: percentile(sorted(values), 0.99))):
            report.note(f"append to client, {name}", each(found["full"]), "ms", empty=each(found["empty"]))
        cost = {name: spent[name] / len(found[name]) * 1e6 for name in homes}
        report.note("processor for a change", cost["full"], "µs", empty=cost["empty"])
    report.save(options.json)


def busy(pid: int) -> bool:
    """Return whether a process takes more than a twentieth of a core in the next two seconds."""
    before = cpu(pid)
    time.sleep(2)
    return cpu(pid) - before > 0.1


if __name__ == "__main__":
    main()
