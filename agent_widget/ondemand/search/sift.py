"""The program of a process that tells which files hold none of some bytes; it is started by :mod:`.ahead`.

It imports nothing of the package and no more than it needs, so that it begins at once. What to do comes as one value of
:mod:`marshal` in standard input: the anchors, and the paths. For each path, in their order, one byte is written:
``0`` if the file holds none of the anchors, once ASCII letters are lowered, else ``1``; also if it cannot be read.
"""

import contextlib
import marshal
import os
import sys
from collections.abc import Iterable, Iterator

CHUNK = 1024 * 1024
FLAGS = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
"""A link is not followed here: whoever asked knows where it may lead."""


def holding(parts: Iterable[bytes], anchors: tuple[bytes, ...]) -> Iterator[bool]:
    """Yield for each of some consecutive bytes whether they hold an anchor, or end one that began before."""
    overlap = max(map(len, anchors)) - 1
    held = b""
    for data in parts:
        lowered = data.lower()
        over = held + lowered[:overlap]  # what lies over the end of the last one
        yield any(anchor in lowered or anchor in over for anchor in anchors)
        held = (held + lowered[-overlap:])[-overlap:] if overlap else b""


def may_hold(path: bytes, anchors: tuple[bytes, ...]) -> bool:
    """Return whether a file holds one of the anchors; also if that cannot be told."""
    try:
        descriptor = os.open(path, FLAGS)
    except OSError:
        return True
    try:
        return any(holding(iter(lambda: os.read(descriptor, CHUNK), b""), anchors))
    except OSError:
        return True
    finally:
        os.close(descriptor)


def main() -> None:
    """Answer for each path as soon as that is known; end early if nobody listens any more."""
    anchors, paths = marshal.loads(sys.stdin.buffer.read())
    with contextlib.suppress(BrokenPipeError):
        for path in paths:
            os.write(1, b"1" if may_hold(path, anchors) else b"0")


if __name__ == "__main__":
    main()
