"""What everything with rows and columns does alike: become frames and files, and show itself in a cell.

What agents wrote is hostile: it reaches a page escaped, cut, on one line, and with the characters named that
cannot be seen. Nothing in a page comes from elsewhere.
"""

from __future__ import annotations

import html
import os
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, overload

from ..tables import Column
from ..visible import one_line
from . import files

if TYPE_CHECKING:
    import pandas
    import pyarrow

SHOWN: Final = 10
"""Maximum rows shown in a notebook cell."""
COLUMNS: Final = 10
CHARS: Final = 60
"""Maximum characters of a text shown in a notebook cell."""
WIDTH: Final = 110
"""Characters of a line of plain text."""
CELL: Final = 32
"""Characters of a cell in a page that are seen at once, but for the column that takes the room that is left."""
_CHAR_PX, _PADDING_PX, _LEAD_PX = 7, 14, 180
"""Estimates, with JupyterLab's style sheet: a character of a cell, what is around it, the least width of the lead."""


class Tabular(ABC):
    """Something with rows and columns.

    What understands the Arrow PyCapsule interface takes it as it is: ``polars.DataFrame(it)``, ``pyarrow.table(it)``,
    ``duckdb.sql("from it")``.
    """

    @property
    @abstractmethod
    def columns(self) -> list[str]:
        """The names of the columns, in order."""

    @abstractmethod
    def rows(self) -> Sequence[Mapping[str, Any]]:
        """Return all rows, as dicts."""

    @abstractmethod
    def arrow(self) -> pyarrow.Table:
        """Return all rows as a pyarrow Table; raises ``ImportError`` with what to install."""

    @abstractmethod
    def df(self) -> pandas.DataFrame:
        """Return all rows as a pandas DataFrame; raises ``ImportError`` with what to install."""

    @abstractmethod
    def _glance(self) -> tuple[list[str], Sequence[Mapping[str, Any]], str]:
        """Return what is shown in a cell: columns, rows, and a line about them."""

    @overload
    def csv(self, path: None = None) -> str: ...
    @overload
    def csv(self, path: str | os.PathLike[str]) -> Path: ...
    def csv(self, path: str | os.PathLike[str] | None = None) -> str | Path:
        """Return CSV with a header, or write it to ``path`` and return where it is.

        Cells are those of the rows: times and durations in milliseconds. Texts that begin a formula are quoted.
        """
        text = files.csv_text(self.columns, self.rows())
        return text if path is None else files.write_whole(path, text.encode())

    @overload
    def json(self, path: None = None) -> str: ...
    @overload
    def json(self, path: str | os.PathLike[str]) -> Path: ...
    def json(self, path: str | os.PathLike[str] | None = None) -> str | Path:
        """Return JSON, a list of the rows, or write it to ``path`` and return where it is."""
        data = files.json_file(self.rows())
        return data.decode() if path is None else files.write_whole(path, data)

    def parquet(self, path: str | os.PathLike[str]) -> Path:
        """Write Parquet with the types of :meth:`arrow`; returns where it is."""
        return files.write_whole(path, files.parquet_bytes(self.arrow()))

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object:
        return self.arrow().__arrow_c_stream__(requested_schema)

    def _repr_mimebundle_(self, **_: Any) -> dict[str, str]:
        columns, rows, caption = self._glance()
        cells = [[self._cell(row, name) for name in columns] for row in rows]
        numbers = [[_is_number(row[name]) for name in columns] for row in rows]
        return {
            "text/plain": _plain(columns, cells, caption),
            "text/html": _html(columns, cells, numbers, caption, self._lead, self._ranked),
        }

    _lead: str | None = None
    """The column that takes the room that is left, and is cut where there is none."""
    _ranked = True
    """Whether the first columns tell most: then the last ones give way where there is no room."""

    def _cell(self, row: Mapping[str, Any], name: str) -> str:
        """Return a cell of a row to read."""
        text = shown(name, row[name])
        return f"≥ {text}" if name == "cost_usd" and text and row.get("unpriced_requests") else text

    def _repr_html_(self) -> str:
        return self._repr_mimebundle_()["text/html"]


def now_here() -> str:
    """Return the time of day, with the zone in which times are shown."""
    return datetime.now().astimezone().strftime("%H:%M:%S %Z")


def dollars(usd: float, unpriced: int | None = 0, *, places: int = 2) -> str:
    """Return money to read; a lower bound, "≥ $8.03", where answers without a known price are left out."""
    return f"{'≥ ' if unpriced else ''}${usd:,.{places}f}"


def shown(name: str, value: Any) -> str:
    """Return a cell to read: local times, lengths of time in words, text on one line."""
    column = Column(name, "int")
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, datetime):
        return _local(value)
    if isinstance(value, timedelta):
        return _length(value.total_seconds())
    if isinstance(value, int) and column.is_time:
        try:
            return _local(datetime.fromtimestamp(value / 1000, UTC))
        except (ValueError, OverflowError, OSError):  # a time no calendar has
            return str(value)
    if isinstance(value, (int, float)):
        if column.is_duration:
            return _length(value / 1000)
        if name == "cost_usd":
            return dollars(value, places=4 if abs(value) < 0.1 else 2)
        return f"{value:,}" if isinstance(value, int) else f"{value:,.4g}"
    if isinstance(value, dict):
        value = ", ".join(f"{key} {shown('', inner)}" for key, inner in value.items())
    elif isinstance(value, list):
        value = ", ".join(shown("", inner) for inner in value)
    text = str(value)
    text = text if len(text) <= CHARS else text[: CHARS - 1] + "…"
    return one_line(text)


