"""Ask PyPI's and npm's advisories about everything that is installed here: ``make audit``, one line for each.

Ends with 0 if nothing is known, 1 if there are weaknesses, 2 if a registry gave no answer: then nothing is known about
what it has, which pip-audit by itself takes for good news.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from typing import Any, NamedTuple

import machine

PATIENCE = 600.0
"""Seconds for everything that is asked of one registry."""
SILENCE = 10
"""Seconds without a byte of an answer."""


class Verdict(NamedTuple):
    """What came of asking one registry."""

    status: int
    line: str


def of_python(report: Any, asked: int) -> Verdict:
    """Return the verdict of pip-audit's report in JSON about so many packages; ``None``: there is no report."""
    packages = report.get("dependencies", []) if isinstance(report, dict) else []
    weak = [
        f"{package['name']} {package['version']}: {', '.join(one['id'] for one in package['vulns'])}"
        for package in packages
        if package.get("vulns")
    ]
    answered = sum("skip_reason" not in package for package in packages)
    if weak:
        return Verdict(1, f"PyPI: {len(weak)} of {asked} packages have known weaknesses: {'; '.join(weak)}")
    if answered < asked:
        return Verdict(2, f"PyPI gave no answer about {asked - answered} of {asked} packages; ask where it does")
    return Verdict(0, f"PyPI: nothing is known against any of {asked} packages")


def of_npm(report: Any) -> Verdict:
    """Return the verdict of the report of ``npm audit`` in JSON; ``None``: there is no report."""
    weak = report.get("vulnerabilities") if isinstance(report, dict) else None
    if weak is None:
        said = report.get("message") if isinstance(report, dict) else None
        return Verdict(2, f"npm gave no answer ({str(said or 'no report').partition(' - ')[0]}); ask where it does")
    if weak:
        said = "; ".join(f"{name} ({entry.get('severity')})" for name, entry in weak.items())
        return Verdict(1, f"npm: {len(weak)} packages have known weaknesses: {said}")
    return Verdict(0, "npm: nothing is known against any package of js/")


def python() -> Verdict:
    """Ask about what is installed in this environment: first about one package, since silence costs time for each."""
    frozen = [sys.executable, "-m", "pip", "freeze", "--exclude-editable"]
    installed = subprocess.run(frozen, capture_output=True, text=True, check=True).stdout.splitlines()
    packages = [line for line in installed if "==" in line]
    report = _asked(packages[:1])
    if of_python(report, 1).status != 2:
        report = _asked(packages)
    return of_python(report, len(packages))


def npm() -> Verdict:
    """Ask about what is installed in ``js/``."""
    try:
        done = machine.npm("audit", "--json", capture_output=True, text=True, timeout=PATIENCE)
    except subprocess.TimeoutExpired:
        return of_npm({"message": f"within {PATIENCE:.0f} s"})
    return of_npm(_read(done.stdout))


def _asked(packages: list[str]) -> Any:
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as file:
        file.write("\n".join(packages))
        file.flush()
        command = [sys.executable, "-m", "pip_audit", "--no-deps", "--disable-pip", "--format=json"]
        command += [f"--timeout={SILENCE}", "--progress-spinner=off", f"--requirement={file.name}"]
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=False)
        except subprocess.TimeoutExpired:
            return None
    return _read(done.stdout)


def _read(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return None


def main() -> int:
    """Print a line for each registry; return the worst of the two."""
    verdicts = [python(), npm()]
    for verdict in verdicts:
        print(verdict.line)
    statuses = {verdict.status for verdict in verdicts}
    return 1 if 1 in statuses else max(statuses)


if __name__ == "__main__":
    sys.exit(main())
