"""Whether pickles of an archive may be taken: if this user signed them and this very code made them."""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import os
import secrets
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from .archive_file import directory


def signed(key: bytes, data: bytes, what: bytes = b"") -> bytes:
    """Return data with a signature before it that says that it is about ``what``."""
    return _signature(key, data, what) + data


def checked(key: bytes, data: bytes, what: bytes = b"") -> bytes | None:
    """Return signed data without its signature, ``None`` if that is not right."""
    signature, data = data[:32], data[32:]
    return data if hmac.compare_digest(signature, _signature(key, data, what)) else None


def _signature(key: bytes, data: bytes, what: bytes) -> bytes:
    return hmac.digest(key, what + b"\0" + data, "sha256")


def user_key() -> bytes:
    """Return this user's key for signatures, made at the first use, readable by the owner alone."""
    path = directory() / "key"
    try:
        return path.read_bytes()
    except FileNotFoundError:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    draft = path.with_name(f"key.{os.getpid()}")
    with os.fdopen(os.open(draft, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "wb") as file:
        file.write(secrets.token_bytes(32))
    with contextlib.suppress(FileExistsError):
        os.link(draft, path)  # the first of two processes wins
    draft.unlink()
    return path.read_bytes()


@cache
def code() -> bytes:
    """Return what stands for all that decides how files are read: this code, and what it computes with."""
    digest = hashlib.blake2b(sys.version.encode(), digest_size=16)
    for path in _modules(Path(__file__).parents[1]):
        digest.update(path.read_bytes())
    for module in ("genai_prices", "compression.zstd", "backports.zstd"):
        digest.update(b"+" if module in sys.modules or _exists(module) else b"-")
    return digest.digest()


def _modules(package: Path) -> Iterator[Path]:
    yield from (package / name for name in ("expressions.py", "store.py", "tables.py"))
    for room in ("sources", "ingest", "masking"):
        yield from sorted(_below(package / room), key=str)


def _below(room: Path) -> Iterator[Path]:
    for entry in room.iterdir():
        if entry.is_dir():
            yield from _below(entry)
        elif entry.name.endswith((".py", ".json", ".toml")):
            yield entry


def _exists(module: str) -> bool:
    from importlib.util import find_spec

    try:
        return find_spec(module) is not None
    except ModuleNotFoundError:
        return False