def ago(at_ms: int, now_ms: int) -> str:
    """Return how long ago something was; from a day on, the day, in local time."""
    seconds = (now_ms - at_ms) / 1000
    if not 0 <= seconds < 86_400:
        try:
            at = datetime.fromtimestamp(at_ms / 1000, UTC).astimezone()
        except (ValueError, OverflowError, OSError):  # a time no calendar has
            return str(at_ms)
        return f"{at:%Y-%m-%d %H:%M}"
    if seconds < 60:
        return f"{seconds:.0f} s ago"
    return f"{seconds // 60:.0f} min ago" if seconds < 3600 else f"{seconds // 3600:.0f} h ago"


def short_id(id: str, most: int = 14) -> str:
    """Return an id or a name to be told from others by: whole if it is short, else its ends."""
    half = (most - 1) // 2
    return id if len(id) <= most else f"{id[:half]}…{id[-half:]}"


def _local(at: datetime) -> str:
    try:
        return (at.astimezone() if at.tzinfo else at).strftime("%Y-%m-%d %H:%M:%S")
    except (ValueError, OverflowError, OSError):  # at the ends of the calendar
        return str(at)


def _length(seconds: float) -> str:
    if abs(seconds) < 60:
        return f"{seconds * 1000:.0f} ms" if abs(seconds) < 1 else f"{seconds:.1f} s"
    return str(timedelta(seconds=round(seconds)))


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _html(
    columns: list[str],
    cells: list[list[str]],
    numbers: list[list[bool]],
    caption: str,
    lead: str | None,
    ranked: bool,
) -> str:
    """Return a table with one line a row; with a ``lead`` it is as wide as there is room, and no wider.

    Columns that are ``ranked`` give way in a narrow cell, the last first, and the caption says so. Where a page keeps
    no ``<style>``, as that of a notebook that is not trusted, all stay, and the table scrolls.
    """
    rooms = _rooms(columns, cells, lead)

    def classed(index: int) -> str:
        return f' class="aw-from-{rooms[index]}"' if ranked and columns[index] != lead else ""

    def cell(index: int, text: str, number: bool) -> str:
        style = f"text-align:{'right' if number else 'left'};white-space:nowrap"
        if columns[index] == lead:  # no width of its own: it has what the others leave
            style += ";width:99%;max-width:0;min-width:12em;overflow:hidden;text-overflow:ellipsis"
        elif len(text) > CELL:
            style += f";max-width:{CELL * _CHAR_PX}px;overflow:hidden;text-overflow:ellipsis"
        title = f' title="{html.escape(text)}"' if columns[index] == lead or len(text) > CELL else ""
        return f'<td{classed(index)} style="{style}"{title}>{html.escape(text)}</td>'

    def heading(index: int, number: bool) -> str:
        style = f"text-align:{'right' if number else 'left'};white-space:nowrap"
        return f'<th{classed(index)} style="{style}">{html.escape(shown("", columns[index]))}</th>'

    of_numbers = [any(kinds) for kinds in zip(*numbers, strict=True)] or [False] * len(columns)
    head = "".join(heading(index, number) for index, number in enumerate(of_numbers))
    body = "".join(
        f"<tr>{''.join(cell(index, row[index], kinds[index]) for index in range(len(columns)))}</tr>"
        for row, kinds in zip(cells, numbers, strict=True)
    )
    # JupyterLab makes all columns of a table equally wide, unless it is told not to.
    layout = f"table-layout:auto{';width:100%' if lead in columns else ''}"
    table = f'<table style="{layout}"><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>' if columns else ""
    style, rules, rest = "overflow-x:auto;font-variant-numeric:tabular-nums", "", ""
    if ranked and cells:
        whole = max(rooms)
        rules = "".join(_rule(room, f".aw-from-{room}", "none") for room in sorted(set(rooms) - {0}))
        rules = f"<style>{rules}{_rule(whole, f'.aw-below-{whole}', 'inline')}</style>"
        rest = f'<span class="aw-below-{whole}" style="display:none"> · more columns where there is more room</span>'
        style += f";container-type:inline-size;contain-intrinsic-inline-size:{whole}px"
    small = f'<small style="opacity:.65">{html.escape(caption)}{rest}</small>'
    return f'<div style="{style}">{rules}{table}{small}</div>'


def _rule(below: int, selector: str, display: str) -> str:
    """Return how what is selected is displayed where the table is narrower than ``below`` pixels."""
    return f"@container (max-width:{below - 1}px){{{selector}{{display:{display}!important}}}}"


def _rooms(columns: list[str], cells: list[list[str]], lead: str | None) -> list[int]:
    """Return for each column the width in pixels from which on there is room for it and those before it."""
    rooms, taken = [], _LEAD_PX if lead in columns else 0
    for index, name in enumerate(columns):
        if name != lead:
            longest = max(map(len, [name, *(row[index] for row in cells)]))
            taken += min(longest, CELL) * _CHAR_PX + _PADDING_PX
        # In steps, so that tables beside each other, whose rules are one style sheet, share most of them.
        rooms.append(0 if name == lead else -(-taken // 20) * 20)
    return rooms


def _plain(columns: list[str], cells: list[list[str]], caption: str) -> str:
    """Return as many columns as fit a line, aligned."""
    lines = [""] * (len(cells) + 1)
    for index, name in enumerate(columns):
        room = 14 if name == "id" or name.endswith("_id") else 30
        texts = [shown("", name), *(row[index] for row in cells)]
        texts = [text if len(text) <= room else text[: room - 1] + "…" for text in texts]
        width = max(map(len, texts))
        if lines[0] and len(lines[0]) + 2 + width > WIDTH:
            break
        gap = "  " if index else ""
        lines = [f"{line}{gap}{text:<{width}}" for line, text in zip(lines, texts, strict=True)]
    return "\n".join([*(line.rstrip() for line in lines if columns), caption])
