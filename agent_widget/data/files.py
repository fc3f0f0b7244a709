"""Rows as files: CSV and Parquet, and how a file is written whole or not at all."""

from __future__ import annotations

import csv
import io
import os
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import msgspec

from ..protocol import encodable
from ..visible import escaped, first_seen

if TYPE_CHECKING:
    import pyarrow

_SIGNS: Final = tuple("=+-@＝＋－＠﹦﹢﹣﹫")
_SPACES: Final = tuple("\t\r\n")


def csv_text(columns: list[str], rows: Iterable[Mapping[str, Any]]) -> str:
    """Return CSV with a header; lists and maps are JSON in their cell, and no text begins a formula."""
    file = _Lines()
    writer = csv.writer(file, lineterminator="\r\n")
    writer.writerow(map(csv_cell, columns))
    writer.writerows([csv_cell(row[name]) for name in columns] for row in rows)
    return str(encodable(file.getvalue()))


class _Lines(io.StringIO):
    """Ends lines by LF. The writer is told CRLF, since it quotes only what is in its line end: CR would begin a row."""

    def write(self, line: str) -> int:
        return super().write(line.removesuffix("\r\n") + "\n")


def csv_cell(value: Any) -> Any:
    """Return a value as it stands in CSV."""
    if isinstance(value, (list, dict)):
        value = json_bytes(value).decode()
    if isinstance(value, str) and (value[:1] in _SPACES or first_seen(value) in _SIGNS):
        return "'" + value  # a spreadsheet would run it as a formula
    return value


def json_bytes(value: Any) -> bytes:
    """Return JSON; datetimes are written as RFC 3339, other values that JSON does not know as text."""
    try:
        return msgspec.json.encode(value, enc_hook=str)
    except UnicodeEncodeError:  # a file name need not be UTF-8
        return msgspec.json.encode(encodable(value), enc_hook=str)


def json_file(value: Any) -> bytes:
    """Return the same as it stands in a file: what cannot be seen is escaped, and the values are the same."""
    return escaped(json_bytes(value).decode()).encode()


def parquet_bytes(table: pyarrow.Table) -> bytes:
    """Return a Parquet file; its types are those of the Arrow table."""
    import pyarrow.parquet

    file = io.BytesIO()
    pyarrow.parquet.write_table(table, file)
    return file.getvalue()


def write_whole(path: str | os.PathLike[str], data: bytes) -> Path:
    """Write a file, whole or not at all; returns where it is. Raises ``OSError`` with the file's name."""
    target = Path(path).expanduser()
    if not target.parent.is_dir():
        raise FileNotFoundError(f"{target.parent}: no such directory; create it first")
    if target.is_dir():
        raise IsADirectoryError(f"{target}: a directory; give the name of a file in it")
    try:
        descriptor, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.", suffix=".part")
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(data)
            Path(name).replace(target)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise
    except OSError as error:  # of a full disk it names no file, of a directory that takes none the one beside it
        raise OSError(error.errno, error.strerror, str(target)) from None
    return target.resolve()
