"""A conversation as a trajectory of the Agent Trajectory Interchange Format.

ATIF (RFC 0001 of Harbor, https://harborframework.com/docs/trajectory-format) is one JSON document: the agent, its steps
numbered from 1, each by the user, the agent or the system, and the totals. Version 1.4 has all that is written here;
readers of later versions take it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from ..tables import iso
from ..version import VERSION
from .markdown import text_of

SCHEMA: Final = "ATIF-v1.4"

Entry = Mapping[str, Any]


def trajectory(entries: Iterable[Entry], session: str, row: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Return the trajectory of a conversation; ``row`` is that of its session or agent."""
    return {**frame(session, row or {}), "steps": numbered(steps(entries))}


def frame(session: str, row: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a trajectory holds beside its steps; prompt tokens include those from and to a cache."""
    model = {"model_name": row["model"]} if row.get("model") else {}
    given = {name: row[name] for name in ("title", "project", "branch", "parent_id") if row.get(name)}
    prompt = [row.get(name) for name in ("input_tokens", "cache_read_tokens", "cache_write_tokens")]
    totals = {
        "total_prompt_tokens": sum(count or 0 for count in prompt) if any(n is not None for n in prompt) else None,
        "total_completion_tokens": row.get("output_tokens"),
        "total_cached_tokens": row.get("cache_read_tokens"),
        "total_cost_usd": None if row.get("unpriced_requests") else row.get("cost_usd"),
    }
    known = {name: value for name, value in totals.items() if value is not None}
    return {
        "schema_version": SCHEMA,
        "session_id": session,
        # the version of the agent is in no table
        "agent": {"name": row.get("source") or "unknown", "version": "unknown", **model},
        "notes": f"Exported by agent-widget {VERSION}; secrets are masked, long texts may be cut.",
        **({"final_metrics": known} if known else {}),
        **({"extra": given} if given else {}),
    }


def numbered(steps: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the steps with their numbers, from 1."""
    return [{"step_id": number, **step} for number, step in enumerate(steps, 1)]


def steps(entries: Iterable[Entry]) -> list[dict[str, Any]]:
    """Return the steps without their numbers.

    What a model thought, said and called is one step until a result could have been read: a call that begins after an
    earlier one of the step has ended begins another.
    """
    found: list[dict[str, Any]] = []
    open_: dict[str, Any] | None = None
    ended = 0
    for entry in entries:
        kind, at = entry["kind"], entry["at"]
        if kind in ("thinking", "reply", "tool"):
            if open_ is None or _begins(open_, kind, at, ended):
                open_ = {"timestamp": iso(at), "source": "agent", "message": ""}
                found.append(open_)
                ended = 0
            if kind == "tool":
                _call(open_, entry)
                ended = ended or at + (entry["duration_ms"] or 0)
            elif entry["text"]:
                open_["reasoning_content" if kind == "thinking" else "message"] = entry["text"]
            continue
        if (step := _other(entry)) is not None:
            open_ = None
            found.append({"timestamp": iso(at), **step})
    return [step for step in found if step["message"] or "tool_calls" in step or "reasoning_content" in step]


def _begins(step: Mapping[str, Any], kind: str, at: int, ended: int) -> bool:
    """Return whether an entry is of the next answer of the model, not of the one that the step is of."""
    if kind == "tool":
        return bool(ended) and at >= ended
    if "tool_calls" in step:
        return True
    return bool(step["message"]) or (kind == "thinking" and "reasoning_content" in step)


def _call(step: dict[str, Any], entry: Entry) -> None:
    given = entry["input"]
    arguments = dict(given) if isinstance(given, Mapping) else {} if given in (None, "") else {"input": given}
    name = entry["name"] or "unknown"
    step.setdefault("tool_calls", []).append(
        {"tool_call_id": entry["id"], "function_name": name, "arguments": arguments}
    )
    about = {field: entry[field] for field in ("status", "duration_ms", "diff", "files", "child") if entry[field]}
    step.setdefault("extra", {}).setdefault("calls", {})[entry["id"]] = about
    content = text_of(entry["error"] if entry["error"] not in (None, "") else entry["output"])
    if entry["status"] != "running":
        results = step.setdefault("observation", {"results": []})["results"]
        results.append({"source_call_id": entry["id"], "content": content})


def _other(entry: Entry) -> dict[str, Any] | None:
    kind = entry["kind"]
    if kind == "prompt":
        sender = entry.get("sender")
        return {"source": "user", "message": entry["text"] or "", **({"extra": {"sender": sender}} if sender else {})}
    if kind == "answer":
        extra = {"kind": kind, "sender": entry["sender"], "failed": entry["failed"]}
        return {"source": "system", "message": entry["text"] or "", "extra": extra}
    if kind == "plan":
        lines = [f"{todo['status']}: {todo['title'] or todo['id']}" for todo in entry["todos"]]
        return {"source": "system", "message": "\n".join(lines), "extra": {"kind": kind, "todos": entry["todos"]}}
    if kind == "end" and entry["how"] not in ("done", "asked"):
        message = ": ".join(filter(None, (f"turn {entry['how']}", entry["text"])))
        return {"source": "system", "message": message, "extra": {"kind": kind, "how": entry["how"]}}
    return None
