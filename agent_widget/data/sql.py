"""SQL over the tables, answered by DuckDB: read-only, and bounded in time, memory and rows.

Each query has a database of its own, in memory, that holds the tables it names as they are at one moment and is gone
afterwards. It reads no file, loads no extension, sees nothing of Python, and cannot be talked out of that: its
configuration is locked. Times are ``TIMESTAMP WITH TIME ZONE`` in UTC; durations are integer milliseconds, as their
names say, since ``avg(duration_ms)`` should be a number.
"""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, Final

from ..store import Row, Store
from ..tables import TABLES
from ..visible import one_line
from .frames import arrow_table, from_arrow, plain
from .tabular import COLUMNS, SHOWN, Tabular

if TYPE_CHECKING:
    import duckdb
    import pandas
    import pyarrow

TIMEOUT: Final = 10.0
"""Maximum seconds of a query."""
LIMIT: Final = 100_000
"""Maximum rows of an answer."""
_CONFIGURATION: Final[dict[str, Any]] = {
    "enable_external_access": "false",
    "python_enable_replacements": "false",
    "autoinstall_known_extensions": "false",
    "autoload_known_extensions": "false",
    "temp_directory": "",
    "memory_limit": "512MB",
    "threads": "2",
}
_AT_ONCE: Final = threading.BoundedSemaphore(4)
"""Maximum queries at once in one process, those past their time included: DuckDB cannot interrupt a function call."""
_NAMES: Final = re.compile(rf"\b({'|'.join(TABLES)})\b", re.IGNORECASE)
_BEHIND: Final = re.compile(r"\n+LINE \d+:|\s*Possible solutions:|\s*Database is launched in in-memory mode")
"""Where in a message of DuckDB the place begins that it points to, or advice that nobody here can take."""


class SqlError(ValueError):
    """A query that has no answer; the message is one line that says why."""


class OutOfTime(SqlError):
    """A query that was not answered in its time. ``ended`` is set when it has stopped working too; ``None``: it has."""

    def __init__(self, message: str, ended: threading.Event | None = None) -> None:
        super().__init__(message)
        self.ended = ended


class Result(Tabular):
    """The answer to a query: ``len()``, iteration over dicts, :meth:`rows`, :meth:`df`, :meth:`csv` and more.

    It has the Arrow PyCapsule interface: ``polars.DataFrame(result)``.
    """

    _ranked = False  # each column was asked for

    def __init__(self, table: pyarrow.Table, cut: bool = False) -> None:
        self._table = table
        self.cut = cut
        """Whether there are more rows than the limit."""

    @property
    def columns(self) -> list[str]:
        """The names of the columns, in order."""
        return list(self._table.column_names)

    def __len__(self) -> int:
        return int(self._table.num_rows)

    def __iter__(self) -> Any:
        return iter(self.rows())

    def rows(self) -> list[Row]:
        """Return all rows, as dicts; times are ``datetime`` in UTC, differences of times ``timedelta``."""
        return self._rows(self._table)

    def arrow(self) -> pyarrow.Table:
        """Return a pyarrow Table."""
        return self._table

    def df(self) -> pandas.DataFrame:
        """Return a pandas DataFrame, typed like those of the tables."""
        return from_arrow(self._table)

    @staticmethod
    def _rows(table: pyarrow.Table) -> list[Row]:
        names = table.column_names
        cells = [[plain(value, column.type) for value in column.to_pylist()] for column in table.columns]
        return [Row(zip(names, row, strict=True)) for row in zip(*cells, strict=True)]

    def __repr__(self) -> str:
        return f"<result: {len(self):,} rows of {one_line(', '.join(self.columns))}>"

    def _glance(self) -> tuple[list[str], list[Row], str]:
        rows = self._rows(self._table.slice(0, SHOWN))
        counted = f"{len(rows)} of {len(self):,} rows" if rows else "no rows"
        return self.columns[:COLUMNS], rows, counted + (", and there are more: cut at the limit" if self.cut else "")


