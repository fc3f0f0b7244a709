"""Inspect AI: the logs of evaluations, ``<time>_<task>_<id>.eval`` and ``.json``, in ``./logs`` (``INSPECT_LOG_DIR``).

Facts are from logs of inspect_ai 0.3.285 and its documentation ("Log Files").

- ``.eval`` is a ZIP file, its entries compressed with Zstandard or deflate, rewritten as samples end: ``header.json``
  is there when the evaluation is over, before that ``_journal/start.json``. ``samples/<id>_epoch_<n>.json`` is one
  sample that has ended. ``.json`` is all of it in one document.
- A sample is a conversation: ``events`` has the calls of models (``model``) and tools (``tool``). ``input_tokens`` is
  without what came from a cache. An answer from Inspect's own cache (``cache: read``) was not paid; those of attempts
  that failed (``error_retries``) were. A sample that an evaluation was begun again with is copied: same ids.
- Logs of before 0.3.60 or so have ``transcript.events``, ``score`` instead of ``scores``, events within those of tools
  and subtasks, and neither ids of events nor times of samples. Without events there are ``messages`` and
  ``model_usage``.
- ``scores`` are ``C`` (correct), ``I``, ``P`` (partly), ``N`` (no answer), or a number.
- An evaluation becomes an agent with a session, each of its samples an agent below it; scores and metrics become
  ``quality``.
"""

from __future__ import annotations

import io
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from pathlib import PurePosixPath
from typing import Any, ClassVar, Final

from .base import Evidence, Item, Reader, Record
from .chat import ChatSource
from .conversation import Conversation
from .parsing import Malformed, millis, named, number, parse_object, preview, whole
from .steps import About, Call, Closed, Prompt, Reply, Result, Step, Tokens, ToolStatus, TurnEnd, TurnStart, Usage
from .zstd import FREE, MAX_RATIO, decompressed

_ZSTANDARD: Final = 93
"""Method of compression in a ZIP file (APPNOTE 6.3.7), which ``zipfile`` reads from Python 3.14 on."""
_MAX_ENTRY: Final = 64 * 2**20
_LETTERS: Final = {"C": 1.0, "P": 0.5, "I": 0.0, "N": 0.0, True: 1.0, False: 0.0}
_OVER: Final = {"success": "done", "cancelled": "done", "error": "failed"}


