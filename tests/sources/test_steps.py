"""When an answer waits for its reader."""

from __future__ import annotations

import pytest

from agent_widget.sources.steps import asks


@pytest.mark.parametrize(
    "text",
    [
        "Which colour?",
        "**Shall I go on?**",
        "The door is wet.\n\nShould I paint it now? It will be dry tomorrow.",
        "Both are possible. Want me to take the green one? (The blue one is out of stock.)",
        "I found two doors. Let me know whether the left one is meant.",
        "Everything is ready.\n\nPlease confirm the colour. Nothing is painted yet.",
        "I'll wait for your answer.",
    ],
)
def test_an_answer_that_ends_with_a_question_or_a_request_asks(text: str) -> None:
    assert asks(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Done.",
        "Why was it wet? Because of the rain.",
        "Should I paint it, you asked? I did.\n\nThe door is green now.",
        "Done. Let me know if you need anything else.",
        "Should we sand it? First the old paint comes off. Then the wood is dry. Then it is sanded.",
        "It prints:\n\n```\nDo you want to continue? [y/N] n\n```",
    ],
)
def test_an_answer_that_only_looks_so_does_not(text: str) -> None:
    assert not asks(text)
