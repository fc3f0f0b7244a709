"""What a notebook holds of a conversation: some entries of its transcript, as data and as HTML."""

from __future__ import annotations

import html
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, overload

from ..visible import one_line, visible

if TYPE_CHECKING:
    import pandas

Entry = dict[str, Any]

_SHOWN = 2000
"""Maximum characters of each text in a cell."""


class Transcript(Sequence[Entry]):
    """Entries of a conversation, oldest first: ``len()``, iteration, indexing, :meth:`df`.

    Every entry has ``id``, ``at`` (milliseconds since the epoch) and ``kind``, and beside them, by kind:

    ============  ===================================================================================================
    ``prompt``    ``sender``, ``text``
    ``reply``     ``text``
    ``thinking``  ``text`` (``None`` where the model keeps it to itself)
    ``tool``      ``name``, ``input``, ``output``, ``diff`` (unified, of an edit), ``status`` (running, ok, error,
                  denied, cancelled), ``duration_ms``, ``error``, ``files`` (paths it changed), ``child`` (the agent
                  it gave work to), ``asks`` (what the person is asked)
    ``plan``      ``todos``: a list of ``id``, ``title``, ``status``
    ``answer``    ``sender`` (an agent it gave work to), ``text``, ``failed``
    ``end``       of a turn: ``how`` (done, asked, interrupted, failed, closed), ``text``
    ============  ===================================================================================================
    """

    def __init__(self, session: str, entries: list[Entry], before: str | None, after: str | None) -> None:
        self.session = session
        self.entries = entries
        self.before = before
        """Pass it as ``before`` for the entries before these; ``None`` at the beginning of the conversation."""
        self.after = after
        """Pass it as ``after`` for the entries since, and again for the calls that had not returned."""

    def __len__(self) -> int:
        return len(self.entries)

    def __iter__(self) -> Iterator[Entry]:
        return iter(self.entries)

    @overload
    def __getitem__(self, index: int) -> Entry: ...
    @overload
    def __getitem__(self, index: slice) -> list[Entry]: ...
    def __getitem__(self, index: int | slice) -> Entry | list[Entry]:
        return self.entries[index]

    def df(self) -> pandas.DataFrame:
        """Return a pandas DataFrame with one row per entry, in order.

        ``at`` is ``datetime64[ms, UTC]``, ``duration_ms`` ``timedelta64[ms]``.
        """
        try:
            import pandas
        except ImportError:
            raise ImportError('a DataFrame needs pandas: pip install "agent-widget[frames]", or use .entries') from None
        columns = ["id", "at", "kind", *dict.fromkeys(name for entry in self.entries for name in entry)]
        frame = pandas.DataFrame.from_records(self.entries, columns=list(dict.fromkeys(columns)))
        frame["at"] = pandas.to_datetime(frame["at"], unit="ms", utc=True).astype("datetime64[ms, UTC]")
        if "duration_ms" in frame:
            durations = frame["duration_ms"].astype("Int64")
            frame["duration_ms"] = pandas.to_timedelta(durations, unit="ms").astype("timedelta64[ms]")
        return frame.set_index("id")

    def __repr__(self) -> str:
        return f"<transcript of {self.session}: {len(self)} entries{', more before' if self.before else ''}>"

    def _repr_html_(self) -> str:
        more = "<p><i>earlier entries: <code>client.transcript(…, before=transcript.before)</code></i></p>"
        more = more if self.before else ""
        return f"<div>{more}{''.join(map(_shown, self.entries))}</div>"


def _shown(entry: Entry) -> str:
    at = datetime.fromtimestamp(entry["at"] / 1000, UTC).astimezone().strftime("%H:%M:%S")
    kind = entry["kind"]
    if kind == "tool":
        head = f"{entry['name']} · {entry['status']}"
        if entry["duration_ms"] is not None:
            head += f" · {entry['duration_ms'] / 1000:.1f} s"
        parts = [entry["diff"] or _as_lines(entry["input"]), _as_lines(entry["error"] or entry["output"])]
        body = "\n\n".join(part for part in parts if part)
    elif kind == "plan":
        head, body = kind, "\n".join(f"{todo['status']}: {todo['title']}" for todo in entry["todos"])
    elif kind == "end":
        head, body = f"turn {entry['how']}", entry["text"] or ""
    else:
        head, body = f"{kind} from {entry['sender']}" if entry.get("sender") else kind, entry["text"] or ""
    body = body if len(body) <= _SHOWN else f"{body[:_SHOWN]}…"
    text = f'<pre style="white-space:pre-wrap;margin:0 0 .6em 5em">{html.escape(visible(body))}</pre>' if body else ""
    return f'<div><small style="opacity:.65">{at}</small> <b>{html.escape(one_line(head))}</b></div>{text}'


def _as_lines(value: Any) -> str:
    if isinstance(value, dict):
        return "\n".join(f"{name}: {inner}" for name, inner in value.items())
    return "" if value is None else str(value)
