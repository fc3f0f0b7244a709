"""A model's API on loopback that plays scripts, bills tokens that it knows, and writes down what it did.

``python -m tests.real_agents.stub PORT LOG`` answers ``/AGENT/…`` in the four dialects that agents speak: chat
completions, responses, messages, generateContent. It writes a line of JSON into LOG for each answer: ``begin`` (with
the calls in it), ``billed``, ``error`` or ``cut`` (the agent went away).
"""

from __future__ import annotations

import asyncio
import json
import re
import sys
import time
import uuid
from collections import Counter
from pathlib import Path
from typing import Any, Final, NamedTuple

from tornado.iostream import StreamClosedError
from tornado.web import Application, RequestHandler

from .scripts import MARK, SCRIPTS, Turns, position
from .tools import Calls, Tools, calls

_THOUGHT: Final = "thinking about the prices. "


def now() -> int:
    """Return the time in ms since the epoch."""
    return time.time_ns() // 1_000_000


class Answer(NamedTuple):
    """What the model says next."""

    facts: dict[str, Any]
    think: float
    text: str
    calls: Calls
    use: dict[str, int]


class Model:
    """The model: all its answers are counted, so that each is billed differently."""

    def __init__(self, log: Path) -> None:
        self.log = log.open("a", buffering=1)
        self.answers = 0
        self.tries: Counter[tuple[Any, ...]] = Counter()

    def write(self, what: str, facts: dict[str, Any], **more: Any) -> None:
        """Write a line into the log."""
        self.log.write(json.dumps({"at": now(), "what": what, **facts, **more}) + "\n")

    def answer(self, agent: str, turns: Turns, tools: Tools, body: Any) -> Answer | int:
        """Return the next answer, or the code of an error."""
        name, step, played = position(turns)
        said = next((text for kind, text in reversed(turns) if kind == "user"), "")
        side = None
        asked_beside = turns[-1][0] == "user" and not MARK.search(said[-300:]) and "<task-notification>" not in said
        if asked_beside and re.search("summar|compact", said[-6000:], re.IGNORECASE):
            side = "summary"
        elif asked_beside and agent == "qwen":
            side = "memory"
        elif name not in SCRIPTS:
            side = "none"
        elif not tools or "Generate a concise, single-line task title" in said:
            side = "side"
        facts: dict[str, Any] = {"agent": agent, "script": name, "step": step, "side": side}
        think, text, made = 0.0, "", Calls()
        if side is not None:
            text = _beside(agent, side, json.dumps(body, ensure_ascii=False))
        else:
            steps = SCRIPTS[name or ""]
            playing = steps[min(step, len(steps) - 1)]
            while playing["kind"] != "text" and not (made := calls(agent, tools, playing, turns)):
                step += 1  # a step for which this agent has no tool is left out
                playing = steps[min(step, len(steps) - 1)]
            facts["step"] = step
            errors = [code for code in playing.get("errors", ()) if agent != "codex" or code != 429]
            tried = (agent, name, step, played, len(turns))
            self.tries[tried] += 1
            if self.tries[tried] <= len(errors):
                code = errors[self.tries[tried] - 1]
                self.write("error", facts, code=code)
                return int(code)
            think = playing.get("think", 0)
            text = playing.get("say", "") if made else playing.get("text", "")
            if name == "subwork" and not made and "complete_task" in tools:  # a subagent of Gemini ends so
                text, made = "", [("complete_task", _completed(tools, text))]
        self.answers += 1
        n = self.answers
        facts["n"] = n
        self.write("begin", facts, calls=[call for call, _ in made])
        use = {"input": 1000 + 7 * n, "cached": 100 + n, "written": 50 + n, "output": 30 + n, "reasoning": 11}
        return Answer(facts, think, text, made, use)

    def bill(self, answer: Answer, model: str, *, writes_cache: bool = False) -> None:
        """Write down what an answer cost: input without what came from the cache, output with reasoning."""
        use = answer.use
        written = use["written"] if writes_cache else 0
        billed = {"input": use["input"], "cache_read": use["cached"], "cache_write": written, "output": use["output"]}
        self.write("billed", answer.facts, model=model, billed=billed)


