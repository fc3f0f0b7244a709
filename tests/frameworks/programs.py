"""The programs, and how one is run."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Final

from tests.conftest import ROOT

PYTHON: Final = ROOT / ".venv-frameworks" / "bin" / "python"
RECORDINGS: Final = ROOT / "tests" / "recordings" / "otlp"
PROGRAMS: Final = [
    (program, convention)
    for program in ("openai_agents", "langchain")
    for convention in ("openinference", "openllmetry")
]


def run(program: str, convention: str, file: Path) -> None:
    """Run a program, whose spans are written to ``file``."""
    code = f"from tests.frameworks.{program} import main; main()"
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OTEL_SERVICE_NAME": "shop", "OPENAI_API_KEY": ""}
    command = [str(PYTHON), "-W", "ignore", "-c", code, convention, str(file)]
    subprocess.run(command, env=environment, check=True, capture_output=True, timeout=120)
