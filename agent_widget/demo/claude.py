"""A session of Claude Code, and its subagents: the transcripts below ``projects/``.

Lines have the shapes of version 2.1.2xx: one block of an answer each, all blocks of one answer with its id and usage.
"""

from __future__ import annotations

import string
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from .coder import Coder, Life, options, patch
from .files import Json, compact, iso
from .jobs import CLAUDE_JOBS, Step, steps

CWD: Final = "/workspace/skylark"
PROJECT: Final = "projects/-workspace-skylark"
VERSION: Final = "2.1.220"
MODEL: Final = "claude-opus-4-1-20250805"
HELPER_MODEL: Final = "claude-haiku-4-5-20251001"
OVERLOADED: Final = 0.03
"""How often the model has to be asked twice."""


@dataclass(slots=True)
class _Thread:
    """The main agent of a session, or a subagent."""

    path: Path
    model: str
    about: Json
    """What every line of it says."""
    last: str | None = None
    """The line before."""
    answer: Json | None = None
    """The answer of the model that is being written: id, model and usage."""
    cached: int = 0
    fresh: int = 0
    """Tokens of its context that are in the model's cache, and those that came since."""
    calls: int = 0
    began: int = 0
    tools: dict[str, tuple[str, Json]] = field(default_factory=dict)