def reply(result: Result) -> dict[str, Any]:
    """Return a result as it stands in a ``reply`` frame: ``columns``, ``types`` (by column), ``rows`` (dicts), ``cut``.

    A type is one of the words of the schema, or ``time`` and ``duration``, whose cells are integer milliseconds as
    everywhere on the wire.
    """
    import pyarrow

    table, types = result.arrow(), {}
    for index, field in enumerate(table.schema):
        types[field.name] = word = _word(field.type)
        if word in ("time", "duration"):
            type = pyarrow.timestamp("ms") if word == "time" else pyarrow.duration("ms")
            cells = table.column(index).cast(type, safe=False).cast(pyarrow.int64())
            table = table.set_column(index, field.name, cells)
    return {"columns": result.columns, "types": types, "rows": Result(table).rows(), "cut": result.cut}


def run(store: Store, query: str, *, timeout: float = TIMEOUT, limit: int = LIMIT) -> Result:
    """Return what ``query`` answers over the tables of ``store``: at most ``limit`` rows, within ``timeout`` seconds.

    One statement that reads: SELECT, WITH, FROM, VALUES, DESCRIBE, SUMMARIZE, SHOW or EXPLAIN. Raises :class:`SqlError`
    with one line, and ``ImportError`` with what to install.
    """
    check(query, timeout, limit)
    return answer(lambda: named(store, query), query, timeout, limit)


def check(query: str, timeout: float, limit: int) -> None:
    """Raise what :func:`run` raises for what is no query at all, or if there is nothing that could answer it."""
    if find_spec("duckdb") is None:  # it is not imported before it is needed: it is large, and not everybody has it
        raise ImportError('SQL needs DuckDB: pip install "agent-widget[sql]"')
    if not isinstance(query, str):
        raise TypeError(f"a query is a text, not {query!r}")
    try:
        query.encode()
    except UnicodeEncodeError:
        raise SqlError("the query has half a character (a lone surrogate)") from None
    if not 0 < timeout < threading.TIMEOUT_MAX:
        raise SqlError(f"a timeout is a number of seconds above 0, not {timeout:g}")
    if limit < 1:
        raise SqlError(f"a limit is a number of rows above 0, not {limit}")


def answer(tables: Callable[[], Mapping[str, pyarrow.Table]], query: str, timeout: float, limit: int) -> Result:
    """Return what a query answers over some tables (name → rows). Raises :class:`SqlError`."""
    result = _in_time(tables, query, timeout, limit)
    if isinstance(result, Exception):
        raise result
    return result


def _in_time(
    tables: Callable[[], Mapping[str, pyarrow.Table]], query: str, timeout: float, limit: int
) -> Result | Exception:
    """Return the answer or what went wrong; it is not raised, since a traceback would keep the database alive."""
    import duckdb

    ends_at = time.monotonic() + timeout
    connection = duckdb.connect(":memory:", config=_CONFIGURATION)
    answered: list[Result | Exception] = []
    ended, lock = threading.Event(), threading.Lock()
    if not _AT_ONCE.acquire(timeout=timeout):
        connection.close()
        return OutOfTime("too many other queries are running; try again")

    def work() -> None:
        try:
            answered.append(_answer(connection, tables(), query, limit))
        except Exception as error:
            problem = _in_one_line(error) if isinstance(error, duckdb.Error) else error
            answered.append(problem.with_traceback(None) if isinstance(problem, SqlError) else problem)
        finally:
            _AT_ONCE.release()
            with lock:
                ended.set()
                connection.close()

    def end() -> None:
        """Interrupt the query until it ends: an interrupt between two of its steps has no effect."""
        while not ended.wait(0.05):
            with lock, suppress(duckdb.Error):
                if not ended.is_set():
                    connection.interrupt()

    # On a thread of its own, since some functions of DuckDB cannot be interrupted: the caller gets an answer in time
    # all the same, and Ctrl-C works. It is no daemon: one that came back while Python exits would abort the process.
    threading.Thread(target=work, name="agent-widget sql").start()
    try:
        if not ended.wait(max(0, ends_at - time.monotonic())):
            return OutOfTime(f"the query took longer than {timeout:g} s", ended)
    finally:
        if not ended.is_set():
            threading.Thread(target=end, name="agent-widget sql ends", daemon=True).start()
    return answered.pop()


