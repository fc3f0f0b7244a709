"""The lines of a rollout of Codex as steps of a conversation. What they teach is told in :mod:`.codex`.

The tables at the end say which method reads which line.
"""

from __future__ import annotations

import re
from collections import Counter, OrderedDict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from hashlib import blake2b
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any, Final

import msgspec

from ..base import Item, Malformed, clean, directory_name, millis, named, parse_object, whole
from ..conversation import Conversation
from ..steps import (
    PERSON,
    About,
    Call,
    Plan,
    Prompt,
    Reply,
    Result,
    Return,
    Spawn,
    Step,
    Thinking,
    Todo,
    Tokens,
    TurnEnd,
    TurnStart,
    Usage,
    asks,
)
from .values import STATUS, UUID, End, Status, counts, duration, json_in, judged, made, mcp_error, patched, text_of

if TYPE_CHECKING:
    from . import Codex

_PUT_IN = re.compile(r"\s*(?:<[a-z_]+[ >]|# AGENTS\.md instructions )")
"""How a user message begins that Codex wrote by itself."""
_SHELL = re.compile(r"<user_shell_command>\s*<command>\s*(.*?)\s*</command>", re.DOTALL)
_ABORTED = {
    "interrupted": "interrupted",
    "replaced": "interrupted by another prompt",
    "budget_limited": "stopped: the budget is used up",
}
_COPY_GAP_MS = 1_500


_FIELDS: Final = (
    "type id timestamp session_id forked_from_id parent_thread_id source thread_source agent_nickname agent_role "
    "agent_path cwd git model turn_id started_at last_agent_message reason message kind role content summary "
    "call_id name arguments input output action command aggregated_output exit_code duration status success stderr "
    "changes item info result invocation author recipient agent_thread_id thread_name new_thread_id new_agent_role "
    "prompt record_type"
)
_Payload: Any = msgspec.defstruct("_Payload", [(name, Any, None) for name in _FIELDS.split()])
"""Everything read of any line; what is not listed (instructions, ciphers, outputs told twice) is not built."""


class _Line(msgspec.Struct):
    type: Any = None
    timestamp: Any = None
    payload: _Payload | None = None


_decode_line = msgspec.json.Decoder(_Line).decode
_decode_payload = msgspec.json.Decoder(_Payload).decode


@dataclass
class _Thread:
    """One conversation, as far as it was read."""

    id: str
    talk: Conversation
    created: int | None
    parents: frozenset[str]
    path: str | None = None
    copying: bool = False
    begun: bool = False
    """A turn of its own was seen."""
    turn: str = ""
    said: tuple[int, int] = (0, 0)
    """When something was said last, and how much before it at that very time."""
    replied: bool = False
    """Something was said in this turn."""
    failed: str | None = None
    over: bool = False
    """It failed, and nothing happened since."""
    planned: bool = False
    told: dict[str, Any] = field(default_factory=dict)
    """What was last said about it."""
    total: tuple[int, ...] | None = None
    calls: dict[str, tuple[str, Any]] = field(default_factory=dict)
    """Calls without a result."""
    ends: dict[str, End] = field(default_factory=dict)
    returned: OrderedDict[str, None] = field(default_factory=OrderedDict)
    tasks: dict[str, tuple[str, str, str | None]] = field(default_factory=dict)
    """Task name → call, text and kind of agent."""
    agents: dict[str, str] = field(default_factory=dict)
    """Path of an agent it started → its thread."""

    def step_id(self, id: Any, at: int) -> str:
        """An id for something said: its own, or when it was; the same wherever in the file the reading began."""
        self.said = (at, self.said[1] + 1 if at == self.said[0] else 0)
        return named(id) or f"{at}.{self.said[1]}"

    def is_own(self, turn_id: Any, started_at: Any) -> bool:
        """Whether a turn was begun in this thread and not in the one it was copied from."""
        began, born = made(turn_id), made(self.id)
        if began is None or born is None:
            began, born = millis(started_at), self.created and self.created - 1000  # started_at is in whole seconds
        return began is None or born is None or began >= born


