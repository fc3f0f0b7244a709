"""Inspect AI: the logs of evaluations, ``<time>_<task>_<id>.eval`` and ``.json``, in ``./logs`` (``INSPECT_LOG_DIR``).

Facts are from logs of inspect_ai 0.3.285 and its documentation ("Log Files").

- ``.eval`` is a ZIP file, its entries compressed with Zstandard or deflate, rewritten as samples end: ``header.json``
  is there when the evaluation is over, before that ``_journal/start.json``. ``samples/<id>_epoch_<n>.json`` is one
  sample that has ended. ``.json`` is all of it in one document.
- A sample is a conversation: ``events`` has the calls of models (``model``) and tools (``tool``). ``input_tokens`` is
  without what came from a cache. ``scores`` are ``C`` (correct), ``I``, ``P`` (partly), ``N`` (no answer), or a number.
- An evaluation becomes an agent with a session, each of its samples an agent below it; scores and metrics become
  ``quality``.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterable, Iterator
from pathlib import PurePosixPath
from typing import Any, ClassVar, Final

from .base import Evidence, Item, Reader, Record
from .chat import ChatSource
from .conversation import Conversation
from .parsing import Malformed, millis, named, number, parse_object, preview, whole
from .steps import About, Call, Closed, Prompt, Reply, Result, Step, Tokens, TurnEnd, TurnStart, Usage
from .zstd import decompressed

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
            yield from self._sample(id, task, sample, at)
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

    def _sample(self, evaluation: str, task: str, sample: dict[str, Any], begun: int) -> Iterator[Item]:
        """Yield what follows from a sample; without a time of its own it is of that of the evaluation, ``begun``."""
        key = f"{sample.get('id')}/{sample.get('epoch')}"
        id = f"{evaluation}/{key}"
        began = millis(sample.get("started_at")) or begun
        ended = max(began, millis(sample.get("completed_at")) or 0)
        talk = Conversation(self.source.book, f"{self.path}#{key}", id)
        asked = _text(sample.get("input"))
        name = f"{task} {sample.get('id')}" + (f" #{sample['epoch']}" if (whole(sample.get("epoch")) or 1) > 1 else "")
        facts = {"title": preview(asked and " ".join(asked.split())), "path": self.path}
        yield from talk.take(About(began, facts, {"name": name, "role": "sample"}))
        yield Record("agents", id, {"parent_id": evaluation})
        yield Record("sessions", id, {"parent_id": evaluation})
        yield from talk.take(Prompt(began, "input", asked or "", evaluation))
        said = ""
        events = sample.get("events")
        for event in events if isinstance(events, list) else ():
            if isinstance(event, dict):
                for step in _steps(event, sample, began):
                    said = step.text if isinstance(step, Reply) else said
                    yield from talk.take(step)
        error = sample.get("error")
        why = error.get("message") if isinstance(error, dict) else error
        yield from talk.take(TurnEnd(ended, "failed" if why else "done", preview(named(why))))
        yield from talk.take(Closed(ended, bool(why)))
        yield from talk.finish()
        scores = sample.get("scores")
        for scorer, score in scores.items() if isinstance(scores, dict) else ():
            yield _judgement(id, task, sample, str(scorer), score, ended)


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


def _steps(event: dict[str, Any], sample: dict[str, Any], began: int) -> Iterator[Step]:
    """Yield the steps of one event; without a time of its own it is of that of the sample, which ``began`` then."""
    at, id = millis(event.get("timestamp")) or began, named(event.get("uuid")) or named(event.get("id")) or ""
    done = max(at, millis(event.get("completed")) or at)
    if event.get("event") == "model":
        output = event.get("output") if isinstance(event.get("output"), dict) else {}
        usage = output.get("usage") if isinstance(output, dict) else None
        if isinstance(usage, dict):
            names = ("input_tokens", "output_tokens", "input_tokens_cache_read", "input_tokens_cache_write")
            tokens = Tokens(*(whole(usage.get(name)) or 0 for name in names))
            yield Usage(done, id, tokens, named(event.get("model")), number(usage.get("total_cost")))
        text = _resolved(_text(_first(output, "choices", "message", "content")), sample)
        if text:
            yield Reply(done, id, text)
    elif event.get("event") == "tool":
        call = named(event.get("id")) or id
        error = event.get("error")
        why = error.get("message") if isinstance(error, dict) else error
        yield Call(at, call, named(event.get("function")) or "tool", event.get("arguments"))
        duration = number(event.get("working_time"))
        yield Result(
            done,
            call,
            "error" if why else "ok",
            _resolved(_text(event.get("result")), sample),
            named(why),
            None if duration is None else round(duration * 1000),
        )


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
    found: dict[str, Any] = {}
    for info in archive.infolist():
        found[info.filename] = lambda info=info: _content(data, archive, info)
    return found


def _content(data: bytes, archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> bytes:
    if info.file_size > _MAX_ENTRY:
        raise Malformed(f"{info.filename} is larger than {_MAX_ENTRY // 2**20} MiB")
    if info.compress_type != _ZSTANDARD:
        try:
            return archive.read(info)
        except (zipfile.BadZipFile, NotImplementedError, EOFError) as error:
            raise Malformed(f"{info.filename}: {error}") from None
    place = info.header_offset + 26  # in the local header, whose extra field may differ from that in the directory
    name, extra = (int.from_bytes(data[at : at + 2], "little") for at in (place, place + 2))
    start = place + 4 + name + extra
    return b"".join(decompressed(data[start : start + info.compress_size]))


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
