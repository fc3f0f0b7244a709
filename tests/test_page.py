"""The committed front end is what ``js/`` builds to, and small."""

from __future__ import annotations

import gzip
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import machine
import pytest

BUNDLE = "agent_widget/static/widget.js"

Npm = Callable[..., None]


@pytest.fixture(scope="module")
def npm(root: Path) -> Npm:
    """npm in ``js/``, with what it needs installed; fails with what it said."""
    if machine.node() is None:
        pytest.skip("no Node here")

    def run(*arguments: str) -> None:
        done = machine.npm(*arguments, capture_output=True, text=True)
        assert done.returncode == 0, f"npm {' '.join(arguments)}\n{done.stdout}\n{done.stderr}"

    if not (root / "js" / "node_modules").exists():
        run("ci")
    return run


@pytest.mark.slow
def test_the_committed_front_end_is_what_the_sources_build_to(npm: Npm, root: Path, tmp_path: Path) -> None:
    npm("run", "--silent", "build", "--", "--out", str(tmp_path / "widget.js"))
    same = (tmp_path / "widget.js").read_bytes() == (root / BUNDLE).read_bytes()  # a diff of it would help nobody
    assert same, "run `make bundle`"


@pytest.mark.slow
def test_the_javascript_tests_pass(npm: Npm) -> None:
    npm("test", "--silent")


def test_the_types_of_the_front_end_are_generated_from_the_tables(root: Path) -> None:
    generated = subprocess.run([sys.executable, root / "js" / "tables.py"], capture_output=True, check=True).stdout
    assert (root / "js" / "src" / "store" / "tables.ts").read_bytes() == generated, "run `make bundle`"


def test_the_bundle_is_one_small_file_that_fetches_nothing(root: Path) -> None:
    bundle = (root / BUNDLE).read_text()
    assert len(gzip.compress(bundle.encode(), 9)) < 120_000
    assert "sourceMappingURL" not in bundle
    # as a module would: import("…"), import … from "…", export … from "…"; "from" in a sentence is none
    loads = r"""\bimport\s*\(|\bimport\s*["']|\b(?:import|export)\b[\w\s{},*$]*\bfrom\s*["']"""
    assert re.findall(loads, bundle) == []
    for code in ('import a from"b"', 'import{a as b}from "c"', "import('x')", 'export*from"y"', 'import "z"'):
        assert re.findall(loads, code), code
    addresses = set(re.findall(r"https?://[\w.-]+", bundle))
    assert addresses <= {"http://www.w3.org", "https://www.w3.org"}, "names of XML namespaces, nothing else"