class Rollout:
    """Reads one rollout."""

    def __init__(self, source: Codex, path: PurePosixPath) -> None:
        self.source = source
        self.path = clean(str(path))
        self.file = clean(path.name)  # not the path: an archived rollout is the same file elsewhere
        self.thread: _Thread | None = None
        self.at: int | None = None
        self.bare = False

    def read(self, data: bytes) -> Iterator[Item]:
        """The rows of one line."""
        if not data.strip():
            return
        try:
            line = _decode_line(data)
            payload = line.payload or _decode_payload(data)
        except (ValueError, RecursionError):
            whole_line = parse_object(data)
            line = msgspec.convert(whole_line, _Line)
            payload = line.payload or msgspec.convert(whole_line, _Payload)
        before, self.at = self.at, millis(line.timestamp) or self.at or millis(payload.timestamp)
        kind = line.type if isinstance(line.type, str) else ""
        if line.payload is None:  # early 2025: no envelope
            if not kind and payload.record_type is None and named(payload.id):
                kind, self.bare = "session_meta", True
            elif kind and line.timestamp is None:
                kind, payload.type, self.bare = "response_item", kind, True
            elif payload.record_type is not None:
                return
        if kind == "session_meta":
            yield from self._meta(payload)
            return
        thread = self.thread
        if thread is None:
            found = UUID.search(self.file)
            yield from self._begin(_Payload(id=found.group() if found else self.file))
            thread = self.thread
            assert thread is not None
        if thread.copying and before is not None and self.at is not None:
            # without ids of turns: a copy is written at once
            thread.copying = bool(thread.turn) or self.at - before < _COPY_GAP_MS
        if payload.type in ("task_started", "turn_started") or kind == "turn_context":
            if turn := named(payload.turn_id):
                thread.turn = turn
                if thread.copying and thread.is_own(turn, payload.started_at):
                    thread.copying = False
            thread.begun = thread.begun or not thread.copying
        name = f"{kind}/{payload.type}" if isinstance(payload.type, str) and kind != "turn_context" else kind
        take = _TAKES.get(name)
        if take is None:
            if name not in _SILENT:
                self.source.unknown[name[:80]] += 1
        elif not thread.copying or name == "event_msg/token_count":
            yield from self._steps(thread, take(self, thread, payload, self.at or thread.created or 0))

    def _steps(self, thread: _Thread, steps: Iterable[Step]) -> Iterator[Item]:
        for step in steps:
            yield from thread.talk.take(step)
            if isinstance(step, Prompt) and thread.id in self.source.mains:
                yield from self.source.title(thread.id, step.text, 1, step.at)

    # What a thread is

    def _meta(self, meta: Any) -> Iterator[Item]:
        id = named(meta.id) or named(meta.session_id)
        thread = self.thread
        if id is None:
            raise Malformed("a session without an id")
        if thread is None or (id != thread.id and (thread.begun or not _is_ancestor(thread, id))):
            yield from self._begin(meta)
        elif id != thread.id:
            thread.copying = True
        else:  # resumed
            yield from self._steps(thread, self._about(thread, meta.cwd, branch=_branch(meta)))

    def _begin(self, meta: Any) -> Iterator[Item]:
        """A session starts, or is first mentioned."""
        id = named(meta.id) or named(meta.session_id) or self.file
        space = self.source.namespace
        kind = meta.source.get("subagent") if isinstance(meta.source, dict) else None
        kind = kind if kind is not None or meta.thread_source != "subagent" else "subagent"
        spawn = kind.get("thread_spawn") if isinstance(kind, dict) else None
        spawn = spawn if isinstance(spawn, dict) else {}
        parent = named(spawn.get("parent_thread_id")) or (named(meta.parent_thread_id) if kind else None)
        forked = named(meta.forked_from_id)
        session = named(meta.session_id)
        if parent and (session is None or session == id):
            session = parent
        path = named(spawn.get("agent_path")) or named(meta.agent_path)
        kind = next(iter(kind.values()), None) if isinstance(kind, dict) and not spawn else kind
        role = named(spawn.get("agent_role")) or named(meta.agent_role) or named(kind)
        name = named(spawn.get("agent_nickname")) or named(meta.agent_nickname) or (path or "").rpartition("/")[2]
        talk = Conversation(
            self.source.book,
            self.file,
            space + (session if parent and session else id),
            space + id if parent else None,
            space + parent if parent else None,
        )
        created = millis(meta.timestamp) or self.at
        parents = frozenset(other for other in (parent, forked) if other)
        thread = self.thread = _Thread(id, talk, created, parents, path, copying=bool(parents))
        at = created or self.at or made(id) or 0
        if parent:
            agent = {"name": name or role or "subagent", "role": role}
            yield from self._steps(thread, [About(at, {}, agent)])
        else:
            facts = {"path": self.path, "parent_id": space + forked if forked else None}
            yield from self._steps(thread, [About(at, facts, {"role": role})])
            yield from self._steps(thread, [TurnEnd(self.at or at, reason="no prompt yet")])
            yield from self.source.entitled(id)
        repository = meta.git.get("repository_url") if isinstance(meta.git, dict) else None
        where = meta.cwd or (repository.removesuffix(".git") if isinstance(repository, str) else None)
        yield from self._steps(thread, self._about(thread, where, branch=_branch(meta), at=at))

    def _about(self, thread: _Thread, cwd: Any, *, at: int | None = None, **facts: Any) -> Iterator[Step]:
        """Facts that may change in the middle; told again only if they did."""
        project = directory_name(cwd) if isinstance(cwd, str) else None
        facts = {name: value for name, value in {**facts, "project": project}.items() if named(value)}
        if any(thread.told.get(name) != value for name, value in facts.items()):
            thread.told.update(facts)
            agent = {name: value for name, value in facts.items() if name != "branch"}
            if thread.talk.parent is None and project:
                agent["name"] = project
            yield About(at or self.at or 0, facts if thread.talk.parent is None else {}, agent)

    def _on_turn_context(self, thread: _Thread, payload: Any, at: int) -> Iterator[Step]:
        yield from self._about(thread, payload.cwd, model=payload.model)

    # Turns

    def _on_task_started(self, thread: _Thread, payload: Any, at: int) -> Iterator[Step]:
        yield from self._stopped(thread, at)
        thread.replied, thread.failed, thread.over, thread.planned = False, None, False, False
        yield TurnStart(at)

    def _on_task_complete(self, thread: _Thread, payload: Any, at: int) -> Iterator[Step]:
        yield from self._stopped(thread, at)
        text = named(payload.last_agent_message)
        if text and not thread.replied:
            yield Reply(at, thread.step_id(None, at), text)
        if thread.failed and not text:
            if not thread.over:
                yield TurnEnd(at, "failed", thread.failed)
        elif thread.planned or (text and "<proposed_plan>" in text):
            yield TurnEnd(at, "asked", "a plan for you to approve")
        else:
            yield TurnEnd(at, "asked" if text and asks(text) else "done")

    def _on_turn_aborted(self, thread: _Thread, payload: Any, at: int) -> Iterator[Step]:
        yield from self._stopped(thread, at)
        if payload.reason == "review_ended":
            yield TurnEnd(at, "done", "the review ended")
        else:
            yield TurnEnd(at, "interrupted", _ABORTED.get(str(payload.reason), "interrupted"))

    def _on_failure(self, thread: _Thread, payload: Any, at: int) -> Iterator[Step]:
        thread.failed, thread.over = named(payload.message) or "the turn failed", True
        yield TurnEnd(at, "failed", thread.failed)

    def _stopped(self, thread: _Thread, at: int) -> Iterator[Step]:
        """The turn is over: what has not returned never will."""
        for call_id in list(thread.calls):
            end = thread.ends.get(call_id) or End("cancelled")
            yield from self._returned(thread, call_id, at, end)

    # What is said

    def _on_user_message(self, thread: _Thread, payload: Any, at: int) -> Iterator[Step]:
        text = named(payload.message) or "(no text)"
        if payload.kind in (None, "plain") and not _PUT_IN.match(text):
            yield self._prompt(thread, at, None, text)

    def _prompt(self, thread: _Thread, at: int, id: Any, text: str) -> Prompt:
        return Prompt(at, thread.step_id(id, at), text, thread.talk.parent or PERSON)

    def _on_message(self, thread: _Thread, payload: Any, at: int) -> Iterator[Step]:
        text = text_of(payload.content)
        if payload.role == "assistant" and text:
            thread.replied = True
            yield Reply(at, thread.step_id(payload.id, at), text)
            if self.bare:
                yield TurnEnd(at, "asked" if asks(text) else "done", "said something; this file has no ends of turns")
        elif payload.role == "user":
            if shell := _SHELL.match(text):
                yield self._prompt(thread, at, payload.id, f"!{shell.group(1)}")
            elif text.startswith("<subagent_notification>"):
                told = json_in(text.removeprefix("<subagent_notification>").partition("</subagent_notification>")[0])
                agent = told.get("agent_id") or told.get("agent_path")
                yield from self._reports(thread, {agent: told.get("status")} if isinstance(agent, str) else {}, at)
            elif self.bare and text and not _PUT_IN.match(text):
                yield self._prompt(thread, at, payload.id, text)

    def _on_reasoning(self, thread: _Thread, payload: Any, at: int) -> Iterator[Step]:
        yield Thinking(at, thread.step_id(payload.id, at), text_of(payload.summary) or text_of(payload.content))

    def _on_token_count(self, thread: _Thread, payload: Any, at: int) -> Iterator[Step]:
        info = payload.info if isinstance(payload.info, dict) else {}
        total, last = counts(info.get("total_token_usage")), counts(info.get("last_token_usage"))
        if total is None or total == thread.total:
            return
        before, thread.total = thread.total, total
        if thread.copying:
            return
        step = tuple(now - then for now, then in zip(total, before or (0,) * 4, strict=True))
        if last is not None and ((before is None and thread.parents) or min(step) < 0):
            step = last  # the total began elsewhere, or anew
        if min(step) >= 0 and max(step) > 0:
            read, write = step[1], step[2]
            tokens = Tokens(max(0, step[0] - read - write), step[3], read, write)
            id = f"{self.source.namespace}{thread.id}:{total[0]}+{total[3]}"
            yield Usage(at, id, tokens, thread.told.get("model"))

    def _on_thread_name(self, thread: _Thread, payload: Any, at: int) -> Iterator[Step]:
        for record in self.source.title(thread.id, payload.thread_name, 0, -at):
            yield About(at, record.fields, {})

    # Tool calls

    def _on_call(self, thread: _Thread, payload: Any, at: int) -> Iterator[Step]:
        given = payload.arguments if payload.arguments is not None else payload.input
        if payload.type == "local_shell_call" and isinstance(payload.action, dict):
            given = {"command": payload.action.get("command")}
        parsed = json_in(given) if payload.type != "custom_tool_call" else {}
        name = named(payload.name) or str(payload.type).removesuffix("_call")
        yield from self._called(thread, named(payload.call_id) or payload.id, name, parsed or given, at)

    def _called(self, thread: _Thread, id: Any, name: str, given: Any, at: int) -> Iterator[Step]:
        call_id = thread.step_id(id, at)
        told: dict[str, Any] = given if isinstance(given, dict) else {}
        thread.calls[call_id] = (name, given)
        thread.over = False
        question = None
        if name == "request_user_input":
            questions = told.get("questions")
            texts = [q.get("question") for q in questions if isinstance(q, dict)] if isinstance(questions, list) else []
            question = " ".join(text for text in texts if isinstance(text, str)) or "a question to you"
        elif name == "spawn_agent":
            task = named(told.get("message")) or text_of(told.get("items"))
            known = named(told.get("task_name")) or call_id
            thread.tasks[known] = (call_id, task, named(told.get("agent_type")))
        yield Call(at, self._row_id(thread, call_id), name, given, asks=question)
        if name == "update_plan":
            yield from _plan(thread, told.get("plan"), at)

    def _row_id(self, thread: _Thread, call_id: str) -> str:
        return f"{self.source.namespace}{thread.id}/{call_id}"

    def _on_once(self, thread: _Thread, payload: Any, at: int) -> Iterator[Step]:
        """A call that is written down when it is over."""
        name = str(payload.type).removesuffix("_call")
        id = thread.step_id(payload.id, at)
        yield from self._called(thread, id, name, payload.action or payload.prompt, at)
        yield from self._returned(thread, id, at, End(STATUS.get(str(payload.status), "ok")))

    def _on_output(self, thread: _Thread, payload: Any, at: int) -> Iterator[Step]:
        call_id = named(payload.call_id)
        if call_id is None:
            raise Malformed("a result of nothing")
        text = text_of(payload.output)
        end, seen = judged(text, payload.output), thread.ends.pop(call_id, None)
        if seen is not None:
            error = end.error or seen.error if seen.status != "ok" else None
            end = seen._replace(output=end.output, error=error)
        name, given = thread.calls.get(call_id, ("", None))
        if end.status == "ok" and not end.files and (found := patched(given)):
            cwd = PurePosixPath(given.get("workdir") or "" if isinstance(given, dict) else "")
            end = end._replace(files=tuple(str(cwd / path) for path in found))
        yield from self._returned(thread, call_id, at, end)
        told = json_in(text)
        if name == "spawn_agent" and (agent := named(told.get("agent_id"))):
            yield from self._spawned(thread, call_id, agent, at)
        elif isinstance(told.get("status"), dict) and name.startswith("wait"):
            yield from self._reports(thread, told["status"], at)

    def _returned(self, thread: _Thread, call_id: str, at: int, end: End) -> Iterator[Step]:
        thread.calls.pop(call_id, None)
        thread.ends.pop(call_id, None)
        thread.returned[call_id] = None
        if len(thread.returned) > 4096:
            thread.returned.popitem(last=False)
        row_id = self._row_id(thread, call_id)
        yield Result(at, row_id, end.status, end.output, end.error, end.duration_ms, end.files)

    def _on_ended(self, thread: _Thread, payload: Any, at: int) -> Iterator[Step]:
        """An event about the end of a call: before its output, after it (in the background), or without any."""
        entry = {name: getattr(payload, name) for name in _ENDED}
        call_id = named(payload.call_id)
        if call_id is not None:
            yield from self._over(thread, call_id, _ENDS[payload.type], entry, at)

    def _over(self, thread: _Thread, call_id: str, name: str, entry: dict[str, Any], at: int) -> Iterator[Step]:
        code, changes = whole(entry.get("exit_code")), entry.get("changes")
        status: Status = STATUS.get(str(entry.get("status")), "ok")
        if status == "ok" and (code or entry.get("success") is False):
            status = "error"
        broken = mcp_error(entry.get("result"))
        if status == "ok" and broken is not None:
            status = "error"
        exit_code = f"exit code {code}" if code else None
        error = None if status == "ok" else named(entry.get("stderr")) or exit_code or broken or status
        files = tuple(sorted(changes)) if isinstance(changes, dict) and status == "ok" else ()
        end = End(status, error, duration(entry), files, entry.get("aggregated_output"))
        if call_id in thread.calls:
            thread.ends[call_id] = end
        elif call_id in thread.returned:
            yield from self._returned(thread, call_id, at, end)
        else:  # made by a script of the agent, or by the person
            given = {key: entry[key] for key in ("command", "invocation", "query") if entry.get(key)}
            yield from self._called(thread, call_id, name, given or list(files) or None, at)
            yield from self._returned(thread, call_id, at, end)

    def _on_item(self, thread: _Thread, payload: Any, at: int) -> Iterator[Step]:
        """Since 2026 most events are items of a turn."""
        item = payload.item if isinstance(payload.item, dict) else {}
        kind, id = item.get("type"), named(item.get("id"))
        if kind == "UserMessage":
            text = text_of(item.get("content"))
            if not _PUT_IN.match(text):
                yield self._prompt(thread, at, id, text or "(no text)")
        elif kind == "Plan":
            thread.planned = True
        elif isinstance(kind, str) and kind in _ITEM_CALLS and id:
            yield from self._over(thread, id, _ITEM_CALLS[kind], item, at)
        elif kind == "CollabAgentToolCall":
            receivers, states = item.get("receiver_thread_ids"), item.get("agents_states")
            if str(item.get("tool")).lower().startswith("spawn") and isinstance(receivers, list) and id:
                for agent in filter(None, map(named, receivers)):
                    yield from self._spawned(thread, id, agent, at, named(item.get("prompt")))
            elif isinstance(states, dict):
                yield from self._reports(thread, states, at)
        elif kind == "SubAgentActivity":
            yield from self._activity(thread, item.get("agent_thread_id"), item.get("agent_path"), at)
        elif f"item/{kind}" not in _SILENT:
            self.source.unknown[f"item/{kind}"[:80]] += 1

    # Subagents

    def _on_spawn_end(self, thread: _Thread, payload: Any, at: int) -> Iterator[Step]:
        agent, call_id = named(payload.new_thread_id), named(payload.call_id)
        if agent and call_id:
            yield from self._spawned(thread, call_id, agent, at, named(payload.prompt), named(payload.new_agent_role))

    def _spawned(
        self, thread: _Thread, call_id: str, agent: str, at: int, task: str | None = None, kind: str | None = None
    ) -> Iterator[Step]:
        known = next((entry for entry in thread.tasks.values() if entry[0] == call_id), (call_id, "", None))
        agent_id = self.source.namespace + agent
        yield Spawn(at, self._row_id(thread, call_id), agent_id, task or known[1], kind or known[2])

    def _on_activity(self, thread: _Thread, payload: Any, at: int) -> Iterator[Step]:
        yield from self._activity(thread, payload.agent_thread_id, payload.agent_path, at)

    def _activity(self, thread: _Thread, agent: Any, path: Any, at: int) -> Iterator[Step]:
        agent, path = named(agent), named(path)
        if agent and path and path not in thread.agents:
            thread.agents[path] = agent
            task = thread.tasks.get(path.rpartition("/")[2])
            yield from self._spawned(thread, task[0] if task else path, agent, at)

    def _on_between_agents(self, thread: _Thread, payload: Any, at: int) -> Iterator[Step]:
        text = text_of(payload.content)
        author = str(payload.author)
        if thread.talk.parent and payload.recipient == thread.path and author not in thread.agents:
            yield self._prompt(thread, at, payload.id, text)
        else:
            yield from self._reports(thread, {author: {"completed": text}}, at, known=True)

    def _reports(self, thread: _Thread, states: Mapping[str, Any], at: int, *, known: bool = False) -> Iterator[Step]:
        """What agents that were waited for came to."""
        for name, state in states.items():
            agent = thread.agents.get(name, name)
            if (known and name not in thread.agents) or agent.startswith("/") or not isinstance(state, dict):
                continue  # it still runs, or nobody said which thread it is
            told = (state["status"], state.get("message")) if "status" in state else next(iter(state.items()), None)
            word, text = told or (None, None)
            if word in ("completed", "errored"):
                yield Return(at, self.source.namespace + agent, named(text), word == "errored")


