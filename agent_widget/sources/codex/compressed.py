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
"""Maximum bytes of a rollout when it is decompressed: it must not take the memory."""
_PORTION: Final = 1024
"""Bytes that are decompressed at once: each of them may become 32 KiB."""


class CompressedRollout(Reader):
    """Reads a whole rollout, anew when it changed."""

    mode = "document"

    def __init__(self, source: TitledThreads, path: PurePosixPath) -> None:
        self.source = source
        self.path = path

    def read(self, data: bytes) -> Iterator[Item]:
        """Yield what follows from all lines; malformed ones are counted."""
        rollout = Rollout(self.source, self.path.with_suffix(""))
        for line in _decompressed(data).split(b"\n"):
            try:
                yield from rollout.read(line)
            except (ValueError, KeyError, TypeError, AttributeError):
                self.source.unknown["malformed line in a compressed rollout"] += 1


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


def _decompressed(data: bytes) -> bytes:
    """Return the content of all frames; :class:`Malformed` if one is torn, or if it is too much."""
    make = _decompressor()
    frame, content = make(), bytearray()
    try:
        for start in range(0, len(data), _PORTION):
            rest = data[start : start + _PORTION]
            while rest:
                if frame.eof:
                    frame = make()
                content += frame.decompress(rest)
                rest = frame.unused_data if frame.eof else b""
            if len(content) > MAX_UNPACKED:
                break
    except Exception as error:  # each module has its own
        raise Malformed(f"not a whole zstd file: {error}") from None
    if len(content) > MAX_UNPACKED:
        raise Malformed(f"larger than {MAX_UNPACKED // 2**20} MiB when unpacked")
    if not frame.eof:
        raise Malformed("not a whole zstd file: its end is missing")
    return bytes(content)