def _answer(
    connection: duckdb.DuckDBPyConnection, tables: Mapping[str, pyarrow.Table], query: str, limit: int
) -> Result:
    import duckdb

    query = _quoted(query)
    statements = connection.extract_statements(query)
    reads = (duckdb.StatementType.SELECT, duckdb.StatementType.EXPLAIN)
    if len(statements) != 1:
        raise SqlError(f"one statement at a time, not {len(statements) or 'none'}")
    if statements[0].type not in reads:
        raise SqlError(f"the tables are only read: SELECT, not {statements[0].type.name}")
    for name, table in tables.items():
        connection.register(name, table)
    connection.execute("SET TimeZone = 'UTC'")
    connection.execute("SET lock_configuration = true")
    table = connection.sql(query).limit(limit + 1).to_arrow_table()
    return Result(_simple(table.slice(0, limit)), table.num_rows > limit)


def named(store: Store, query: str) -> dict[str, pyarrow.Table]:
    """Return the tables whose names occur in a query, as they are at one moment; all of them, if there is none."""
    names = {name.lower() for name in _NAMES.findall(query)} or TABLES.keys()
    rows = store.snapshot(names)
    tables = {}
    for name in names:
        table = arrow_table(name, rows.pop(name))
        for index, column in enumerate(TABLES[name].columns):
            if column.is_duration:
                table = table.set_column(index, column.name, table.column(index).cast("int64"))
        tables[name] = table
    return tables


def _quoted(query: str) -> str:
    """Return the query with the column ``at`` in quotes, since it is a word of SQL (not in ``AT TIME ZONE``)."""
    import duckdb

    text = query.encode()  # in which the tokens are counted
    for start, kind in reversed(duckdb.tokenize(query)):
        is_word = kind in (duckdb.token_type.keyword, duckdb.token_type.identifier)
        if is_word and re.match(rb"at\b(?!\s+time\s+zone\b)", text[start:], re.IGNORECASE):
            text = text[:start] + b'"' + text[start : start + 2] + b'"' + text[start + 2 :]
    return text.decode()


def _simple(table: pyarrow.Table) -> pyarrow.Table:
    """Cast numbers to 64 bits as in the tables (sums come as decimals), and differences of times to durations."""
    import pyarrow
    from pyarrow import types

    for index, field in enumerate(table.schema):
        column, wanted = table.column(index), []
        if types.is_integer(field.type) or (types.is_decimal(field.type) and field.type.scale == 0):
            wanted = [pyarrow.int64(), pyarrow.float64()]
        elif types.is_decimal(field.type) or types.is_floating(field.type):
            wanted = [pyarrow.float64()]
        elif types.is_interval(field.type):
            spans = column.to_pylist()
            if not any(span and span.months for span in spans):  # a month is no length of time
                lengths = [span and span.days * 86_400_000_000 + span.nanoseconds // 1000 for span in spans]
                column, wanted = pyarrow.chunked_array([lengths], pyarrow.int64()), [pyarrow.duration("us")]
        for type in wanted:
            with suppress(pyarrow.ArrowInvalid):  # it does not fit
                table = table.set_column(index, field.name, column.cast(type))
                break
    return table


def _word(type: pyarrow.DataType) -> str:
    from pyarrow import types

    kinds = {
        "int": types.is_integer,
        "float": types.is_floating,
        "bool": types.is_boolean,
        "time": types.is_timestamp,
        "duration": types.is_duration,
        "list": types.is_list,
        "map": lambda type: types.is_map(type) or types.is_struct(type),
    }
    return next((word for word, fits in kinds.items() if fits(type)), "str")


def _in_one_line(error: duckdb.Error) -> SqlError:
    """Return DuckDB's message of several lines as one, without the place it points to and advice."""
    text = " ".join(_BEHIND.split(str(error))[0].split())
    if unknown := re.match(r"Catalog Error: Table with name (.+?) does not exist", text):
        return SqlError(f"no table {unknown[1]}; there are {', '.join(TABLES)}")
    return SqlError(text if len(text) <= 300 else f"{text[:299]}…")