def _beside(agent: str, side: str, asked: str) -> str:
    """Return an answer that is no part of the conversation: a title, a summary, a routing."""
    if '"title"' in asked and any(word in asked for word in ("json_schema", "output_config", "output_format")):
        return '{"title": "Rounding the prices"}'
    if "isNewTopic" in asked:
        return '{"isNewTopic": true, "title": "Rounding the prices"}'
    if "next_speaker" in asked:
        return '{"reasoning": "it is done", "next_speaker": "user"}'
    if "complexity_score" in asked or "complexity_reasoning" in asked:
        return '{"complexity_reasoning": "simple", "complexity_score": 10}'
    if side == "summary":
        text = "Summary: the prices of the shop were rounded."
        return f"<state_snapshot><overall_goal>{text}</overall_goal></state_snapshot>" if agent == "gemini" else text
    return "Rounding the prices"


def _completed(tools: Tools, text: str) -> dict[str, Any]:
    fields = (tools["complete_task"].get("properties") or {}) or {"result": {}}
    plain = {name: field for name, field in fields.items() if field.get("type") != "boolean"}
    return {name: {"response": text} if field.get("type") == "object" else text for name, field in plain.items()}


def _text(content: Any) -> str:
    if isinstance(content, list):
        return "\n".join(map(_text, content))
    return _text(content.get("text") or content.get("content") or "") if isinstance(content, dict) else content or ""


def _id(answer: Answer, place: int, kind: str = "call") -> str:
    return f"{kind}_s{answer.facts['step']}x{place}{uuid.uuid4().hex[:12]}"


class Dialect(RequestHandler):
    """One kind of API: reads a request into turns and tools, and writes an answer as the agent expects it."""

    model: Model
    agent: str
    streams = True

    def initialize(self, model: Model) -> None:
        """Take the model that answers."""
        self.model = model

    async def post(self, agent: str, *rest: str) -> None:
        """Answer a request."""
        self.agent, self.body = agent, json.loads(self.request.body)
        self.streams = bool(self.body.get("stream"))
        turns, tools = self.read()
        answer = self.model.answer(agent, turns, tools, self.body)
        if isinstance(answer, int):
            self.set_status(answer)
            if answer == 429:
                self.set_header("retry-after", "1")
            self.finish(self.error(answer))
            return
        try:
            if self.streams:
                self.set_header("content-type", "text/event-stream")
                await self.stream(answer)
            else:
                await asyncio.sleep(answer.think)
                self.finish(self.whole(answer))
            self.model.bill(answer, self.name, writes_cache=isinstance(self, Messages))
        except (StreamClosedError, asyncio.CancelledError):
            self.model.write("cut", answer.facts)

    @property
    def name(self) -> str:
        """The model that was asked for."""
        return str(self.body.get("model"))

    def read(self) -> tuple[Turns, Tools]:
        """Return the conversation so far and the tools that may be called."""
        raise NotImplementedError

    def error(self, code: int) -> dict[str, Any]:
        """Return the body of an error."""
        return {"error": {"message": f"stub says {code}", "type": "server_error", "code": str(code)}}

    def whole(self, answer: Answer) -> dict[str, Any]:
        """Return an answer in one piece."""
        raise NotImplementedError

    async def stream(self, answer: Answer) -> None:
        """Write an answer piece by piece."""
        raise NotImplementedError

    async def put(self, data: Any, event: str | None = None) -> None:
        """Write one event."""
        text = data if isinstance(data, str) else json.dumps(data)
        self.write((f"event: {event}\n" if event else "") + f"data: {text}\n\n")
        await self.flush()

    async def thoughts(self, answer: Answer) -> Any:
        """Yield thoughts, one every half second."""
        for _ in range(int(answer.think * 2)):
            yield _THOUGHT
            await asyncio.sleep(0.5)


