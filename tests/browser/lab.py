"""A real JupyterLab and a real Chromium, in the few words the tests need.

``Lab`` is the server, in directories of its own that nothing of the person running the tests reaches;
``Notebook`` is one notebook open in it. Every wait is for a condition, none is for luck.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nbformat
import psutil
from playwright.sync_api import ConsoleMessage, Error, Locator, Page

from tests.support.processes import end, started_under, wait_for

TOKEN = "a-token-that-no-file-may-hold"
GALLERY = Path(__file__).resolve().parent.parent / "gallery"
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
SETTINGS = {
    "@jupyterlab/apputils-extension/notification": {"fetchNews": "false", "checkForUpdates": False},
    "@jupyterlab/docmanager-extension/plugin": {"autosave": False},
}
PANEL = """
window.notebookPanel = (name) =>
  [...(window.jupyterapp?.shell.widgets("main") ?? [])].find((widget) => widget.context?.path === name);
"""
TIDY = """() => {
  const shell = window.jupyterapp.shell;
  shell.collapseLeft();
  [...shell.widgets("main")].filter((widget) => widget.id.startsWith("launcher")).forEach((widget) => widget.close());
}"""
# What JupyterLab and Chromium themselves put on the console: not ours to judge.
FOREIGN = (
    "WebSocket connection to",
    "Failed to load resource",
    "Connection lost",
    "debugger state",
    "Canceled future for",
)


class Lab:
    """``jupyter lab`` as a process, with a home, a configuration and a runtime directory of its own."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.root = home / "notebooks"
        self.runtime = home / "runtime"
        for directory in (self.root, self.runtime):
            directory.mkdir(parents=True)
        for plugin, settings in SETTINGS.items():
            file = home / "settings" / f"{plugin}.jupyterlab-settings"
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(json.dumps(settings))
        self.environment = {
            **{
                name: value for name, value in os.environ.items() if not name.startswith(("JUPYTER", "CLAUDE", "CODEX"))
            },
            "HOME": str(home),
            "IPYTHONDIR": str(home / "ipython"),
            "JUPYTER_CONFIG_DIR": str(home / "config"),
            "JUPYTER_DATA_DIR": str(home / "data"),
            "JUPYTER_RUNTIME_DIR": str(self.runtime),
            "JUPYTERLAB_SETTINGS_DIR": str(home / "settings"),
            "JUPYTERLAB_WORKSPACES_DIR": str(home / "workspaces"),
            "JUPYTER_PLATFORM_DIRS": "0",
        }
        self.url = ""
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> Lab:
        """Start the server and wait until it answers."""
        with (self.home / "lab.log").open("wb") as log:
            self._process = subprocess.Popen(
                [
                    *(sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root"),
                    *("--ServerApp.ip=127.0.0.1", "--ServerApp.port=0", f"--ServerApp.root_dir={self.root}"),
                    *(f"--IdentityProvider.token={TOKEN}", "--LabApp.expose_app_in_browser=True"),
                    "--JupyterNotebookApp.expose_app_in_browser=True",
                    "--LabApp.news_url=",
                ],
                env=self.environment,
                cwd=self.root,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        wait_for(self._answers, f"JupyterLab answers (see {log.name})", 60)
        return self

    def _answers(self) -> bool:
        assert self._process is not None
        if self._process.poll() is not None:
            raise RuntimeError(f"JupyterLab ended:\n{(self.home / 'lab.log').read_text()[-2000:]}")
        with contextlib.suppress(OSError, ValueError, StopIteration):
            self.url = json.loads(next(self.runtime.glob("jpserver-*.json")).read_text())["url"].rstrip("/")
            with urllib.request.urlopen(f"{self.url}/api/status?token={TOKEN}", timeout=5) as answer:
                return bool(answer.status == 200)
        return False

    def stop(self) -> None:
        """End the server and whatever was started under it: its kernels, and the servers those started."""
        end(started_under(self.runtime))

    def servers(self) -> list[psutil.Process]:
        """The watcher servers that notebooks have started."""
        return [process for process in started_under(self.runtime) if "serve" in _command(process)]

    def write(self, name: str, cells: list[str]) -> None:
        """Write a notebook with these code cells."""
        notebook = nbformat.v4.new_notebook(
            cells=[nbformat.v4.new_code_cell(source) for source in cells],
            metadata={"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}},
        )
        (self.root / name).parent.mkdir(exist_ok=True)
        nbformat.write(notebook, self.root / name)


def _command(process: psutil.Process) -> list[str]:
    try:
        return list(process.cmdline())
    except psutil.Error:
        return []


class Notebook:
    """One notebook in a page that shows JupyterLab. Cells are named by their index."""

    def __init__(self, lab: Lab, page: Page, name: str, cells: list[str]) -> None:
        self.lab = lab
        self.page = page
        self.name = name
        self.problems: list[str] = []
        lab.write(name, cells)
        page.on("pageerror", self._page_error)
        page.on("console", self._console)
        if not page.url.startswith(lab.url):
            self._load()
        self.reopen()

    def _load(self) -> None:
        self.page.goto(f"{self.lab.url}/lab?reset&token={TOKEN}")  # reset: nothing is opened but what we open
        self.page.wait_for_function("() => window.jupyterapp?.commands.hasCommand('docmanager:open')", timeout=60_000)
        self.page.evaluate("() => window.jupyterapp.restored")
        self.page.wait_for_selector("#jupyterlab-splash", state="detached")

    def _page_error(self, error: Error) -> None:
        self.problems.append(str(error))

    def _console(self, message: ConsoleMessage) -> None:
        if message.type == "error" and not any(word in message.text for word in FOREIGN):
            self.problems.append(message.text)

    def _wait_until_ready(self) -> None:
        self.page.wait_for_function(
            """(name) => {
              const panel = window.notebookPanel?.(name);
              if (!panel?.isAttached || !panel.context.isReady || !panel.sessionContext.isReady) return false;
              return ["idle", "busy"].includes(panel.sessionContext.session?.kernel?.status);
            }""",
            arg=self.name,
            timeout=60_000,
        )
        self.page.wait_for_selector("#jupyterlab-splash", state="detached")
        self.page.evaluate(TIDY)

    def command(self, command: str, arguments: dict[str, Any] | None = None, *, wait: bool = True) -> None:
        """Execute a command of JupyterLab on this notebook; with ``wait``, until it is done."""
        self.page.evaluate(
            """async ([name, command, args, wait]) => {
              const panel = window.notebookPanel(name);
              if (panel) window.jupyterapp.shell.activateById(panel.id);
              const done = window.jupyterapp.commands.execute(command, args);
              if (wait) await done;
            }""",
            [self.name, command, arguments or {}, wait],
        )

    def _panel(self, expression: str, argument: Any = None) -> Any:
        """Evaluate JavaScript with ``panel`` (this notebook's panel) and ``arg`` at hand."""
        return self.page.evaluate(
            f"([name, arg]) => {{ const panel = window.notebookPanel(name); return {expression}; }}",
            [self.name, argument],
        )

    def run(self, index: int, *, wait: bool = True) -> str:
        """Run one cell; its text output once it is done, or at once without ``wait``."""
        self._panel("(panel.content.activeCellIndex = arg, panel.content.deselectAll())", index)
        self.command("notebook:run-cell", wait=wait)
        return self.text(index) if wait else ""

    def busy(self) -> bool:
        """A cell is running: the kernel's own status is idle again after each message of a widget."""
        return bool(self._panel("panel.content.widgets.some((cell) => cell.promptNode?.textContent.includes('*'))"))

    def outputs(self, index: int) -> list[dict[str, Any]]:
        """A cell's outputs as nbformat has them."""
        return list(self._panel("panel.content.widgets[arg].model.outputs.toJSON()", index))

    def text(self, index: int) -> str:
        """What a cell printed, returned or raised, as text."""
        return "".join(
            output.get("text") or output.get("data", {}).get("text/plain") or "\n".join(output.get("traceback", ()))
            for output in self.outputs(index)
        )

    def output(self, index: int) -> Locator:
        """A cell's output area on the screen, when this notebook is in front."""
        return (
            self.page.locator(".jp-NotebookPanel:not(.lm-mod-hidden) .jp-Cell")
            .nth(index)
            .locator(".jp-Cell-outputArea")
        )

    def active_cell(self) -> int:
        """The index of the active cell."""
        return int(self._panel("panel.content.activeCellIndex"))

    def sources(self) -> list[str]:
        """The text of every cell."""
        return list(self._panel("panel.content.widgets.map((cell) => cell.model.sharedModel.getSource())"))

    def restart(self) -> None:
        """Restart the kernel, without the question; until it answers."""
        kernel = "panel.sessionContext.session.kernel"
        self._panel(f'{kernel}.restart().then(() => {kernel}.requestExecute({{ code: "", silent: true }}).done)')
        self._wait_until_ready()

    def reload(self) -> None:
        """Save, load JupyterLab anew as F5 does, and open the document again."""
        self.save()
        self._load()
        self.reopen()

    def close(self) -> None:
        """Close the document; the kernel goes on."""
        self._panel("panel.context.save().then(() => panel.close())")
        self.page.wait_for_function("(name) => !window.notebookPanel(name)", arg=self.name)

    def reopen(self) -> None:
        """Open the document again."""
        self.command("docmanager:open", {"path": self.name})
        self._wait_until_ready()

    def save(self) -> dict[str, Any]:
        """Save, and return what is in the file."""
        self._panel("panel.context.save()")
        return dict(json.loads((self.lab.root / self.name).read_text()))

    @contextlib.contextmanager
    def theme(self, name: str) -> Iterator[None]:
        """Switch JupyterLab's theme for a while."""
        before = self.page.evaluate("document.body.dataset.jpThemeName")
        self._theme(name)
        yield
        self._theme(before)

    def _theme(self, name: str) -> None:
        self.command("apputils:change-theme", {"theme": name})
        self.page.wait_for_function("(name) => document.body.dataset.jpThemeName === name", arg=name)
        self._wait_until_ready()

    def screenshot(self, name: str) -> None:
        """Put what is on the screen into ``tests/gallery``."""
        GALLERY.mkdir(exist_ok=True)
        self.page.screenshot(path=GALLERY / f"{name}.png")

    def shut_down(self) -> None:
        """End the kernel, close the document, and let go of the page."""
        self._panel("panel?.sessionContext.shutdown().then(() => panel.context.save()).then(() => panel.close())")
        self.page.remove_listener("pageerror", self._page_error)
        self.page.remove_listener("console", self._console)