class _Log(Reader):
    """One evaluation."""

    mode = "document"
    grows: ClassVar[bool] = False

    def __init__(self, source: InspectAI, path: PurePosixPath) -> None:
        self.source = source
        self.path = str(path)
        self._read: set[str] = set()
        """Samples that have been read: they do not change any more."""
        self._talk: Conversation | None = None
        """That of the evaluation, once it was seen."""
        self._over = False

    def read(self, data: bytes) -> Iterator[Item]:
        """Yield what is new in the log."""
        if data[:4] == b"PK\3\4":
            entries = _entries(data)
            start = "header.json" if "header.json" in entries else "_journal/start.json"
            if start not in entries:
                raise Malformed("neither a header nor a beginning")
            header = parse_object(entries[start]())
            samples = ((name, get) for name, get in entries.items() if name.startswith("samples/"))
            yield from self._evaluation(
                header, ((name, parse_object(get())) for name, get in samples if self._new(name))
            )
        else:
            header = parse_object(data)
            listed = header.get("samples")
            samples_of = [s for s in listed if isinstance(s, dict)] if isinstance(listed, list) else []
            named_samples = ((f"{sample.get('id')}/{sample.get('epoch')}", sample) for sample in samples_of)
            yield from self._evaluation(header, ((name, sample) for name, sample in named_samples if self._new(name)))

    def _new(self, name: str) -> bool:
        if name in self._read:
            return False
        self._read.add(name)
        return True

    def _evaluation(self, header: dict[str, Any], samples: Iterable[tuple[str, dict[str, Any]]]) -> Iterator[Item]:
        about = header.get("eval")
        if not isinstance(about, dict) or named(about.get("eval_id")) is None:
            raise Malformed("not a log of an evaluation")
        id = self.source.namespace + about["eval_id"]
        stats = header.get("stats") if isinstance(header.get("stats"), dict) else {}
        at = millis(about.get("created")) or millis(stats.get("started_at"))  # type: ignore[union-attr]
        if at is None:
            raise Malformed("an evaluation without a time")
        task, model = named(about.get("task")) or "evaluation", named(about.get("model"))
        title = f"{task} · {model}" if model else task
        talk = self._talk
        if talk is None:
            talk = self._talk = Conversation(self.source.book, self.path, id)
            about_it = {"title": title, "path": self.path}
            yield from talk.take(About(at, about_it, {"name": task, "role": "evaluation"}))
            yield from talk.take(TurnStart(at, f"evaluates {model or task}"))
        newest = at
        for _, sample in samples:
            yield from self._sample(id, task, at, sample)
            newest = max(newest, millis(sample.get("completed_at")) or 0)
            yield Evidence(id, newest, "says working", f"samples of {task}")
        status = header.get("status")
        if status in _OVER and not self._over:
            self._over = True
            ended = max(millis(stats.get("completed_at")) or 0, newest) + 1  # type: ignore[union-attr]
            failed = status == "error"
            error = header.get("error")
            why = error.get("message") if isinstance(error, dict) else None
            yield from talk.take(TurnEnd(ended, "failed" if failed else "done", preview(named(why))))
            yield from talk.take(Closed(ended, failed))
            yield from self._metrics(id, task, header, ended)
        yield from talk.finish()
        yield from self.source.book.ledger.finish()

    def _metrics(self, id: str, task: str, header: dict[str, Any], at: int) -> Iterator[Item]:
        """Yield the metrics over all samples: a row a scorer, without a score, since that of each sample counts."""
        results = header.get("results")
        for score in results.get("scores") or () if isinstance(results, dict) else ():
            metrics = score.get("metrics") if isinstance(score, dict) else None
            found = {
                str(name): value
                for name, metric in (metrics.items() if isinstance(metrics, dict) else ())
                if isinstance(metric, dict) and (value := number(metric.get("value"))) is not None
            }
            fields = {
                "at": at,
                "kind": "result",
                "subject": task,
                "session_id": id,
                "assessor": named(score.get("name")),
                "dimensions": found or None,
                "notes": ", ".join(f"{name} {value:.3g}" for name, value in found.items()) or None,
            }
            yield Record("quality", f"{id}:{score.get('name')}", fields)

    def _sample(self, evaluation: str, task: str, begun: int, sample: dict[str, Any]) -> Iterator[Item]:
        """Yield what follows from a sample; without a time of its own it is of that of the evaluation, ``begun``."""
        key = f"{sample.get('id')}/{sample.get('epoch')}"
        id = f"{evaluation}/{key}"
        old = sample.get("transcript")
        if isinstance(old, dict):
            sample = {"events": old.get("events"), "attachments": old.get("content"), **sample}
        events = list(_events(sample.get("events")))
        times = [at for event in events if (at := millis(event.get("timestamp"))) is not None]
        began = millis(sample.get("started_at")) or min(times, default=begun)
        ended = max(began, millis(sample.get("completed_at")) or 0, *times)
        talk = Conversation(self.source.book, f"{self.path}#{key}", id)
        asked = _resolved(_text(sample.get("input")), sample)
        name = f"{task} {sample.get('id')}" + (f" #{sample['epoch']}" if (whole(sample.get("epoch")) or 1) > 1 else "")
        facts = {"title": preview(asked and " ".join(asked.split())), "path": self.path}
        yield from talk.take(About(began, facts, {"name": name, "role": "sample"}))
        yield Record("agents", id, {"parent_id": evaluation})
        yield Record("sessions", id, {"parent_id": evaluation})
        yield from talk.take(Prompt(began, "input", asked or "", evaluation))
        for usage in _failed_attempts(sample, id, began):
            yield from talk.take(usage)
        steps = [step for place, event in enumerate(events) for step in _steps(event, sample, f"{id}:{place}", began)]
        for step in steps or _without_events(sample, id, ended):
            yield from talk.take(step)
        error = sample.get("error")
        why = error.get("message") if isinstance(error, dict) else error
        yield from talk.take(TurnEnd(ended, "failed" if why else "done", preview(named(why))))
        yield from talk.take(Closed(ended, bool(why)))
        yield from talk.finish()
        limit = sample.get("limit")
        if isinstance(limit, dict):
            text = named(limit.get("reason")) or f"{limit.get('type')} limit of {limit.get('limit')} reached"
            about = {"agent_id": id, "session_id": id, "logger": "inspect_ai"}
            yield Record("logs", f"{id}:limit", {"at": ended, "level": "warning", "text": preview(text), **about})
        scores = sample.get("scores")
        if scores is None and sample.get("score") is not None:
            scores = {"score": sample["score"]}
        for scorer, score in scores.items() if isinstance(scores, dict) else ():
            yield _judgement(id, task, sample, str(scorer), score, ended)


