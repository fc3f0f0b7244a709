"""The page in a stock Firefox, as people have it: ``js/test/browser/firefox.mjs`` does what they do."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import machine
import pytest

from agent_widget import demo
from tests.browser.faults import FAULTS
from tests.browser.lab import GALLERY
from tests.browser.server import started

pytestmark = pytest.mark.slow

SCRIPT = machine.ROOT / "js" / "test" / "browser" / "firefox.mjs"


@pytest.fixture
def firefox() -> str:
    """A Firefox. Without one the test is skipped; under CI it fails."""
    program = machine.firefox()
    if program is None:
        (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)(machine.NO_FIREFOX)
    return program


def test_the_page_works_in_firefox(firefox: str, tmp_path: Path) -> None:
    if not (machine.ROOT / "js" / "node_modules" / "puppeteer-core").exists():
        assert machine.npm("ci").returncode == 0
    node = machine.node()
    assert node is not None
    team = demo.Demo(tmp_path / "memory", seed=3)
    env = {**os.environ, "HOME": str(tmp_path), "JUPYTER_RUNTIME_DIR": str(tmp_path / "runtime")}
    with started("serve", *map(str, team.roots), "--port", "0", env=env) as (_, address):
        todo = {
            "address": address,
            "firefox": firefox,
            "bus": str(tmp_path / "memory" / "message-bus.jsonl"),
            "faults": FAULTS,
            "gallery": str(GALLERY),
        }
        command = [str(node), "--test-reporter=spec", "--test", str(SCRIPT)]
        done = subprocess.run(
            command, env={**env, "FIREFOX_TEST": json.dumps(todo)}, capture_output=True, text=True, timeout=240
        )
    assert done.returncode == 0, done.stdout + done.stderr
