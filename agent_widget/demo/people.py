"""What people and agents write to each other: a person answers a question, or asks for something new."""

from __future__ import annotations

from .files import Json, iso
from .journal import KEEP, Journal
from .tasks import Tasks


class Mail:
    """``user-messages.jsonl``: the agents write their questions into it, and people whatever they like."""

    def __init__(self, journal: Journal, tasks: Tasks) -> None:
        self._journal, self._tasks, self._files = journal, tasks, journal.files
        self._rows: list[Json] = self._files.load("user-messages.jsonl", [])
        self._heard = {row["id"] for row in self._rows}
        self._files.share("user-messages.jsonl", self._rows, self._merge)

    def write(self, sender: str, text: str, tags: list[str], priority: str = "normal") -> Json:
        """A new message."""
        row: Json = {"id": f"umsg_{self._journal.now}_{self._journal.key()}", "from": sender, "message": text}
        row |= {"timestamp": iso(self._journal.now), "read": False, "priority": priority, "tags": tags}
        self._take(row)
        return row

    def read(self, row: Json, reader: str, response: str | None = None) -> None:
        """Somebody has read a message, and may have replied."""
        row.update(read=True, read_at=iso(self._journal.now), read_by=reader)
        if response is not None:
            row["response"] = response
        self._files.put("user-messages.jsonl", self._rows)

    def _take(self, row: Json) -> None:
        self._heard.add(row["id"])
        self._rows.append(row)
        del self._rows[:-KEEP]
        self._files.put("user-messages.jsonl", self._rows)

    def _merge(self, rows: list[Json]) -> None:
        for row in rows:
            if row["id"] not in self._heard:
                text = str(row["message"])
                self._take(row)
                if not row.get("read"):
                    self._hear(row, text)

    def _hear(self, row: Json, text: str) -> None:
        """A person wrote: the agent that waits has its answer, or the orchestrator makes a task of it."""
        blocked = sorted((one for one in self._journal.workers() if one.status == "blocked"), key=lambda one: one.asked)
        if blocked:
            reader = next((one for one in blocked if one.id in text), blocked[0])
            reader.answer = text
            self.read(row, reader.session)
        else:
            lead = self._journal.lead
            self._tasks.new(lead, text.strip().split("\n")[0][:80], text, "high", ["request"])
            self.read(row, lead.session, "Noted; it is a task now.")