def _events(listed: Any) -> Iterator[dict[str, Any]]:
    """Yield events, also those within others: so old logs have what an agent did that is a tool."""
    for event in listed if isinstance(listed, list) else ():
        if isinstance(event, dict):
            yield from _events(event.get("events"))
            yield event


def _failed_attempts(sample: dict[str, Any], id: str, at: int) -> Iterator[Usage]:
    """Yield what attempts took that failed and were begun again; their work is not part of the conversation."""
    retries = sample.get("error_retries")
    for number_, attempt in enumerate(retries if isinstance(retries, list) else ()):
        events = attempt.get("events") if isinstance(attempt, dict) else None
        for place, event in enumerate(_events(events)):
            usage = _usage(event, f"{id}:{number_}:{place}", at)
            if usage is not None:
                yield usage


def _without_events(sample: dict[str, Any], id: str, at: int) -> Iterator[Step]:
    """Yield what messages and sums tell of a sample whose events were not written."""
    listed = sample.get("messages")
    messages = [message for message in listed if isinstance(message, dict)] if isinstance(listed, list) else []
    for place, message in enumerate(messages):
        if message.get("role") == "assistant":
            calls = message.get("tool_calls")
            for call in calls if isinstance(calls, list) else ():
                if isinstance(call, dict):
                    key = f"{id}:{named(call.get('id')) or place}"
                    yield Call(at, key, named(call.get("function")) or "tool", call.get("arguments"))
            if text := _resolved(_text(message.get("content")), sample):
                yield Reply(at, f"{id}:{place}", text)
        elif message.get("role") == "tool":
            error = message.get("error")
            output = _resolved(_text(message.get("content")), sample)
            yield Result(at, f"{id}:{named(message.get('tool_call_id')) or place}", _ended(error), output, _why(error))
    used = sample.get("model_usage")
    for model, usage in used.items() if isinstance(used, dict) else ():
        if isinstance(usage, dict):
            cost = number(usage.get("total_cost"))
            yield Usage(at, f"{id}:{model}", _tokens(usage), str(model), cost)


def _judgement(id: str, task: str, sample: dict[str, Any], scorer: str, score: Any, at: int) -> Record:
    value = score.get("value") if isinstance(score, dict) else score
    dimensions: dict[str, float] = {}
    for name, each in value.items() if isinstance(value, dict) else ():
        if (part := _share(each)) is not None:
            dimensions[str(name)] = part
    share = sum(dimensions.values()) / len(dimensions) if dimensions else _share(value)
    notes = [named(score.get("answer")), named(score.get("explanation"))] if isinstance(score, dict) else []
    fields = {
        "at": at,
        "kind": "evaluation",
        "subject": f"{task} {sample.get('id')}",
        "session_id": id,
        "assessor": scorer,
        "score": share,
        "passed": int(share == 1.0) if share is not None else None,
        "failed": int(share == 0.0) if share is not None else None,
        "dimensions": dimensions or None,
        "notes": preview("\n".join(note for note in dict.fromkeys(notes) if note) or None),
    }
    return Record("quality", f"{id}:{scorer}", fields)


def _share(value: Any) -> float | None:
    """Return a score as a share of one; ``None`` for a number that is none."""
    if isinstance(value, (str, bool)):
        return _LETTERS.get(value)
    found = number(value)
    return found if found is not None and 0 <= found <= 1 else None


def _steps(event: dict[str, Any], sample: dict[str, Any], place: str, begun: int) -> Iterator[Step]:
    """Yield the steps of one event; ``place`` is its id, and ``begun`` its time, if it has none."""
    at, id = millis(event.get("timestamp")) or begun, named(event.get("uuid")) or place
    done = max(at, millis(event.get("completed")) or at)
    if event.get("event") == "model":
        usage = _usage(event, place, begun)
        if usage is not None:
            yield usage
        text = _resolved(_text(_first(event.get("output"), "choices", "message", "content")), sample)
        if text:
            yield Reply(done, id, text)
    elif event.get("event") == "tool":
        call = named(event.get("id")) or id
        error = event.get("error")
        yield Call(at, call, named(event.get("function")) or "tool", event.get("arguments"))
        duration = number(event.get("working_time"))
        output = _resolved(_text(event.get("result")), sample)
        shown = None if duration is None else whole(duration * 1000)
        yield Result(done, call, _ended(error), output, _why(error), shown)


