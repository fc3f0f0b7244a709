"""What is decoded of messages and their parts: the data of rows and files, of any of the three generations."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, NamedTuple

import msgspec

from ..parsing import Malformed, millis, parse_as


class Data(msgspec.Struct):
    """A message, of any generation."""

    role: str | None = None
    time: dict[str, Any] = {}
    agent: str | None = None
    mode: str | None = None
    model: Any = None
    modelID: str | None = None
    providerID: Any = None
    cost: float | None = None
    tokens: Any = None
    finish: str | None = None
    error: Any = None
    text: str | None = None
    content: list[dict[str, Any]] = []
    outcome: str | None = None
    command: str | None = None
    status: str | None = None
    exit: int | None = None
    output: Any = None


class Part(msgspec.Struct):
    """A part of a message, of any generation."""

    type: str
    text: str | None = None
    synthetic: bool = False
    ignored: bool = False
    tool: str | None = None
    name: str | None = None
    id: str | None = None
    state: Any = None
    reason: str | None = None
    cost: float | None = None
    tokens: Any = None
    time: dict[str, Any] | None = None
    prompt: str | None = None
    mime: str | None = None


_data = msgspec.json.Decoder(Data)
_part = msgspec.json.Decoder(Part)


class Piece(NamedTuple):
    """A part with its id and the time its row was made."""

    id: str
    at: int | None
    part: Part


@dataclass(slots=True)
class Message:
    """A prompt, an answer, or what else a conversation is made of, with its parts."""

    id: str
    at: int
    """When it was made; 0 if what it says makes no sense."""
    kind: str
    data: Data
    pieces: list[Piece] = field(default_factory=list)

    @property
    def open(self) -> bool:
        """Return whether more of it is to come."""
        if self.kind == "shell":
            return self.data.status == "running"
        return self.kind == "assistant" and not self.data.time.get("completed") and not self.data.error


def read_part(id: str, made_at: Any, data: bytes) -> Piece:
    """Return a part from its row or file; raise :class:`Malformed` if it is none."""
    return Piece(id, millis(made_at), parse_as(_part, data))


def read_message(id: str, made_at: Any, kind: str | None, data: bytes) -> Message:
    """Return a message from its row or file; raise :class:`Malformed` if it is none."""
    found = parse_as(_data, data)
    stamps = (found.time.get("created"), made_at, found.time.get("completed"))
    at, kind = next((at for stamp in stamps if (at := millis(stamp)) is not None), 0), kind or found.role
    if kind is None:
        raise Malformed("a message without a role")
    message = Message(id, at, kind, found)
    for index, entry in enumerate(found.content):
        try:
            part = msgspec.convert(entry, Part)
        except msgspec.ValidationError as error:
            raise Malformed(str(error)) from None
        message.pieces.append(Piece(f"{id}:{index if part.id is None else part.id}", None, part))
    return message