_Take = Callable[[Rollout, _Thread, Any, int], Iterator[Step]]

_TAKES: Final[dict[str, _Take]] = {
    "turn_context": Rollout._on_turn_context,
    "response_item/message": Rollout._on_message,
    "response_item/reasoning": Rollout._on_reasoning,
    **dict.fromkeys(
        (f"response_item/{name}_call" for name in ("function", "custom_tool", "local_shell", "tool_search")),
        Rollout._on_call,
    ),
    **dict.fromkeys(
        (f"response_item/{name}_output" for name in ("function_call", "custom_tool_call", "tool_search")),
        Rollout._on_output,
    ),
    "response_item/local_shell_call_output": Rollout._on_output,
    "response_item/web_search_call": Rollout._on_once,
    "response_item/image_generation_call": Rollout._on_once,
    "response_item/agent_message": Rollout._on_between_agents,
    "inter_agent_communication": Rollout._on_between_agents,
    "event_msg/task_started": Rollout._on_task_started,
    "event_msg/turn_started": Rollout._on_task_started,
    "event_msg/task_complete": Rollout._on_task_complete,
    "event_msg/turn_complete": Rollout._on_task_complete,
    "event_msg/turn_aborted": Rollout._on_turn_aborted,
    "event_msg/error": Rollout._on_failure,
    "event_msg/user_message": Rollout._on_user_message,
    "event_msg/token_count": Rollout._on_token_count,
    "event_msg/item_completed": Rollout._on_item,
    "event_msg/exec_command_end": Rollout._on_ended,
    "event_msg/patch_apply_end": Rollout._on_ended,
    "event_msg/mcp_tool_call_end": Rollout._on_ended,
    "event_msg/collab_agent_spawn_end": Rollout._on_spawn_end,
    "event_msg/sub_agent_activity": Rollout._on_activity,
    "event_msg/thread_name_updated": Rollout._on_thread_name,
}
"""Type of the line / type of its payload → what it says."""

