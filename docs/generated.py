"""What the pages do not say themselves because the package, the README or a notebook says it.

A line ``[[name argument]]`` of a page is replaced by what :data:`PARTS` makes of it, as Markdown, when the page is
read. So every table, command, frame and variable is there, and none that is not.
"""

from __future__ import annotations

import argparse
import inspect
import json
import pkgutil
import re
import sys
from collections.abc import Callable, Iterator
from functools import partial
from inspect import cleandoc, isclass
from pathlib import Path
from types import UnionType
from typing import Any, Final, Literal, Union, get_args, get_origin

import msgspec
from columns import NOTES
from docutils import nodes
from sphinx.application import Sphinx
from traitlets import HasTraits

import agent_widget
from agent_widget import cli, protocol, tables
from agent_widget.data.frames import data_frame
from agent_widget.server import methods
from agent_widget.sources import SOURCES, steps

ROOT: Final = Path(__file__).resolve().parent.parent


def readme(heading: str = "") -> str:
    """Return a section of the README without its heading, or what is above the first; links into code become words."""
    sections = re.split(r"^## (.+)\n", (ROOT / "README.md").read_text(), flags=re.M)
    sections[0] = re.sub(r"^# .*|<picture>(?s:.*?)</picture>", "", sections[0], flags=re.M)
    found = dict(zip(["", *sections[1::2]], sections[::2], strict=True))[heading]
    return re.sub(r"\[([^]]+)\]\((?!notebooks/|https?:)[^)]+\)", r"\1", found)


def notebooks(app: Sphinx) -> None:
    """Write a page for each notebook below this directory, where Sphinx looks for pages; git ignores them."""
    pages = Path(app.srcdir) / "notebooks"
    pages.mkdir(exist_ok=True)
    made = {f"{path.stem}.md": _cells(path) for path in (ROOT / "notebooks").glob("*.ipynb")}
    for page in pages.glob("*.md"):
        if page.name not in made:
            page.unlink()
    for name, text in made.items():
        page = pages / name
        if not page.exists() or page.read_text() != text:  # what has not changed is not read again
            page.write_text(text)


def _cells(path: Path) -> str:
    """Return the cells of a notebook, one below the other."""
    cells = [("".join(cell["source"]), cell["cell_type"]) for cell in json.loads(path.read_text())["cells"]]
    return "\n\n".join(source if kind == "markdown" else f"```python\n{source}\n```" for source, kind in cells) + "\n"


def keys() -> Iterator[str]:
    """Return the keys of the dashboard, as its own help lists them."""
    listed = (ROOT / "js" / "src" / "state" / "keys.ts").read_text().partition("export const KEYS")[2]
    yield "| where | keys | |\n|---|---|---|"
    for where, of_these in re.findall(r'where: "(.+?)",\s*keys: \[\n(.+?)\n    \]', listed, re.S):
        for pressed, does in re.findall(r'\["(.+?)", "(.+?)"\]', of_these):
            yield f"| {where} | {pressed} | {does} |"
            where = ""


def all_tables() -> Iterator[str]:
    """Every table with its columns: what is in them, what a DataFrame has there."""
    unknown = NOTES.keys() - {
        f"{table.name}.{column.name}" for table in tables.TABLES.values() for column in table.columns
    }
    if unknown:
        raise ValueError(f"notes on columns that there are not: {', '.join(sorted(unknown))}")
    for table in tables.TABLES.values():
        dtypes = data_frame(table.name, []).reset_index().dtypes
        computed = " Computed from the other tables, never read." if table.name in tables.DERIVED else ""
        yield f"\n## {table.name}\n\nA row is {table.row}.{computed}\n"
        yield "| column | holds | in a frame |\n|---|---|---|"
        for column in table.columns:
            note = NOTES.get(f"{table.name}.{column.name}")
            holds = "; ".join(filter(None, [_holds(table, column), note]))
            yield f"| `{column.name}` | {holds} | `{dtypes[column.name]}` |"


_WORDS: Final = {
    ("agents", "status"): tables.AGENT_STATUSES,
    ("spans", "status"): tables.AGENT_STATUSES,
    ("sessions", "status"): tables.SESSION_STATUSES,
    ("tasks", "status"): tables.TASK_STATUSES,
    ("tool_calls", "status"): tables.TOOL_STATUSES,
    ("logs", "level"): tables.LOG_LEVELS,
}


def _holds(table: tables.Table, column: tables.Column) -> str:
    if words := _WORDS.get((table.name, column.name)):
        return ", ".join(words)
    if column.is_time:
        return "time, ms"
    if column.is_duration:
        return "duration, ms"
    if column.name == "cost_usd":
        return "US dollars"
    names = {"str": "text", "int": "whole number", "float": "number", "bool": "yes or no", "list": "texts"}
    return names.get(column.type, "name → number")


