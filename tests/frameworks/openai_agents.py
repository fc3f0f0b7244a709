"""A team of the OpenAI Agents SDK: one agent has another one as a tool. Its model is a stub on this machine."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

from agents import Agent, OpenAIChatCompletionsModel, Runner, function_tool
from openai import AsyncOpenAI

from tests.frameworks.telemetry import sending

USAGE = {"prompt_tokens": 100, "completion_tokens": 7, "total_tokens": 107}


def answer(messages: list[dict[str, Any]]) -> dict[str, Any]:
    """What the model says next: the lead calls two tools at once, and is done when they have answered."""
    if messages[-1]["role"] == "tool":
        return {"role": "assistant", "content": "It is done."}
    if messages[0]["content"] != "You lead.":
        return {"role": "assistant", "content": "Signal red."}
    calls = (("c1", "ask_painter", {"input": "Which red?"}), ("c2", "price", {"item": "paint"}))
    tools = [
        {"id": id, "type": "function", "function": {"name": name, "arguments": json.dumps(given)}}
        for id, name, given in calls
    ]
    return {"role": "assistant", "content": None, "tool_calls": tools}


class Stub(BaseHTTPRequestHandler):
    """What answers chat completions."""

    def do_POST(self) -> None:
        message = answer(json.loads(self.rfile.read(int(self.headers["Content-Length"])))["messages"])
        choice = {"index": 0, "message": message, "finish_reason": "stop", "logprobs": None}
        about = {"id": "answer", "object": "chat.completion", "created": 1, "model": "stub-1"}
        body = json.dumps({**about, "choices": [choice], "usage": USAGE}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Nothing on stderr."""


@contextmanager
def stub() -> Iterator[str]:
    """The address of the model."""
    server = HTTPServer(("127.0.0.1", 0), Stub)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/"
    server.shutdown()


@function_tool
def price(item: str) -> float:
    """Return what something costs."""
    return 3.5


def main() -> None:
    """Let the team work once."""
    with sending() as (provider, convention), stub() as url:
        if convention == "openinference":
            from openinference.instrumentation.openai_agents import OpenAIAgentsInstrumentor
        else:
            from opentelemetry.instrumentation.openai_agents import OpenAIAgentsInstrumentor
        OpenAIAgentsInstrumentor().instrument(tracer_provider=provider)
        model = OpenAIChatCompletionsModel("stub-1", AsyncOpenAI(base_url=url, api_key="none"))
        painter = Agent(name="painter", instructions="You paint.", model=model)
        tools = [painter.as_tool("ask_painter", "Ask the painter"), price]
        lead = Agent(name="lead", instructions="You lead.", model=model, tools=tools)
        asyncio.run(Runner.run(lead, "Paint the door"))


if __name__ == "__main__":
    main()
