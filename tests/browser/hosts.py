"""Hosts of notebooks other than JupyterLab, as processes on a port of this machine."""

from __future__ import annotations

import contextlib
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import nbformat

from tests.browser.lab import Lab
from tests.support.documents import blocks
from tests.support.processes import end, started_under, wait_for


@contextlib.contextmanager
def hosting(lab: Lab, *module: str) -> Iterator[str]:
    """Run ``python -m MODULE …`` in the lab's directories, which needs no running lab; the address, once it answers.

    ``PORT`` in an argument becomes the number of a free port.
    """
    with socket.socket() as chosen:
        chosen.bind(("127.0.0.1", 0))
        number = chosen.getsockname()[1]
    log = lab.home / f"{module[0]}.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", *(argument.replace("PORT", str(number)) for argument in module)],
            env=lab.environment,
            cwd=lab.root,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
        )

    def answers() -> bool:
        assert process.poll() is None, log.read_text()[-2000:]
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", number), 1):
            return True
        return False

    try:
        wait_for(answers, f"{module[0]} answers (see {log})", 40)
        yield f"http://127.0.0.1:{number}/"
    finally:
        end(started_under(lab.runtime))  # its kernels too, and the servers those started
        process.wait()


def marimo_notebook(lab: Lab, page: Path, *more: str) -> Path:
    """Write the Python blocks of a page of the documentation, and more cells, as a notebook of marimo's."""
    cells = [*(block.text for block in blocks(page) if block.language == "python"), *more]
    draft = lab.root / "draft.ipynb"
    nbformat.write(nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells]), draft)
    made = lab.root / "agents.py"
    command = [sys.executable, "-m", "marimo", "convert", str(draft), "-o", str(made)]
    subprocess.run(command, env=lab.environment, check=True, capture_output=True, stdin=subprocess.DEVNULL)
    draft.unlink()
    return made
