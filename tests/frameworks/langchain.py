"""A team of LangChain: one agent has another one as a tool. Its models say what they are told to."""

from __future__ import annotations

from typing import Any

from langchain.agents import create_agent
from langchain_core.language_models.fake_chat_models import GenericFakeChatModel
from langchain_core.messages import AIMessage
from langchain_core.tools import tool

from tests.frameworks.telemetry import sending

USAGE = {"input_tokens": 100, "output_tokens": 7, "total_tokens": 107, "input_token_details": {"cache_read": 60}}


class Model(GenericFakeChatModel):
    """A model that takes tools."""

    def bind_tools(self, tools: Any, **_: Any) -> Model:
        return self


def says(*answers: tuple[str, list[tuple[str, str, dict[str, str]]]]) -> Model:
    """A model that gives these answers, each a text and the calls of tools in it."""
    return Model(
        messages=iter(
            AIMessage(
                content=text,
                tool_calls=[{"id": id, "name": name, "args": given} for id, name, given in calls],
                usage_metadata=USAGE,
            )
            for text, calls in answers
        )
    )


@tool
def price(item: str) -> float:
    """Return what something costs."""
    return 3.5


@tool
def ask_painter(question: str) -> str:
    """Ask the painter."""
    painter = create_agent(says(("Signal red.", [])), [], name="painter")
    return str(painter.invoke({"messages": [("user", question)]})["messages"][-1].content)


def main() -> None:
    """Let the team work once."""
    with sending() as (provider, convention):
        if convention == "openinference":
            from openinference.instrumentation.langchain import LangChainInstrumentor as Instrumentor
        else:
            from opentelemetry.instrumentation.langchain import LangchainInstrumentor as Instrumentor
        Instrumentor().instrument(tracer_provider=provider)
        calls = [("c1", "ask_painter", {"question": "Which red?"}), ("c2", "price", {"item": "paint"})]
        lead = create_agent(says(("", calls), ("It is done.", [])), [ask_painter, price], name="lead")
        lead.invoke({"messages": [("user", "Paint the door")]})


if __name__ == "__main__":
    main()