class Chat(Dialect):
    """Chat completions: Copilot, Kimi Code, OpenCode, Pi, Qwen."""

    def read(self) -> tuple[Turns, Tools]:
        """Return the conversation and the tools."""
        turns: Turns = []
        for message in self.body["messages"]:
            text = _text(message.get("content"))
            if message["role"] == "assistant":
                made = message.get("tool_calls") or []
                turns += [("call", call["id"]) for call in made] or [("text", text)]
            elif message["role"] in ("user", "tool"):
                turns.append(("user" if message["role"] == "user" else "result", text))
        offered = self.body.get("tools") or []
        return turns, {tool["function"]["name"]: tool["function"].get("parameters") or {} for tool in offered}

    def _usage(self, answer: Answer) -> dict[str, Any]:
        use = answer.use
        given = use["input"] + use["cached"]
        return {
            "prompt_tokens": given,
            "completion_tokens": use["output"],
            "total_tokens": given + use["output"],
            "prompt_tokens_details": {"cached_tokens": use["cached"]},
            "completion_tokens_details": {"reasoning_tokens": use["reasoning"]},
        }

    def _calls(self, answer: Answer) -> list[dict[str, Any]]:
        return [
            {
                "index": n,
                "id": _id(answer, n),
                "type": "function",
                "function": {"name": name, "arguments": json.dumps(given)},
            }
            for n, (name, given) in enumerate(answer.calls)
        ]

    def _base(self, kind: str) -> dict[str, Any]:
        return {"id": f"chatcmpl-{uuid.uuid4().hex[:16]}", "object": kind, "created": now() // 1000, "model": self.name}

    def whole(self, answer: Answer) -> dict[str, Any]:
        """Return an answer in one piece."""
        message: dict[str, Any] = {"role": "assistant", "content": answer.text or None}
        if made := self._calls(answer):
            message["tool_calls"] = made
        choice = {"index": 0, "message": message, "finish_reason": "tool_calls" if made else "stop"}
        return {**self._base("chat.completion"), "choices": [choice], "usage": self._usage(answer)}

    async def stream(self, answer: Answer) -> None:
        """Write an answer piece by piece."""
        base = self._base("chat.completion.chunk")

        async def delta(given: dict[str, Any], finish: str | None = None) -> None:
            await self.put({**base, "choices": [{"index": 0, "delta": given, "finish_reason": finish}]})

        await delta({"role": "assistant", "content": ""})
        async for thought in self.thoughts(answer):
            await delta({"reasoning_content": thought})
        for word in re.findall(r"\S+\s*", answer.text):
            await delta({"content": word})
        for call in self._calls(answer):
            await delta({"tool_calls": [call]})
        await delta({}, "tool_calls" if answer.calls else "stop")
        await self.put({**base, "choices": [], "usage": self._usage(answer)})
        await self.put("[DONE]")


class Messages(Dialect):
    """Messages: Claude Code."""

    def read(self) -> tuple[Turns, Tools]:
        """Return the conversation and the tools."""
        turns: Turns = []
        for message in self.body["messages"]:
            content = message["content"]
            for part in content if isinstance(content, list) else [{"type": "text", "text": content}]:
                if part["type"] == "tool_use":
                    turns.append(("call", part["id"]))
                elif part["type"] == "tool_result":
                    turns.append(("result", _text(part.get("content"))))
                elif part["type"] == "text":
                    by_user = message["role"] == "user"
                    if not by_user or "<system-reminder>" not in part["text"] or MARK.search(part["text"]):
                        turns.append(("user" if by_user else "text", part["text"]))
        return turns, {tool["name"]: tool.get("input_schema") or {} for tool in self.body.get("tools") or []}

    def error(self, code: int) -> dict[str, Any]:
        """Return the body of an error."""
        kind = {429: "rate_limit_error", 400: "invalid_request_error"}.get(code, "api_error")
        return {"type": "error", "error": {"type": kind, "message": f"stub says {code}"}}

    def _message(self, answer: Answer) -> dict[str, Any]:
        use = answer.use
        usage = {
            "input_tokens": use["input"],
            "cache_read_input_tokens": use["cached"],
            "cache_creation_input_tokens": use["written"],
            "cache_creation": {"ephemeral_5m_input_tokens": use["written"], "ephemeral_1h_input_tokens": 0},
            "output_tokens": use["output"],
            "service_tier": "standard",
        }
        blocks: list[dict[str, Any]] = []
        if answer.think:
            blocks.append({"type": "thinking", "thinking": _THOUGHT * int(answer.think * 2), "signature": "c3R1Yg=="})
        if answer.text:
            blocks.append({"type": "text", "text": answer.text})
        for place, (name, given) in enumerate(answer.calls):
            blocks.append({"type": "tool_use", "id": _id(answer, place, "toolu"), "name": name, "input": given})
        return {
            "id": f"msg_{uuid.uuid4().hex[:20]}",
            "type": "message",
            "role": "assistant",
            "model": self.name,
            "content": blocks,
            "stop_reason": "tool_use" if answer.calls else "end_turn",
            "stop_sequence": None,
            "usage": usage,
        }

    def whole(self, answer: Answer) -> dict[str, Any]:
        """Return an answer in one piece."""
        return self._message(answer)

    async def stream(self, answer: Answer) -> None:
        """Write an answer piece by piece."""
        message = self._message(answer)
        started = {**message, "content": [], "stop_reason": None, "usage": {**message["usage"], "output_tokens": 1}}

        async def put(kind: str, **more: Any) -> None:
            await self.put({"type": kind, **more}, kind)

        await put("message_start", message=started)
        for index, block in enumerate(message["content"]):
            kind = block["type"]
            empty = {"thinking": {"thinking": "", "signature": ""}, "text": {"text": ""}, "tool_use": {"input": {}}}[
                kind
            ]
            await put("content_block_start", index=index, content_block={**block, **empty})

            async def delta(at: int = index, **given: Any) -> None:
                await put("content_block_delta", index=at, delta=given)

            if kind == "thinking":
                async for thought in self.thoughts(answer):
                    await delta(type="thinking_delta", thinking=thought)
                await delta(type="signature_delta", signature=block["signature"])
            elif kind == "text":
                for word in re.findall(r"\S+\s*", block["text"]):
                    await delta(type="text_delta", text=word)
            else:
                await delta(type="input_json_delta", partial_json=json.dumps(block["input"]))
            await put("content_block_stop", index=index)
        ended = {"stop_reason": message["stop_reason"], "stop_sequence": None}
        await put("message_delta", delta=ended, usage=message["usage"])
        await put("message_stop")


class Responses(Dialect):
    """Responses: Codex."""

    def read(self) -> tuple[Turns, Tools]:
        """Return the conversation and the tools, also those of code mode, which are called from a script."""
        given = self.body["input"]
        items = given if isinstance(given, list) else [{"type": "message", "role": "user", "content": given}]
        turns: Turns = []
        tools: Tools = {}

        def offer(offered: Any, namespace: str | None = None) -> None:
            for tool in offered or ():
                if tool.get("type") == "namespace":
                    offer(tool.get("tools"), tool["name"])
                else:
                    known = {"_type": tool["type"], "_namespace": namespace}
                    tools[tool.get("name") or tool["type"]] = {**(tool.get("parameters") or {}), **known}

        offer(self.body.get("tools"))
        for item in items:
            kind = item.get("type", "message")
            if kind == "additional_tools":
                offer(item["tools"])
            elif kind == "message" and item["role"] in ("user", "assistant"):
                turns.append(("user" if item["role"] == "user" else "text", _text(item["content"])))
            elif kind.endswith("_call"):
                turns.append(("call", item.get("call_id") or ""))
            elif kind.endswith("_output"):
                turns.append(("result", _text(item.get("output"))))
        if "exec" in tools:
            fields = {
                "exec_command": ("cmd", "yield_time_ms", "sandbox_permissions"),
                "request_user_input": ("questions",),
            }
            for name in (*fields, *re.findall(r"### `(\w+)`", json.dumps(self.body))):
                inner = {"properties": {field: {} for field in fields.get(name, ())}, "_code": True}
                tools.setdefault(name, {**inner, "_type": "custom" if name == "apply_patch" else "function"})
        self.tools = tools
        return turns, tools

    def _usage(self, answer: Answer) -> dict[str, Any]:
        use = answer.use
        given = use["input"] + use["cached"]
        return {
            "input_tokens": given,
            "input_tokens_details": {"cached_tokens": use["cached"]},
            "output_tokens": use["output"],
            "output_tokens_details": {"reasoning_tokens": use["reasoning"]},
            "total_tokens": given + use["output"],
        }

    def _items(self, answer: Answer) -> list[dict[str, Any]]:
        items: list[dict[str, Any]] = []
        if answer.think:
            thought = {"type": "summary_text", "text": _THOUGHT * int(answer.think * 2)}
            items.append({"type": "reasoning", "summary": [thought], "encrypted_content": None})
        if answer.text:
            part = {"type": "output_text", "text": answer.text, "annotations": []}
            items.append({"type": "message", "role": "assistant", "status": "completed", "content": [part]})
        for place, (name, given) in enumerate(self._in_code(answer.calls)):
            item = {"call_id": _id(answer, place), "name": name, "status": "completed"}
            if isinstance(given, str):
                item |= {"type": "custom_tool_call", "input": given}
            else:
                item |= {"type": "function_call", "arguments": json.dumps(given)}
            if namespace := self.tools.get(name, {}).get("_namespace"):
                item["namespace"] = namespace
            items.append(item)
        return [{**item, "id": f"{item['type'][:2]}_{uuid.uuid4().hex[:12]}"} for item in items]

    def _in_code(self, made: Calls) -> Calls:
        coded = any(self.tools.get(name, {}).get("_code") or name not in self.tools for name, _ in made)
        if "exec" not in self.tools or not coded:
            return made
        lines = [f"tools.{name}({json.dumps(given)})" for name, given in made]
        return [("exec", f"for (const r of await Promise.all([{', '.join(lines)}])) text(r.output ?? r);\n")]

    async def stream(self, answer: Answer) -> None:
        """Write an answer piece by piece."""
        sent = 0

        async def put(kind: str, **more: Any) -> None:
            nonlocal sent
            sent += 1
            await self.put({"type": kind, "sequence_number": sent, **more}, kind)

        usual = {"error": None, "incomplete_details": None, "instructions": None, "metadata": {}, "tools": []}
        base = {"id": f"resp_{uuid.uuid4().hex[:16]}", "object": "response", "created_at": now() // 1000, **usual}
        base |= {"model": self.name, "parallel_tool_calls": True, "temperature": 1, "tool_choice": "auto", "top_p": 1}
        await put("response.created", response={**base, "status": "in_progress", "output": [], "usage": None})
        items = self._items(answer)
        for index, item in enumerate(items):
            empty: dict[str, Any] = {"reasoning": {"summary": []}, "message": {"content": []}}.get(item["type"], {})
            await put("response.output_item.added", output_index=index, item={**item, **empty})
            where = {"item_id": item["id"], "output_index": index}
            if item["type"] == "reasoning":
                part = {"type": "summary_text", "text": ""}
                await put("response.reasoning_summary_part.added", **where, summary_index=0, part=part)
                async for thought in self.thoughts(answer):
                    await put("response.reasoning_summary_text.delta", **where, summary_index=0, delta=thought)
            elif item["type"] == "message":
                part = {"type": "output_text", "text": "", "annotations": []}
                await put("response.content_part.added", **where, content_index=0, part=part)
                for word in re.findall(r"\S+\s*", answer.text):
                    await put("response.output_text.delta", **where, content_index=0, delta=word)
                await put("response.output_text.done", **where, content_index=0, text=answer.text)
            await put("response.output_item.done", output_index=index, item=item)
        completed = {**base, "status": "completed", "output": items, "usage": self._usage(answer)}
        await put("response.completed", response=completed)


class Gemini(Dialect):
    """generateContent: Gemini CLI."""

    async def post(self, agent: str, *rest: str) -> None:
        """Answer a request; ``rest`` ends with the model and what it shall do."""
        self._model, verb = rest[-2:]
        if verb == "countTokens":
            self.finish({"totalTokens": 1234})
            return
        self.request.body = json.dumps({**json.loads(self.request.body), "stream": verb.startswith("stream")}).encode()
        await super().post(agent)

    @property
    def name(self) -> str:
        """The model that was asked for."""
        return self._model

    def read(self) -> tuple[Turns, Tools]:
        """Return the conversation and the tools."""
        turns: Turns = []
        for number, content in enumerate(self.body["contents"]):
            for part in content["parts"]:
                if "functionCall" in part:
                    turns.append(("call", part["functionCall"].get("id") or f"call_g{number}"))
                elif "functionResponse" in part:
                    turns.append(("result", json.dumps(part["functionResponse"].get("response"))))
                elif "text" in part and not part.get("thought"):
                    turns.append(("user" if content.get("role", "user") == "user" else "text", part["text"]))
        declared = [f for tool in self.body.get("tools") or () for f in tool.get("functionDeclarations") or ()]
        return turns, {f["name"]: f.get("parametersJsonSchema") or f.get("parameters") or {} for f in declared}

    def error(self, code: int) -> dict[str, Any]:
        """Return the body of an error."""
        status = {429: "RESOURCE_EXHAUSTED", 400: "INVALID_ARGUMENT"}.get(code, "INTERNAL")
        return {"error": {"code": code, "message": f"stub says {code}", "status": status}}

    def whole(self, answer: Answer) -> dict[str, Any]:
        """Return an answer in one piece."""
        use = answer.use
        parts: list[dict[str, Any]] = [{"text": answer.text}] if answer.text else []
        for place, (name, given) in enumerate(answer.calls):
            parts.append({"functionCall": {"id": _id(answer, place), "name": name, "args": given}})
        usage = {
            "promptTokenCount": use["input"] + use["cached"],
            "cachedContentTokenCount": use["cached"],
            "candidatesTokenCount": use["output"] - use["reasoning"],
            "thoughtsTokenCount": use["reasoning"],
            "totalTokenCount": use["input"] + use["cached"] + use["output"],
        }
        candidate = {"index": 0, "content": {"role": "model", "parts": parts}, "finishReason": "STOP"}
        return {**self._base(), "candidates": [candidate], "usageMetadata": usage}

    def _base(self) -> dict[str, Any]:
        return {"modelVersion": self.name, "responseId": uuid.uuid4().hex[:16]}

    async def stream(self, answer: Answer) -> None:
        """Write an answer piece by piece."""
        async for thought in self.thoughts(answer):
            part = {"text": f"**Prices** {thought}", "thought": True}
            content = {"index": 0, "content": {"role": "model", "parts": [part]}}
            await self.put({**self._base(), "candidates": [content]})
        await self.put(self.whole(answer))


class Count(RequestHandler):
    """How many tokens a request has."""

    def post(self, *rest: str) -> None:
        """Answer with any number."""
        self.finish({"input_tokens": 1234})


class Models(RequestHandler):
    """Which models there are."""

    def get(self, *rest: str) -> None:
        """Answer with one."""
        model = {"id": "stub-model", "object": "model", "created": 1, "owned_by": "stub", "type": "model"}
        self.finish({"object": "list", "models": [], "data": [{**model, "display_name": "Stub"}]})


def application(log: Path) -> Application:
    """Return the server that writes into ``log``."""
    given = {"model": Model(log)}
    return Application(
        [
            (r"/(\w+)/.*chat/completions", Chat, given),
            (r"/(\w+)/.*messages/count_tokens", Count),
            (r"/(\w+)/.*messages", Messages, given),
            (r"/(\w+)/.*responses", Responses, given),
            (r"/(\w+)/.*models/([^/:]+):(\w+)", Gemini, given),
            (r"/(\w+)/.*models", Models),
        ]
    )


async def serve(port: int, log: Path) -> None:
    """Answer on loopback until the process is ended."""
    application(log).listen(port, "127.0.0.1", max_buffer_size=64 << 20)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1]), Path(sys.argv[2])))