def _usage(event: dict[str, Any], place: str, begun: int) -> Usage | None:
    """Return what the answer took that an event of a model is; nothing if it came from a cache."""
    at, output = millis(event.get("timestamp")) or begun, event.get("output")
    usage = output.get("usage") if isinstance(output, dict) else None
    if event.get("event") != "model" or not isinstance(usage, dict) or event.get("cache") == "read":
        return None
    id, cost = named(event.get("uuid")) or place, number(usage.get("total_cost"))
    return Usage(max(at, millis(event.get("completed")) or at), id, _tokens(usage), named(event.get("model")), cost)


def _tokens(usage: dict[str, Any]) -> Tokens:
    names = ("input_tokens", "output_tokens", "input_tokens_cache_read", "input_tokens_cache_write")
    return Tokens(*(whole(usage.get(name)) or 0 for name in names))


def _ended(error: Any) -> ToolStatus:
    """Return how a call ended, by its error: a reviewer may have rejected it."""
    kind = error.get("type") if isinstance(error, dict) else None
    return "ok" if not error else "denied" if kind == "approval" else "error"


def _why(error: Any) -> str | None:
    return named(error.get("message") if isinstance(error, dict) else error)


def _first(value: Any, *path: str) -> Any:
    """Return what a path leads to, the first of a list."""
    for name in path:
        value = value.get(name) if isinstance(value, dict) else None
        if isinstance(value, list) and name != path[-1]:
            value = value[0] if value else None
    return value


def _text(content: Any) -> str | None:
    """Return the text of a message's content, or of a list of messages the last of the user."""
    if isinstance(content, str):
        return content
    if not isinstance(content, list):
        return None if content is None else str(content)
    if content and all(isinstance(part, dict) and "role" in part for part in content):
        asked = [part for part in content if part.get("role") == "user"] or content
        return _text(asked[-1].get("content"))
    texts = [part.get("text") for part in content if isinstance(part, dict) and part.get("type", "text") == "text"]
    return "\n".join(text for text in texts if isinstance(text, str)) or None


def _resolved(text: str | None, sample: dict[str, Any]) -> str | None:
    """Return a text that may stand among the attachments: long ones are written once."""
    attachments = sample.get("attachments")
    if text is not None and text.startswith("attachment://") and isinstance(attachments, dict):
        found = attachments.get(text.removeprefix("attachment://"))
        return found if isinstance(found, str) else text
    return text


def _entries(data: bytes) -> dict[str, Any]:
    """Return the entries of a ZIP file: name → a function that returns its bytes. The last of one name counts."""
    try:
        archive = zipfile.ZipFile(io.BytesIO(data))
    except zipfile.BadZipFile as error:
        raise Malformed(f"not a whole ZIP file: {error}") from None
    unpacked = sum(info.file_size for info in archive.infolist())  # no entry becomes more than it says
    if unpacked > FREE and unpacked > MAX_RATIO * len(data):
        raise Malformed(f"unpacks to more than {MAX_RATIO} times its size")
    found: dict[str, Any] = {}
    for info in archive.infolist():
        found[info.filename] = lambda info=info: _content(data, archive, info)
    return found


def _content(data: bytes, archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> bytes:
    if info.file_size > _MAX_ENTRY:
        raise Malformed(f"{info.filename} is larger than {_MAX_ENTRY // 2**20} MiB")
    if info.compress_type in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        try:
            return archive.read(info)
        except (zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError, zlib.error) as error:
            raise Malformed(f"{info.filename}: {error}") from None
    if info.compress_type != _ZSTANDARD:
        raise Malformed(f"{info.filename} is compressed in a way that Inspect does not use")
    place = info.header_offset + 26  # in the local header, whose extra field may differ from that in the directory
    name, extra = (int.from_bytes(data[at : at + 2], "little") for at in (place, place + 2))
    start = place + 4 + name + extra
    content = bytearray()
    for part in decompressed(data[start : start + info.compress_size]):
        content += part
        if len(content) > info.file_size:
            raise Malformed(f"{info.filename} is larger than it says")
    return bytes(content)


class InspectAI(ChatSource):
    """A directory of logs."""

    name = "inspect_ai"
    folder = "logs"
    moved_by = ("INSPECT_LOG_DIR",)
    packed = frozenset({".eval"})
    known_by = ("*.eval", "[0-9][0-9][0-9][0-9]-*T*_*_*.json")
    files = {
        "*.eval": _Log,
        "[0-9][0-9][0-9][0-9]-*T*_*_*.json": _Log,
        "*/*.eval": _Log,
    }
