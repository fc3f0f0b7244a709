"""Rollouts of some days ago, which Codex compresses."""

from __future__ import annotations

import contextlib
import importlib
from collections.abc import Callable, Iterator
from pathlib import PurePosixPath
from typing import Any, Final

from ..base import Item, Malformed, Reader
from .rollout import Rollout
from .titles import TitledThreads

MAX_UNPACKED: Final = 256 * 2**20
"""Maximum bytes of a rollout when it is decompressed: it must not take the time."""
MAX_RATIO: Final = 200
"""Maximum bytes for each compressed byte, once there are more than :data:`FREE`: text does not come near it."""
FREE: Final = 4 * 2**20
_MAX_LINE: Final = 32 * 2**20
_PORTION: Final = 128
"""Bytes that are decompressed at once: each of them may become 32 KiB."""
_PART: Final = 256 * 1024
"""Bytes of lines that are read before others have a turn."""


class CompressedRollout(Reader):
    """Reads a whole rollout, anew when it changed."""

    mode = "document"
    grows = True

    def __init__(self, source: TitledThreads, path: PurePosixPath) -> None:
        self.source = source
        self.path = path
        Rollout(source, path.with_suffix(""))  # its thread has a file

    def read(self, data: bytes) -> Iterator[Item]:
        """Yield what follows from all lines; malformed ones are counted."""
        for part in self.parts(data):
            yield from part

    def parts(self, data: bytes) -> Iterator[Iterator[Item]]:
        """Yield what follows from some lines at a time: the whole need not fit into memory."""
        rollout = Rollout(self.source, self.path.with_suffix(""))
        for lines in _lines(data):
            yield self._read(rollout, lines)

    def _read(self, rollout: Rollout, lines: list[bytes]) -> Iterator[Item]:
        for line in lines:
            try:
                yield from rollout.read(line)
            except (ValueError, KeyError, TypeError, AttributeError):
                self.source.unknown["malformed line in a compressed rollout"] += 1
        yield from rollout.finish()


def _decompressor() -> Callable[[], Any]:
    """Return what makes decompressors of one frame: Python's own (3.14), its backport, or the ``zstandard`` package."""
    for name in ("compression.zstd", "backports.zstd"):
        with contextlib.suppress(ImportError):
            made: Callable[[], Any] = importlib.import_module(name).ZstdDecompressor
            return made
    with contextlib.suppress(ImportError):
        zstandard = importlib.import_module("zstandard")
        return lambda: zstandard.ZstdDecompressor().decompressobj()
    raise Malformed("compressed: pip install 'agent-widget[zst]', or use Python 3.14, to read it")


def _lines(data: bytes) -> Iterator[list[bytes]]:
    """Yield the lines of all frames, some at a time. Raises :class:`Malformed` as :func:`_decompressed` does."""
    carry = bytearray()  # what has not been given out: the beginning of a line, or not yet enough
    enough = _PART
    for chunk in _decompressed(data):
        carry += chunk
        while len(carry) >= enough:
            head, newline, rest = carry[:enough].rpartition(b"\n")
            if not newline and len(carry) > _MAX_LINE:
                raise Malformed(f"a line is longer than {_MAX_LINE // 2**20} MiB")
            if newline:
                yield _full(head)
                carry = rest + carry[enough:]
                enough = _PART
            else:
                enough += _PART
    yield _full(carry)


def _full(content: bytearray) -> list[bytes]:
    return [line for line in bytes(content).split(b"\n") if line and not line.isspace()]


def _decompressed(data: bytes) -> Iterator[bytes]:
    """Yield the content of all frames; :class:`Malformed` if one is torn, or if it is too much."""
    make = _decompressor()
    frame, size = make(), 0
    for start in range(0, len(data), _PORTION):
        rest, content = data[start : start + _PORTION], b""
        try:
            while rest:
                if frame.eof:
                    frame = make()
                content += frame.decompress(rest)
                rest = frame.unused_data if frame.eof else b""
        except Exception as error:  # each module has its own
            raise Malformed(f"not a whole zstd file: {error}") from None
        size += len(content)
        if size > MAX_UNPACKED:
            raise Malformed(f"larger than {MAX_UNPACKED // 2**20} MiB when unpacked")
        if size > FREE and size > MAX_RATIO * len(data):
            raise Malformed(f"unpacks to more than {MAX_RATIO} times its size")
        yield content
    if not frame.eof:
        raise Malformed("not a whole zstd file: its end is missing")
