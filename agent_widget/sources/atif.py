"""ATIF: trajectories in the Agent Trajectory Interchange Format, as Harbor and others write them.

``trajectory.json`` is one run of an agent; ``result.json`` beside it, or above, is Harbor's verdict on it. Facts are
from harbor's ``docs/rfcs/0001-trajectory-format.md`` (versions 1.0 to 1.7) and files in its job directories.

- ``steps``: of ``user``, ``agent`` or ``system``. A step of the agent has its calls, and what they returned as
  ``observation``; an observation without ``source_call_id`` is of the one call, or of the environment.
- ``metrics`` of a step are one answer of the model: ``prompt_tokens`` include ``cached_tokens``. Where steps have none,
  ``final_metrics`` are the whole.
- A trajectory is written whole, mostly when the run is over. Nothing says whether it failed.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import PurePosixPath
from typing import Any, Final

from .base import Document, Item, Record
from .chat import ChatSource
from .conversation import Conversation
from .parsing import Malformed, millis, named, number, parse_object, preview, whole
from .steps import About, Call, Closed, Prompt, Reply, Result, Step, Thinking, Tokens, TurnEnd, Usage

_VERSION: Final = "ATIF-"


class Atif(ChatSource):
    """A directory of trajectories."""

    name = "atif"
    folder = "jobs"
    known_by = ("trajectory.json", "*/trajectory.json", "*/*/trajectory.json", "*/*/*/trajectory.json")
    files = {
        "**/trajectory.json": lambda source, path: Document(partial(source.trajectory, path)),
        "**/*.trajectory.json": lambda source, path: Document(partial(source.trajectory, path)),
        "**/result.json": lambda source, path: Document(partial(source.result, path)),
    }

    def trajectory(self, path: PurePosixPath, data: bytes) -> Iterator[Item]:
        """Yield what follows from one run."""
        document = parse_object(data)
        if not str(document.get("schema_version")).startswith(_VERSION):
            raise Malformed("not an ATIF trajectory")
        listed = document.get("steps")
        steps = [step for step in listed if isinstance(step, dict)] if isinstance(listed, list) else []
        times = [at for step in steps if (at := millis(step.get("timestamp"))) is not None]
        if not times:
            raise Malformed("a trajectory without times")
        session = self.namespace + (named(document.get("session_id")) or str(path.parent))
        agent = document["agent"] if isinstance(document.get("agent"), dict) else {}
        model = named(agent.get("model_name"))
        talk = Conversation(self.book, str(path), session)
        facts = {"name": named(agent.get("name")) or session, "model": model}
        yield from talk.take(About(times[0], {"path": str(path)}, {k: v for k, v in facts.items() if v is not None}))
        at = times[0]
        titled = False
        for number_, step in enumerate(steps):
            at = millis(step.get("timestamp")) or at
            for found in _steps(step, at, f"{session}:{number_}", model):
                if isinstance(found, Prompt) and not titled and found.text:
                    titled = True
                    yield from talk.take(About(at, {"title": preview(" ".join(found.text.split()))}, {}))
                yield from talk.take(found)
        yield from self._total(talk, document, steps, at, session, model)
        yield from talk.take(TurnEnd(at))
        yield from talk.take(Closed(at))
        yield from talk.finish()
        yield from self.book.ledger.finish()

    def _total(
        self, talk: Conversation, document: dict[str, Any], steps: list[dict[str, Any]], at: int, id: str, model: Any
    ) -> Iterator[Item]:
        """Yield the tokens of the whole run where its steps have none."""
        final = document.get("final_metrics")
        if not isinstance(final, dict) or any(isinstance(step.get("metrics"), dict) for step in steps):
            return
        names = ("total_prompt_tokens", "total_completion_tokens", "total_cached_tokens", "total_cost_usd")
        usage = _usage({name.removeprefix("total_"): final.get(name) for name in names}, at, f"{id}:total", model)
        if usage is not None:
            yield from talk.take(usage)

    def result(self, path: PurePosixPath, data: bytes) -> Iterator[Item]:
        """Yield Harbor's verdict on a trial; other files of that name have none."""
        document = parse_object(data)
        verdict = document.get("verifier_result")
        rewards = verdict.get("rewards") if isinstance(verdict, dict) else None
        shares = {
            str(name): float(share)
            for name, value in (rewards.items() if isinstance(rewards, dict) else ())
            if (share := number(value)) is not None
        }
        if not isinstance(rewards, dict) or not rewards:
            return
        score = shares.get("reward", sum(shares.values()) / len(shares)) if shares else None
        info = document.get("agent_info")
        fields = {
            "at": millis(document.get("finished_at")) or millis(document.get("started_at")),
            "kind": "evaluation",
            "subject": named(document.get("task_name")) or str(path.parent),
            "assessor": "verifier",
            "score": score if score is not None and 0 <= score <= 1 else None,
            "passed": None if score is None else int(score == 1.0),
            "failed": None if score is None else int(score == 0.0),
            "dimensions": shares if len(shares) > 1 else None,
            "notes": named(info.get("name")) if isinstance(info, dict) else None,
        }
        yield Record("quality", f"{self.namespace}{path}", fields)


def _steps(step: dict[str, Any], at: int, id: str, model: str | None) -> Iterator[Step]:
    """Yield what happened in one step."""
    source, text = step.get("source"), _text(step.get("message"))
    if source == "user":
        if text:
            yield Prompt(at, id, text)
        return
    if source != "agent":
        return
    if thought := named(step.get("reasoning_content")):
        yield Thinking(at, f"{id}:thinking", thought)
    usage = _usage(step.get("metrics"), at, id, named(step.get("model_name")) or model)
    if usage is not None:
        yield usage
    if text:
        yield Reply(at, id, text)
    listed = step.get("tool_calls")
    calls = [call for call in listed if isinstance(call, dict)] if isinstance(listed, list) else []
    keys = [f"{id}:{named(call.get('tool_call_id')) or place}" for place, call in enumerate(calls)]
    for key, call in zip(keys, calls, strict=True):
        yield Call(at, key, named(call.get("function_name")) or "tool", call.get("arguments"))
    observed = step.get("observation")
    results = observed.get("results") if isinstance(observed, dict) else None
    returned: dict[str, str | None] = {}
    for result in results if isinstance(results, list) else ():
        if isinstance(result, dict):
            of = named(result.get("source_call_id"))
            key = f"{id}:{of}" if of else keys[0] if len(keys) == 1 else ""
            returned[key] = _text(result.get("content"))
    for key in keys:
        yield Result(at, key, "ok", returned.get(key))


def _usage(metrics: Any, at: int, id: str, model: str | None) -> Usage | None:
    if not isinstance(metrics, dict):
        return None
    given, cached = whole(metrics.get("prompt_tokens")), whole(metrics.get("cached_tokens")) or 0
    written, cost = whole(metrics.get("completion_tokens")), number(metrics.get("cost_usd"))
    if given is None and written is None and cost is None:
        return None
    return Usage(at, id, Tokens(max(0, (given or 0) - cached), written or 0, cached), model, cost)


def _text(content: Any) -> str | None:
    """Return the text of a message, or of its parts."""
    if isinstance(content, str):
        return content or None
    if not isinstance(content, list):
        return None
    texts = [part.get("text") if isinstance(part, dict) else part for part in content]
    return "\n".join(text for text in texts if isinstance(text, str) and text) or None