def commands() -> Iterator[str]:
    """Every command with its arguments, as the parser has them."""
    (listed,) = (action for action in cli._parser()._actions if isinstance(action, argparse._SubParsersAction))
    for name, parser in _flat(listed):
        for action in parser._actions:
            if action.choices:  # they stand with what it is about
                action.metavar = action.dest.upper()
                action.help = f"{action.help or 'one'} of {', '.join(action.choices)}"
        formatter = argparse.HelpFormatter(parser.prog, width=88)
        formatter.add_usage(parser.usage, parser._actions, parser._mutually_exclusive_groups, prefix="")
        yield f"\n## {name}\n\n{parser.description}\n\n```text\n{formatter.format_help().strip()}\n```\n"
        shown = [action for action in parser._actions if action.help != argparse.SUPPRESS and action.dest != "help"]
        if shown:
            yield "| argument | |\n|---|---|"
        for action in shown:
            names = ", ".join(action.option_strings) or action.metavar or action.dest
            values = (
                f" {formatter._metavar_formatter(action, action.dest.upper())(1)[0]}" if action.nargs is None else ""
            )
            yield f"| `{names}{values if action.option_strings else ''}` | {formatter._expand_help(action)} |"


def _flat(listed: Any, above: str = "") -> Iterator[tuple[str, argparse.ArgumentParser]]:
    """Yield the commands that do something: of ``task`` its actions."""
    for name, parser in listed.choices.items():
        below = [action for action in parser._actions if isinstance(action, argparse._SubParsersAction)]
        if below:
            yield from _flat(below[0], f"{above}{name} ")
        else:
            yield f"{above}{name}", parser


def frames() -> Iterator[str]:
    """Return the frames of the protocol, their fields and defaults; then the structures in them."""
    for frame in dict.fromkeys((*get_args(protocol.ClientFrame), *get_args(protocol.ServerFrame))):
        yield f"\n### {frame.__struct_config__.tag}\n\n{_markdown(frame.__doc__)}\n\n{_fields(frame)}"
    for part in vars(protocol).values():
        if isclass(part) and issubclass(part, msgspec.Struct) and part.__struct_config__.tag is None:
            yield f"\n### {part.__name__}\n\n{_markdown(part.__doc__)}\n\n{_fields(part)}"


def _fields(struct: type[msgspec.Struct]) -> str:
    rows = ["| field | is | left out |", "|---|---|---|"]
    for field in msgspec.structs.fields(struct):
        needed = field.required
        default = None if field.default is msgspec.NODEFAULT else field.default
        default = field.default_factory() if field.default_factory is not msgspec.NODEFAULT else default
        value = "stays as it is" if default is msgspec.UNSET else f"`{msgspec.json.encode(default).decode()}`"
        shown = "" if needed else value
        rows.append(f"| `{field.encode_name}` | {_type(field.type)} | {shown} |")
    return "\n".join(rows)


def _type(hint: Any) -> str:
    origin = get_origin(hint)
    inner = [_type(one) for one in get_args(hint) if one is not msgspec.UnsetType] if origin is not Literal else []
    if origin in (UnionType, Union):
        return " or ".join(inner)
    if origin in (list, dict):
        return f"list of {inner[-1]}" if origin is list else f"object of {inner[-1]}"
    if origin is Literal:
        return f"one of {', '.join(get_args(hint))}"
    if hasattr(hint, "__metadata__"):
        return _type(hint.__origin__)
    return {Any: "anything", type(None): "null", str: "text", int: "integer", float: "number", bool: "boolean"}.get(
        hint, getattr(hint, "__name__", str(hint))
    )


def calls() -> Iterator[str]:
    """Return the methods a ``call`` may name."""
    for name, checked in methods.METHODS.items():
        inner = inspect.getclosurevars(checked).nonlocals
        yield f"\n### {name}\n\n{_markdown(inner['method'].__doc__)}\n\n"
        if inner["shape"].__struct_fields__:
            yield _fields(inner["shape"])


class _Asked(dict[str, str]):
    """An environment in which nothing is set; it notes what it is asked for."""

    def get(self, name: str, default: Any = None) -> Any:  # type: ignore[override]
        self[name] = ""
        return default


def homes() -> Iterator[str]:
    """Where each source looks, and the variables that it asks."""
    yield "| source | looks in | moved by |\n|---|---|---|"
    for kind in SOURCES:
        asked = _Asked()
        places = ", ".join(f"`{place}`" for place in kind.default_roots(asked, Path("~"))) or "what is named"
        yield f"| {kind.name} | {places} | {', '.join(f'`{name}`' for name in asked)} |"


