"""What holds for every file of the repository."""

from __future__ import annotations

import ast
import itertools
import re
import subprocess
import tomllib
from pathlib import Path

import audit
import machine
import pytest

# Written in two halves, so that this file does not hold what it looks for.
REGISTRIES = tuple(
    first + second
    for first, second in (
        ("registry.", "npmjs"),
        ("registry.", "yarnpkg"),
        ("files.python", "hosted"),
        ("pypi", ".org"),
        ("pypi", ".python"),
        ("deb.", "debian"),
        ("npm", "mirror"),
        ("/opt/", "pypi"),
        ("/opt/", "wheels"),
    )
)


@pytest.fixture(scope="module")
def files(root: Path) -> list[Path]:
    """Every file that is, or is about to be, committed."""
    names = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
        cwd=root,
        capture_output=True,
        text=True,
    )
    if names.returncode:
        pytest.skip("not a git checkout")
    return [file for name in names.stdout.split("\0") if name and (file := root / name).is_file()]


def test_no_file_is_larger_than_a_mebibyte(files: list[Path]) -> None:
    assert [file for file in files if file.stat().st_size > 1 << 20] == []


def test_no_file_names_a_package_registry(files: list[Path]) -> None:
    texts = {file: file.read_text(errors="replace") for file in files}
    assert [(file, host) for file, text in texts.items() for host in REGISTRIES if host in text] == []


def test_every_python_module_opens_with_a_docstring(files: list[Path]) -> None:
    modules = [file for file in files if file.suffix == ".py"]
    assert [file for file in modules if not ast.get_docstring(ast.parse(file.read_text()))] == []


def test_every_dependency_has_a_lower_bound(root: Path) -> None:
    project = tomllib.loads((root / "pyproject.toml").read_text())["project"]
    requirements = [*project["dependencies"], *itertools.chain(*project["optional-dependencies"].values())]
    named = [re.split(r"[^\w.-]", requirement)[0] for requirement in requirements]
    bounded = [bound.partition("==")[0] for bound in machine.lower_bounds()]
    assert bounded == [name for name in named if name != project["name"]]


def test_the_files_the_documents_link_to_exist(files: list[Path]) -> None:
    links = [
        (file, target)
        for file in files
        if file.suffix == ".md"
        for target in re.findall(r"""(?:\]\(|\b(?:src|srcset|href)=["'])([^)"'#\s]+)""", file.read_text())
        if not re.match(r"[a-z]+:", target)
    ]
    assert [(file.name, target) for file, target in links if not (file.parent / target).exists()] == []


@pytest.mark.parametrize(
    ("report", "status", "said"),
    [
        ({"dependencies": [{"name": "a", "version": "1", "vulns": []}] * 2}, 0, "nothing is known"),
        ({"dependencies": [{"name": "a", "version": "1", "vulns": [{"id": "X-1"}]}]}, 1, "a 1: X-1"),
        ({"dependencies": [{"name": "a", "skip_reason": "not found"}]}, 2, "no answer about 2 of 2"),
        ({"dependencies": [{"name": "a", "version": "1", "vulns": []}]}, 2, "no answer about 1 of 2"),
        (None, 2, "no answer"),
    ],
)
def test_an_audit_without_an_answer_is_no_good_news(report: object, status: int, said: str) -> None:
    verdict = audit.of_python(report, 2)
    assert verdict.status == status and said in verdict.line and "\n" not in verdict.line


@pytest.mark.parametrize(
    ("report", "status", "said"),
    [
        ({"vulnerabilities": {}}, 0, "nothing is known"),
        ({"vulnerabilities": {"a": {"severity": "high"}}}, 1, "a (high)"),
        ({"message": "405 Method Not Allowed - POST somewhere"}, 2, "gave no answer (405 Method Not Allowed)"),
        (None, 2, "no answer"),
    ],
)
def test_nor_is_one_of_npm(report: object, status: int, said: str) -> None:
    verdict = audit.of_npm(report)
    assert verdict.status == status and said in verdict.line and "\n" not in verdict.line