class ClaudeCode(Coder):
    """Claude Code, at work in skylark."""

    jobs = CLAUDE_JOBS

    def open(self, title: str) -> None:
        """A new transcript."""
        self.session = self.uuid()
        self.thread = self._thread(self.home / PROJECT / f"{self.session}.jsonl", MODEL, 18_000)
        self.title: str | None = title

    def _thread(self, path: Path, model: str, context: int, **more: Any) -> _Thread:
        about: Json = {"isSidechain": bool(more), "userType": "external", "cwd": CWD, "sessionId": self.session}
        about |= {"version": VERSION, "gitBranch": "main"}
        return _Thread(path, model, about | more, fresh=context, began=self.now)

    def prompted(self, text: str) -> None:
        """A prompt, typed; the first one of a session gives it a title."""
        self.thread.began, self.thread.fresh = self.now, self.thread.fresh + len(text)
        self._line("user", {"message": {"role": "user", "content": text}, "permissionMode": "acceptEdits"})
        if self.title:
            title = {"type": "ai-title", "aiTitle": self.title, "sessionId": self.session}
            self.append(self.thread.path, title)
            self.title = None

    def think(self, text: str) -> None:
        """A block of thinking."""
        self._block({"type": "thinking", "thinking": text, "signature": self.key(64, _LETTERS)})

    def say(self, text: str, *, last: bool) -> None:
        """A block of text; after the last one of a turn the time that it took."""
        thread = self.thread
        self._block({"type": "text", "text": text}, "end_turn" if last else "tool_use")
        if last:
            thread.answer = None
            if "agentId" not in thread.about:
                took = {"durationMs": self.now - thread.began, "messageCount": thread.calls * 2, "isMeta": False}
                self._line("system", {"subtype": "turn_duration", **took})

    def call(self, step: Step) -> str:
        """A block of tool use."""
        return self._call(*self._tool(step))

    def returned(self, step: Step, call: str) -> None:
        """The result, as the model gets it, and what Claude Code notes of it."""
        name, given = self.thread.tools.pop(call)
        text = step.text
        told: Any = {}
        if step.verb == "fail":
            text = f"Exit code 1\n{text}"
            told = f"Error: {text}"
        elif name == "Bash":
            told = {"stdout": text, "stderr": "", "interrupted": False, "isImage": False}
        elif name == "Read":
            told = {"filePath": given["file_path"], "content": text, "numLines": len(step.below), "startLine": 1}
            told = {"type": "text", "file": told | {"totalLines": len(step.below)}}
            text = "\n".join(f"{number:6}→{line}" for number, line in enumerate(step.below, 1))
        elif name == "Grep":
            told = {"mode": "content", "numLines": len(step.below), "content": text}
        elif name == "TodoWrite":
            text = "Todos have been modified successfully. Proceed with the current tasks."
            told = {"newTodos": given["todos"]}
        elif name == "AskUserQuestion":
            answers = {given["questions"][0]["question"]: options(step)[1]}
            text = f'User has answered your questions: "{step.about}"="{options(step)[1]}".'
            told = {"questions": given["questions"], "answers": answers}
        else:
            text = f"The file {given['file_path']} has been updated."
            told = {"filePath": given["file_path"], "userModified": False}
        self._result(call, text, told, error=step.verb == "fail")

    def _tool(self, step: Step) -> tuple[str, Json]:
        file = f"{CWD}/{step.about}"
        match step.verb:
            case "read":
                return "Read", {"file_path": file}
            case "grep":
                return "Grep", {"pattern": step.about, "path": CWD, "output_mode": "content", "-n": True}
            case "write":
                return "Write", {"file_path": file, "content": step.text.rstrip("\n") + "\n"}
            case "edit":
                old, new = patch(step.below)
                return "Edit", {"file_path": file, "old_string": old, "new_string": new, "replace_all": False}
            case "ask":
                asked = {"question": step.about, "header": "Decision", "multiSelect": False}
                return "AskUserQuestion", {"questions": [asked | {"options": options(step)[0]}]}
            case "plan" | "next":
                return "TodoWrite", {"todos": [todo | {"activeForm": todo["content"]} for todo in self.todos]}
            case _:
                return "Bash", {"command": step.about, "description": f"Run {step.about.partition(' ')[0]}"}

    def delegate(self, step: Step) -> Life:
        """A subagent with a transcript of its own; the main agent waits for it."""
        asked, *work = steps(step.below)
        given = {"description": step.about, "prompt": asked.about, "subagent_type": "Explore"}
        call, main, short = self._call("Agent", given), self.thread, "a" + self.key(16)
        path = main.path.with_suffix("") / "subagents" / f"agent-{short}.jsonl"
        helper = self.thread = self._thread(path, HELPER_MODEL, 9_000, agentId=short)
        path.parent.mkdir(parents=True, exist_ok=True)
        sidecar = {"agentType": "Explore", "description": step.about, "toolUseId": call, "spawnDepth": 1}
        path.with_suffix(".meta.json").write_text(compact(sidecar), "utf-8")
        self._line("user", {"message": {"role": "user", "content": asked.about}})
        yield from self.work(work)
        yield 0.2
        self.thread = main
        content = [{"type": "text", "text": work[-1].about}]
        told: Json = {"status": "completed", "prompt": asked.about, "agentId": short, "agentType": "Explore"}
        told |= {"content": content, "totalDurationMs": self.now - helper.began, "totalToolUseCount": helper.calls}
        main.tools.pop(call)
        self._result(call, work[-1].about, told | {"totalTokens": helper.cached})

    def _call(self, name: str, given: Json) -> str:
        call = f"toolu_01{self.key(22, _LETTERS)}"
        self.thread.tools[call] = name, given
        self.thread.calls += 1
        caller = {"type": "direct"}
        self._block({"type": "tool_use", "id": call, "name": name, "input": given, "caller": caller})
        return call

    def _result(self, call: str, text: str, told: Any, *, error: bool = False) -> None:
        block = {"tool_use_id": call, "type": "tool_result", "content": text} | ({"is_error": True} if error else {})
        more = {"toolUseResult": told, "sourceToolAssistantUUID": self.thread.last}
        self._line("user", {"message": {"role": "user", "content": [block]}, **more})
        self.thread.answer = None
        # what is shown here is short; the files of a real project are not
        self.thread.fresh += len(text) // 3 + self.rng.randint(300, 2200)

    def _block(self, block: Json, stop: str = "tool_use") -> None:
        thread = self.thread
        if thread.answer is None:
            if self.rng.random() < OVERLOADED:
                error = {"status": 529, "error": {"type": "overloaded_error", "message": "Overloaded"}}
                tries = {"retryInMs": 520.0, "retryAttempt": 1, "maxRetries": 10}
                self._line("system", {"subtype": "api_error", "level": "error", "error": error, **tries})
            output = self.rng.randint(90, 800)
            usage: Json = {"input_tokens": self.rng.randint(2, 9), "cache_creation_input_tokens": thread.fresh}
            usage |= {"cache_read_input_tokens": thread.cached, "output_tokens": output, "service_tier": "standard"}
            usage["cache_creation"] = {"ephemeral_5m_input_tokens": thread.fresh, "ephemeral_1h_input_tokens": 0}
            thread.answer = {"id": f"msg_01{self.key(22, _LETTERS)}", "model": thread.model, "usage": usage}
            thread.cached, thread.fresh = thread.cached + thread.fresh, output
        message = {"type": "message", "role": "assistant", "content": [block], **thread.answer}
        message |= {"stop_reason": stop, "stop_sequence": None}
        self._line("assistant", {"message": message, "requestId": f"req_{message['id'][4:]}"})

    def _line(self, kind: str, fields: Json) -> None:
        thread, id = self.thread, self.uuid()
        row = {"parentUuid": thread.last, **thread.about, "type": kind, **fields}
        self.append(thread.path, row | {"uuid": id, "timestamp": iso(self.now)})
        thread.last = id


_LETTERS: Final = string.ascii_letters + string.digits
