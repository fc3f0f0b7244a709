"""A transcript: whose its lines are, and what each kind of them means."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from itertools import chain
from pathlib import PurePosixPath
from typing import Any, Final

from msgspec.structs import replace

from ..base import Item, Record
from ..chat import STEPS, UNDATED, Chat
from ..conversation import Conversation
from ..directories import directory_name, worktree_of
from ..kept import forget_oldest
from ..ledger import ASSUMED
from ..parsing import Malformed, clean, named, parse_as, preview
from ..steps import About, Prompt, Reply, Result, Return, Step, Thinking, TurnEnd, TurnStart
from ..texts import REMINDER, command_in, tagged
from .calls import called, returned
from .home import LEAD, Home
from .records import DECODER, Billed, Line, Message
from .talk import BilledAs, LineReader, Talk
from .values import in_background, is_internal, text_in, text_of_parts, usage_of

_ENDS: Final = frozenset({"end_turn", "stop_sequence", "refusal"})
"""Values of ``stop_reason`` that end a turn."""
_SILENT: Final = frozenset(
    "file-history-snapshot file-history-delta mode permission-mode pr-link bridge-session atis-latch frame-link tag "
    "agent-name agent-color agent-setting progress tools-used cost-state api-request api-request-shape "
    "api-request-blob".split()
)
_SILENT_SYSTEM: Final = frozenset(
    "microcompact_boundary local_command away_summary scheduled_task_fire bridge_status model_refusal_fallback "
    "informational".split()
)
_REQUEST: Final = b'{"type":"api-request'
"""Beginning of lines that repeat what was sent to the model (2.1.332): large, and nothing new in them."""
_INTERRUPTED: Final = "[Request interrupted by user"
_NO_ANSWER: Final = "No response requested."
_TEAMMATE: Final = re.compile(r'<teammate-message teammate_id="([^"<>]*)"[^<>]*>(.*?)</teammate-message>', re.DOTALL)
_MATE_END: Final = "</teammate-message>"
_NOTICE: Final = re.compile(r"<task-notification>\s*<[a-z-]+>[^<]*</")
"""Begin of a notice, which a person may also write about."""
_MOST_FIRST: Final = 64
"""Answers whose first line is remembered: their lines may come between those of others."""
_SPOKEN: Final = frozenset({"assistant", "user"})
"""Types of lines that a conversation consists of; a title alone is none."""


class TranscriptReader(Chat[Line, Talk]):
    """Reads one transcript."""

    decoder = DECODER
    source: Home

    def __init__(self, source: Home, path: PurePosixPath) -> None:
        super().__init__(source, path)
        self.session = clean(path.parts[2] if len(path.parts) > 3 else path.stem)
        self.agent = path.stem.removeprefix("agent-") if path.name.startswith("agent-") else None
        self.place = 0
        """How many lines had a time."""
        self.waiting: list[Line] = []
        """Lines before the first one with a time."""
        self.sidechains: dict[str, str] = {}
        """Lines of side chains inside this file → agent."""

    def read(self, data: bytes) -> Iterable[Item]:
        """Return what follows from one line; one without a time is of the time of the line before."""
        if data.startswith(_REQUEST) or _is_progress(data) or not data or data.isspace():
            return ()
        line = parse_as(DECODER, data)
        if line.type in _SILENT:
            return ()
        at = self.dated(line.timestamp)
        if not at:
            if line.type in _LINES:
                self.keep_undated(self.waiting, line)
            return ()
        self.place += 1
        if not self.waiting:
            return self._line(line, at)
        lines, self.waiting = [*self.waiting, line], []
        return chain.from_iterable(self._line(each, at) for each in lines)

    @property
    def problem(self) -> str | None:
        """Say that no line of a conversation has a time; there are files of titles alone."""
        return UNDATED if any(line.type in _SPOKEN for line in self.waiting) else None

    def _line(self, line: Line, at: int) -> Iterator[Item]:
        mean = _LINES.get(line.type)
        if mean is None:
            self.source.odd(f"{line.type}/{line.subtype or ''}")
            return
        session, agent = self.speaker(line)
        if agent is not None and is_internal(agent):
            row = self.source.namespace + session
            if line.message is not None:
                for usage in usage_of(line, line.message, at, self.place, line.message.id or line.uuid):
                    self.source.book.ledger.bill(usage, row, row)
            return
        talk = self._voices.get((session, agent))
        if talk is None:
            talk = self._voices[session, agent] = self._begin(session, agent, line)
            yield from self._introduce(talk, agent, line)
        if line.cwd is not None and (line.cwd != talk.cwd or line.gitBranch != talk.branch):
            yield from self.take(talk, self._whereabouts(talk, line, at))
        for step in mean(talk, line, at):  # as `take` does it: a generator less for each line
            if type(step) in STEPS:
                yield from talk.take(step)  # type: ignore[arg-type]
            else:
                yield step  # type: ignore[misc]

    def speaker(self, line: Line) -> tuple[str, str | None]:
        """Return the session and the subagent of a line."""
        agent = line.agentId or self.agent
        if agent is None and line.isSidechain and line.uuid is not None:
            # old versions wrote what subagents did between the lines of the session
            agent = self.sidechains.get(line.parentUuid or "") or f"side-{line.uuid[:8]}"
            self.sidechains[line.uuid] = agent
        return line.sessionId or self.session, agent

    def _begin(self, session: str, agent: str | None, line: Line) -> Talk:
        """Return a new voice: a subagent, a member of a team, or the agent of a session."""
        home, session = self.source, self.source.namespace + session
        row, parent = session, None
        if agent is not None:
            row = home.subagent(session, agent)
            parent = home.parents.get(row, session)
        elif line.teamName and line.agentName and line.agentName != LEAD:
            row = home.member(line.teamName, line.agentName)
            home.mates[row] = True
        return Talk(home, self.file, Conversation(home.book, self.file, session, row, parent))

    def _introduce(self, talk: Talk, agent: str | None, line: Line) -> Iterator[Item]:
        if agent is None:
            if not named(line.cwd):  # another line may have one
                yield Record("agents", talk.agent, {"name": talk.session.removeprefix(self.source.namespace)[:8]})
            yield from self.source.add_transcript(talk.session, self.path)
            return
        yield Record("agents", talk.agent, {"name": self.source.name_of(talk.agent) or agent})
        if talk.session not in self.source.transcripts:  # its parent's may be empty or gone
            where = {"name": directory_name(line.cwd), "directory": line.cwd}
            yield Record("sessions", talk.session, {"agent_id": talk.session, "status": "ended"})
            yield Record("agents", talk.session, {"session_id": talk.session, **where})

    def _whereabouts(self, talk: Talk, line: Line, at: int) -> Iterator[Step | Item]:
        """Yield directory, branch and name when they are new, or another worktree or branch.

        A session is where it was begun: its shell goes to and fro.
        """
        session: dict[str, Any] = {}
        agent: dict[str, Any] = {}
        cwd = named(line.cwd)
        if cwd is not None and cwd != talk.cwd:
            if talk.begun_in is None:
                if talk.parent is None:
                    agent["name"] = line.agentName or directory_name(cwd)
                yield from self.source.add_project(self.path.parts[1], cwd)
            talk.begun_in, talk.cwd = talk.begun_in or cwd, line.cwd
            directory = cwd if worktree_of(cwd) != worktree_of(talk.begun_in) else talk.begun_in
            if talk.directory is None or worktree_of(directory) != worktree_of(talk.directory):
                talk.directory = agent["directory"] = session["directory"] = directory
        talk.branch = line.gitBranch
        if talk.branch and talk.parent is None:
            session["branch"] = talk.branch
        talk.team = line.teamName or talk.team
        yield About(at, session, agent)
        if talk.agent in self.source.mates and (lead := self.source.lead(talk.team)) is not None:
            yield Record("agents", talk.agent, {"parent_id": lead})


# ---------------------------------------------------------------------------------------------------------------------
# Kinds of lines


def _assistant(talk: Talk, line: Line, at: int) -> Iterator[Step | Item]:
    """Yield what is new in an answer: a line has one block of it, and all that it took."""
    message = line.message
    if message is None:
        raise Malformed("an answer without message")
    if line.isApiErrorMessage:
        text = text_in(message.content)
        yield Reply(at, line.uuid or "", text)
        yield from talk.broken_off(TurnEnd(at, "failed", preview(text.partition("\n")[0])))
        return
    if message.usage is not None:
        yield from _billed(talk, line, message, message.usage, at)
    for place, block in enumerate(message.content if isinstance(message.content, list) else ()):
        if block.type == "tool_use":
            yield from called(talk, block, at, copy=line.sessionKind == "bg")
        elif block.type == "text" and block.text and block.text.strip():
            id = f"{line.uuid}.{place}" if place else line.uuid or ""
            yield from _replied(talk, Reply(at, id, block.text), message)
        elif block.type == "thinking":
            talk.turn_continues()
            yield Thinking(at, line.uuid or "", block.thinking or "")


def _billed(talk: Talk, line: Line, message: Message, billed: Billed, at: int) -> Iterator[Step]:
    """Yield what an answer took, unless the line before said just this."""
    before, stated = talk.billed, message.id or line.requestId or ""
    id = stated or line.uuid or f"{talk.session}:{talk.place + 1}"
    if before is not None and before[0].stated == stated and not (line.requestId or before[0].request):
        if _goes_on(before[1], billed):
            id = before[0].id if stated or talk.answering else id
        elif stated and not talk.answering:  # some gateways give every answer the same id
            id = f"{stated}:{billed.input_tokens}+{billed.cache_read_input_tokens}"
    known = (BilledAs(id, line.requestId or "", message.model, stated), billed)
    assumed = None if line.requestId else _assumed(talk, stated, line)
    if known == before and assumed is None:
        return
    if before is not None and before[0][:2] == known[0][:2]:
        at = max(at, talk.billed_at)  # snapshots come in the order of lines, though the clock goes back
    talk.billed, talk.billed_at, talk.answering = known, at, True
    talk.place += 1
    for usage in usage_of(line, message, at, talk.place, id, assumed):
        yield usage if assumed is None else replace(usage, written=line.uuid or "")
        if usage.copy and not usage.beside:  # it is not known whether it is one: what it says of this agent holds
            talk.conversation.asked_model(message.model, usage.tokens)


def _assumed(talk: Talk, id: str, line: Line) -> str | None:
    """Return what stands for the request of an answer that names none: gateways may give those of two sessions one id.

    A copy in a fork has the same lines, and so the same first one.
    """
    if not id or line.uuid is None:
        return None
    first = talk.first_lines.setdefault(id, line.uuid)
    forget_oldest(talk.first_lines, _MOST_FIRST)
    return f"{ASSUMED}{first}"


def _goes_on(before: Billed, now: Billed) -> bool:
    """Return whether an answer is that of the line before, by what the model was sent."""
    return all(
        getattr(before, name) == getattr(now, name)
        for name in ("input_tokens", "cache_read_input_tokens", "cache_creation_input_tokens")
    )


def _replied(talk: Talk, reply: Reply, message: Message) -> Iterator[Step]:
    if message.model == "<synthetic>" and reply.text == _NO_ANSWER:
        if not talk.ended:
            yield from talk.end(reply.at)
        return
    talk.ended, talk.replied = False, reply
    yield reply
    if message.stop_reason in _ENDS:
        yield from talk.end(reply.at)


def _user(talk: Talk, line: Line, at: int) -> Iterator[Step | Item]:
    """Yield results of tools, and what a person, another agent or Claude Code itself wrote."""
    content = line.message.content if line.message is not None else None
    talk.answering = False
    if isinstance(content, list):
        for block in content:
            if block.type == "tool_result":
                yield from returned(talk, block, line, at)
    text, id = text_in(content), line.uuid or ""
    if "<system-reminder>" in text:
        text = REMINDER.sub("", text)
    if not text.strip() or line.isCompactSummary:
        return
    if text.startswith(_INTERRUPTED):
        yield from talk.stopped(at)
        if line.interruptedMessageId is not None and talk.refused is not None:  # it ran: nobody said no to it
            yield Result(at, talk.refused, "cancelled")
        yield from talk.broken_off(TurnEnd(at, "interrupted"))
    elif _NOTICE.search(text):
        yield from _notified(talk, text, at)
        if talk.ended or not talk.calls:  # the model is asked what to do about it
            if talk.replied is not None and not talk.ended:
                yield from talk.end(talk.replied.at)
            yield _woken(talk, at)
    elif (found := _TEAMMATE.search(text, 0, text.rfind(_MATE_END) + len(_MATE_END))) is not None:
        sender = talk.children.get(found.group(1)) or talk.mate(found.group(1), line.teamName)
        yield from talk.prompted(Prompt(at, id, found.group(2).strip(), sender))
    elif line.isMeta:
        if not text.startswith(("<", "Caveat:")) and (talk.ended or not talk.calls):
            talk.resumed = text.startswith("Stop hook feedback")
            talk.turn_continues()
            yield TurnStart(at)
    elif text.startswith("<command-message>") and (typed := command_in(text)) is not None:
        yield from talk.prompted(Prompt(at, id, typed))
    elif not text.startswith(("<command-name>", "<local-command-", "<bash-")):
        yield from talk.prompted(Prompt(at, id, text))


def _woken(talk: Talk, at: int) -> TurnStart:
    talk.turn_continues()
    return TurnStart(at, "a task in the background reported")


def _notified(talk: Talk, text: str, at: int) -> Iterator[Step]:
    """Yield that an agent in the background has finished; up to three lines say so."""
    for notice in text.split("<task-notification>")[1:]:
        tags = dict(tagged(notice, "task-id", "status", "summary", "result"))
        short, status = tags.get("task-id", ""), tags.get("status", "")
        talk.background.pop(short, None)
        is_child = short in talk.children
        if talk.source.book.on_step is not None:  # in a part of a transcript the start may be missing
            is_child = is_child or tags.get("summary", "").startswith("Agent ")
        if is_child and status and (short, status) not in talk.returned:
            talk.returned.add((short, status))
            answer = tags.get("result") or tags.get("summary")
            yield Return(at, short, answer or None, status != "completed")


def _attachment(talk: Talk, line: Line, at: int) -> Iterator[Step]:
    """Yield a prompt that was typed while the agent worked."""
    attachment = line.attachment
    if attachment is None or attachment.type != "queued_command":
        return
    text = attachment.prompt if isinstance(attachment.prompt, str) else text_of_parts(attachment.prompt)
    if _NOTICE.search(text):
        yield from _notified(talk, text, at)
        if talk.ended:
            yield _woken(talk, at)
    elif attachment.commandMode in (None, "prompt") and text.strip() and not text.startswith("/"):
        yield from talk.prompted(Prompt(at, line.uuid or "", text), mid_turn=True)


def _queue(talk: Talk, line: Line, at: int) -> Iterator[Step]:
    if isinstance(line.content, str) and _NOTICE.search(line.content):
        yield from _notified(talk, line.content, at)


def _system(talk: Talk, line: Line, at: int) -> Iterator[Step | Item]:
    """Yield ends of turns, and what is worth a line in the log."""
    kind = line.subtype
    if kind in ("turn_duration", "stop_hook_summary"):
        if talk.resumed and kind == "stop_hook_summary":
            talk.resumed = False
        else:
            more = in_background(line)
            if not talk.ended or (more is not None and talk.settled):
                yield from talk.end(at, more)
    elif kind == "api_error":
        error = line.error if isinstance(line.error, dict) else {}
        what = error.get("status") or error.get("formatted") or error.get("message") or "no connection"
        text = f"API error {what}, try {line.retryAttempt or 0:.0f} of {line.maxRetries or 0:.0f}"
        yield _log(talk, line, at, "warning", text)
    elif kind == "compact_boundary":
        facts = line.compactMetadata if isinstance(line.compactMetadata, dict) else {}
        before, after = facts.get("preTokens"), facts.get("postTokens")
        tokens = f", {before}" + (f" → {after}" if after else "") + " tokens" if before else ""
        yield _log(talk, line, at, "info", f"conversation compacted ({facts.get('trigger')}{tokens})")
    elif kind not in _SILENT_SYSTEM:
        talk.source.odd(f"system/{kind or ''}")


def _log(talk: Talk, line: Line, at: int, level: str, text: str) -> Record:
    fields = {"at": at, "level": level, "logger": "claude", "text": preview(text)}
    return Record("logs", f"{talk.session}:{line.uuid}", {**fields, "agent_id": talk.agent, "session_id": talk.session})


def _titled(talk: Talk, line: Line, at: int) -> Iterator[Step]:
    text = named(line.customTitle or line.aiTitle or line.summary or line.lastPrompt)
    if text is not None:
        yield from talk.titled_by(line.type, text, at)


_LINES: Final[dict[str, LineReader]] = {
    "assistant": _assistant,
    "user": _user,
    "system": _system,
    "attachment": _attachment,
    "queue-operation": _queue,
    **dict.fromkeys(("custom-title", "ai-title", "summary", "last-prompt"), _titled),
}


def _is_progress(line: bytes) -> bool:
    """Return whether this is a progress line: its type stands near its start, before anything of any size."""
    found = line.find(b'"type":"progress"', 0, 1000)
    return found >= 0 and line.find(b'"message":', 0, found) < 0 and line.find(b'"toolUseResult":', 0, found) < 0