def formats() -> Iterator[str]:
    """Return the docstring of each source's module, which describes the format."""
    for kind in SOURCES:
        yield f"\n## {kind.name}\n\n{_rst(f'automodule:: {kind.__module__}', 'no-members', 'no-index')}"


def api() -> Iterator[str]:
    """All public names: functions, then classes, then exceptions."""
    groups: dict[str, list[str]] = {"Functions": [], "What they return": [], "Exceptions": []}
    for name in sorted(agent_widget.__all__):
        value = getattr(agent_widget, name)
        error = isclass(value) and issubclass(value, BaseException)
        if callable(value):
            groups["Exceptions" if error else "What they return" if isclass(value) else "Functions"].append(name)
    for title, names in groups.items():
        yield f"\n## {title}\n"
        for name in names:
            if title == "Functions":
                yield _rst(f"autofunction:: agent_widget.{name}")
                continue
            ancestors = getattr(agent_widget, name).__mro__
            others = [ancestor.__name__ for ancestor in ancestors if not ancestor.__module__.startswith("agent_widget")]
            options = ["members", f"inherited-members: {','.join(others)}"]
            yield _rst(f"autoclass:: agent_widget.{name}", *options)


def step_classes() -> Iterator[str]:
    """Return the steps that a reader of conversations may yield."""
    yield _rst(f"automodule:: {steps.__name__}", "no-members")
    for step in (*get_args(steps.Step), steps.Tokens, steps.Todo):
        yield _rst(f"autoclass:: {steps.__name__}.{step.__name__}")


def python(what: str) -> str:
    """Return a directive of autodoc, as in ``[[python autoclass:: agent_widget.tables.Column members]]``."""
    directive, target, *options = what.split()
    return _rst(f"{directive} {target}", *options)


def _rst(directive: str, *options: str) -> str:
    return "\n".join(
        [
            "```{eval-rst}",
            f".. {directive}",
            *(f"   :{name}:{value}" for name, _, value in (option.partition(":") for option in options)),
            "```\n",
        ]
    )


def _markdown(docstring: str | None) -> str:
    """Return a docstring's reStructuredText as Markdown, with names instead of roles."""
    return re.sub(r":\w+:`[~.]*([^`]+)`", r"`\1`", cleandoc(docstring or "")).replace("``", "`")


PARTS: Final[dict[str, Callable[..., str | Iterator[str]]]] = {
    "readme": readme,
    "keys": keys,
    "tables": all_tables,
    "commands": commands,
    "frames": frames,
    "calls": calls,
    "homes": homes,
    "formats": formats,
    "api": api,
    "steps": step_classes,
    "python": python,
}


def fill(app: Sphinx, docname: str, source: list[str]) -> None:
    """Put the parts into a page that was read."""

    def part(match: re.Match[str]) -> str:
        made = PARTS[match[1]](*filter(None, [match[2]]))
        return made if isinstance(made, str) else "\n".join(made)

    filled = re.sub(r"^\[\[(\w+) ?(.*)\]\]$", part, source[0], flags=re.M)
    source[0] = re.sub(r"\[`?([^]`]+)`?\]\((?:\.\./)?(notebooks/[\w-]+)\.ipynb\)", r"{doc}`\1 <\2>`", filled)


def exists(app: Sphinx, env: Any, node: Any, content: nodes.Node) -> nodes.Node | None:
    """Resolve a reference to something the site does not describe as plain text, if Python has such a thing."""
    if node.get("refdomain") != "py":
        return None
    target = node["reftarget"].lstrip(".")
    module = node.get("py:module") or "agent_widget"
    scopes = ["", f"{module}.", f"{module}.{node.get('py:class')}.", f"{module.rpartition('.')[0]}."]
    modules = [name for name in sys.modules if name.startswith("agent_widget.")]  # what an annotation names
    for name in (*(scope + target for scope in scopes), *(f"{module}.{target}" for module in modules)):
        try:
            pkgutil.resolve_name(name)
        except (ImportError, AttributeError, ValueError):
            continue
        return content
    return None


def signature(app: Sphinx, what: str, name: str, thing: Any, *given: Any) -> tuple[str, None] | None:
    """Of a class with traits: how it is made. Their own says nothing but ``*args, **kwargs``."""
    if what == "class" and issubclass(thing, HasTraits):
        return str(inspect.signature(partial(thing.__init__, None))).replace("'", "").replace(" -> None", ""), None
    return None


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the events; called by Sphinx."""
    app.connect("builder-inited", notebooks)
    app.connect("source-read", fill)
    app.connect("autodoc-process-signature", signature)
    app.connect("missing-reference", exists)
    return {"parallel_read_safe": True}
