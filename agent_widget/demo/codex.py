"""A session of OpenAI Codex: a rollout below ``sessions/``, with lines in the shapes of version 0.135."""

from __future__ import annotations

import string
from typing import Any, Final

from .coder import Coder, options
from .files import Json, compact, iso
from .jobs import CODEX_JOBS, Step

CWD: Final = "/workspace/skylark-web"
MODEL: Final = "gpt-5-codex"
WINDOW: Final = 272_000


class Codex(Coder):
    """Codex, at work in another checkout of skylark."""

    jobs = CODEX_JOBS

    def open(self, title: str) -> None:
        """A new rollout."""
        thread, at = self.uuid(7), iso(self.now)
        day, clock = at[:10], at[11:19].replace(":", "-")
        name = f"rollout-{day}T{clock}-{thread}.jsonl"
        self.path = self.home.joinpath("sessions", *day.split("-"), name)
        self._context, self._cached, self._totals = 11_000, 0, dict.fromkeys(_COUNTS, 0)
        git = {"commit_hash": self.key(40), "branch": "live-page"}
        meta: Json = {"id": thread, "timestamp": at, "cwd": CWD, "originator": "codex-tui", "cli_version": "0.135.0"}
        self._line("session_meta", meta | {"source": "cli", "model_provider": "openai", "git": git})

    def prompted(self, text: str) -> None:
        """A turn begins."""
        self.turn, self._began = self.uuid(7), self.now
        self._event("task_started", turn_id=self.turn, started_at=self.now // 1000, model_context_window=WINDOW)
        policy = {"approval_policy": "on-request", "sandbox_policy": {"type": "workspace-write"}}
        self._line("turn_context", {"turn_id": self.turn, "cwd": CWD, **policy, "model": MODEL, "effort": "medium"})
        self._item("message", role="user", content=[{"type": "input_text", "text": text}])
        self._event("user_message", message=text, images=[], local_images=[])
        self._context += len(text)

    def think(self, text: str) -> None:
        """A summary of its reasoning; the rest is enciphered."""
        summary = [{"type": "summary_text", "text": text}]
        self._item("reasoning", summary=summary, content=None, encrypted_content=f"gAAAAA{self.key(58, _LETTERS)}")

    def say(self, text: str, *, last: bool) -> None:
        """A message; with the last one the turn is complete."""
        phase = "final_answer" if last else "commentary"
        self._event("agent_message", message=text, phase=phase)
        self._item("message", role="assistant", content=[{"type": "output_text", "text": text}], phase=phase)
        if last:
            self._billed()
            took = {"completed_at": self.now // 1000, "duration_ms": self.now - self._began}
            self._event("task_complete", turn_id=self.turn, last_agent_message=text, **took)

    def call(self, step: Step) -> str:
        """A function call, or a patch."""
        id, name = f"call_{self.key(24, _LETTERS)}", "exec_command"
        if step.verb in ("edit", "write"):
            kind, lines = (
                ("Update", ["@@", *step.below]) if step.verb == "edit" else ("Add", [f"+{x}" for x in step.below])
            )
            text = "\n".join(["*** Begin Patch", f"*** {kind} File: {step.about}", *lines, "*** End Patch"])
            self._item("custom_tool_call", name="apply_patch", input=text, call_id=id, status="completed")
        else:
            given: Json = {"cmd": step.about, "workdir": CWD}
            match step.verb:
                case "read":
                    given["cmd"] = f"sed -n '1,200p' {step.about}"
                case "grep":
                    given["cmd"] = f"rg -n '{step.about}' skylark"
                case "ask":
                    asked = {"id": "decision", "header": "Decision", "question": step.about}
                    name, given = "request_user_input", {"questions": [asked | {"options": options(step)[0]}]}
                case "plan" | "next":
                    plan = [{"step": todo["content"], "status": todo["status"]} for todo in self.todos]
                    name, given = "update_plan", {"plan": plan}
            self._item("function_call", name=name, arguments=compact(given), call_id=id)
        self._billed()
        return id

    def returned(self, step: Step, call: str) -> None:
        """What the call came to."""
        kind = "function_call_output"
        match step.verb:
            case "edit" | "write":
                kind, letter = "custom_tool_call_output", "M" if step.verb == "edit" else "A"
                done = f"Success. Updated the following files:\n{letter} {step.about}\n"
                output = compact({"output": done, "metadata": {"exit_code": 0, "duration_seconds": 0.0}})
            case "ask":
                output = compact({"answers": {"decision": {"answers": [options(step)[1]]}}})
            case "plan" | "next":
                output = "Plan updated"
            case verb:
                head = f"Chunk ID: {self.key(6)}\nWall time: {self.between(0, 2):.4f} seconds\n"
                output = f"{head}Process exited with code {int(verb == 'fail')}\nOutput:\n{step.text}\n"
        self._item(kind, call_id=call, output=output)
        self._context += len(output) // 3 + self.rng.randint(300, 1800)

    def _billed(self) -> None:
        """An answer of the model: what it took, and what all of them took."""
        output = self.rng.randint(80, 700)
        counts = (self._context, self._cached, output, output // 3, self._context + output)
        last = dict(zip(_COUNTS, counts, strict=True))
        self._totals = {name: count + last[name] for name, count in self._totals.items()}
        self._cached = self._context // 128 * 128
        self._context += output
        info = {"total_token_usage": self._totals, "last_token_usage": last, "model_context_window": WINDOW}
        limits = {"limit_id": "codex", "primary": {"used_percent": 12.0, "window_minutes": 300}}
        self._event("token_count", info=info, rate_limits=limits)

    def _item(self, kind: str, **fields: Any) -> None:
        self._line("response_item", {"type": kind, **fields})

    def _event(self, kind: str, **fields: Any) -> None:
        self._line("event_msg", {"type": kind, **fields})

    def _line(self, kind: str, payload: Json) -> None:
        self.append(self.path, {"timestamp": iso(self.now), "type": kind, "payload": payload})


_COUNTS: Final = "input_tokens cached_input_tokens output_tokens reasoning_output_tokens total_tokens".split()
_LETTERS: Final = string.ascii_letters + string.digits
