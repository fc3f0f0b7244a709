"""What tells that two machines read the same files: an identity of this user's home directory.

Home directories may be shared (NFS). A random word in a file of the state directory, which is below the home, is the
same on all machines that share it; a digest of it and of a root's place in the home names the root on all of them.
"""

from __future__ import annotations

import functools
import hashlib
import os
import secrets
from pathlib import Path

from .archive_file import directory

_FILE = "home"


def identity() -> str | None:
    """Return the word of this home, made at the first call; ``None`` if it cannot be kept below the home."""
    path = directory() / _FILE
    if Path.home() not in path.parents:
        return None
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        try:
            file = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
        except FileExistsError:
            pass
        else:
            with os.fdopen(file, "w") as stream:
                stream.write(secrets.token_hex(16))
        return path.read_text("ascii").strip() or None
    except (OSError, UnicodeError):
        return None


@functools.lru_cache(1024)  # asked for with every frame of a followed host, and the home stays where it is
def name_of(root: Path, word: str | None) -> str | None:
    """Return a name of a root below the home, the same wherever this home is; ``None`` for any other root."""
    home = Path(os.path.realpath(Path.home()))
    if word is None or not root.is_relative_to(home):
        return None
    place = root.relative_to(home).as_posix()
    return hashlib.blake2b(f"{word}\0{place}".encode("utf-8", "surrogateescape"), digest_size=8).hexdigest()