_SILENT: Final = frozenset(
    "compacted world_state inter_agent_communication_metadata response_item/compaction response_item/ghost_snapshot "
    "event_msg/agent_message event_msg/agent_reasoning event_msg/agent_reasoning_raw_content event_msg/warning "
    "event_msg/context_compacted event_msg/web_search_end event_msg/image_generation_end "
    "event_msg/entered_review_mode event_msg/exited_review_mode event_msg/thread_rolled_back event_msg/stream_error "
    "event_msg/thread_goal_updated event_msg/thread_settings_applied item/AgentMessage item/Reasoning item/Sleep "
    "item/ContextCompaction item/EnteredReviewMode item/ExitedReviewMode item/HookPrompt item/WebSearch item/ImageView "
    "item/ImageGeneration".split()
)
"""Known, and nothing to say: told by another line as well, or not about what an agent does."""

_ENDS: Final = {"exec_command_end": "exec_command", "patch_apply_end": "apply_patch", "mcp_tool_call_end": "mcp"}
_ENDED: Final = (
    *("status", "success", "exit_code", "stderr", "duration", "changes", "command", "aggregated_output"),
    *("result", "invocation"),
)
_ITEM_CALLS: Final = {"CommandExecution": "exec_command", "FileChange": "apply_patch", "McpToolCall": "mcp"}


def _is_ancestor(thread: _Thread, id: str) -> bool:
    """Whether lines of ``id`` at the start of a thread are a copy."""
    if id in thread.parents or thread.copying:
        return True
    other, own = made(id), made(thread.id)
    return other is not None and own is not None and other < own


def _branch(meta: Any) -> Any:
    return meta.git.get("branch") if isinstance(meta.git, dict) else None


def _plan(thread: _Thread, steps: Any, at: int) -> Iterator[Step]:
    """A plan is told whole each time; its steps have no ids, so a step is what it says."""
    seen: Counter[str] = Counter()
    todos = []
    for entry in steps if isinstance(steps, list) else ():
        title = named(entry.get("step")) if isinstance(entry, dict) else None
        if title:
            seen[title] += 1
            digest = blake2b(f"{thread.id}\0{title}\0{seen[title]}".encode(), digest_size=6).hexdigest()
            todos.append(Todo(digest, title, str(entry.get("status"))))
    if isinstance(steps, list):
        yield Plan(at, tuple(todos))
