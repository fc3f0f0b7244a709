"""Rows as columns: Arrow tables and pandas DataFrames with real dtypes.

The rows go to pyarrow as they are, dicts and all, and from Arrow to pandas mostly without a copy: 100,000 rows of
``tool_calls`` take about a tenth of a second (``tests/benchmarks/frames.py``), so nothing is kept between two calls.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from ..protocol import encodable
from ..store import Row
from ..tables import TABLES, WORDS, Column

if TYPE_CHECKING:
    import pandas
    import pyarrow

_BATCH: Final = 1 << 16
"""Maximum rows of a record batch, so that no column of it comes near the 2 GiB of Arrow's strings."""


def data_frame(table: str, rows: list[Row]) -> pandas.DataFrame:
    """Return a pandas DataFrame indexed by ``id``; raises ``ImportError`` with what to install.

    Times are ``datetime64[ms, UTC]``, durations ``timedelta64[ms]``, numbers ``Int64`` and ``Float64``, truths
    ``boolean``, texts ``str``; lists and maps are Python's. Words with few values are categories: those of a status or
    a level are always the same, the others are the sorted words the rows hold.
    """
    _check_pandas()
    frame = from_arrow(arrow_table(table, rows))
    for (name, column), words in WORDS.items():
        if name == table:
            others = [word for word in frame[column].cat.categories if word not in words]
            frame[column] = frame[column].cat.set_categories([*words, *others])
    return frame.set_index("id")


def from_arrow(table: pyarrow.Table) -> pandas.DataFrame:
    """Return a pandas DataFrame of the same columns, typed like those of :func:`data_frame`."""
    _check_pandas()
    import pandas
    from pyarrow import types

    text = pandas.Series([], dtype="str").dtype  # before pandas 3 no more than object, which Arrow gives by itself

    def values(column: pyarrow.ChunkedArray) -> Any:
        if types.is_dictionary(column.type):
            words = column.to_pandas()
            return words.cat.set_categories(sorted(words.cat.categories))
        if types.is_nested(column.type):
            return pandas.Series([plain(value, column.type) for value in column.to_pylist()], dtype="object")
        if types.is_string(column.type) and hasattr(text, "__from_arrow__"):
            return text.__from_arrow__(column)
        if types.is_integer(column.type):
            return pandas.Int64Dtype().__from_arrow__(column)
        if types.is_floating(column.type):
            return pandas.Float64Dtype().__from_arrow__(column)
        if types.is_boolean(column.type):
            return pandas.BooleanDtype().__from_arrow__(column)
        return column.to_pandas()

    return pandas.DataFrame({name: values(table.column(name)) for name in table.column_names})


def _check_pandas() -> None:
    try:
        import pandas  # noqa: F401
    except ImportError:
        raise ImportError('a DataFrame needs pandas: pip install "agent-widget[frames]", or use .rows()') from None


def plain(value: Any, type: pyarrow.DataType) -> Any:
    """Return a cell as Python has it: Arrow gives maps as lists of pairs."""
    from pyarrow import types

    return dict(value) if types.is_map(type) and value is not None else value


def _rounded(value: Any) -> Any:
    """Return a cell of floats with integers as the nearest ones: Arrow takes none above 2**53 that is not exact."""
    if isinstance(value, list):  # the pairs of a map
        return [(name, _rounded(item)) for name, item in value]
    return float(value) if isinstance(value, int) else value


def arrow_table(table: str, rows: list[Row]) -> pyarrow.Table:
    """Return a pyarrow Table; times are ``timestamp[ms, UTC]``, durations ``duration[ms]``, categories dictionaries.

    Raises ``ImportError`` with what to install.
    """
    try:
        import pyarrow
    except ImportError:
        raise ImportError('an Arrow table needs pyarrow: pip install "agent-widget[frames]"') from None

    types = {
        "str": pyarrow.string(),
        "int": pyarrow.int64(),
        "float": pyarrow.float64(),
        "bool": pyarrow.bool_(),
        "list": pyarrow.list_(pyarrow.string()),
        "map": pyarrow.map_(pyarrow.string(), pyarrow.float64()),
    }

    def type_of(column: Column) -> pyarrow.DataType:
        if column.is_time:
            return pyarrow.timestamp("ms", tz="UTC")
        if column.is_duration:
            return pyarrow.duration("ms")
        return pyarrow.dictionary(pyarrow.int32(), types["str"]) if column.categorical else types[column.type]

    columns = TABLES[table].columns
    schema = pyarrow.schema([(column.name, type_of(column)) for column in columns])
    given: list[Any] = rows
    for name in (column.name for column in columns if column.type == "map"):
        given = [{**row, name: None if row[name] is None else list(row[name].items())} for row in given]
    struct = pyarrow.struct(list(schema))

    floats = [column.name for column in columns if column.type in ("float", "map")]

    def array(piece: list[Any]) -> pyarrow.Array:
        try:
            return pyarrow.array(piece, struct)
        except (UnicodeEncodeError, pyarrow.ArrowInvalid):  # a file name need not be UTF-8, nor an integer a float
            piece = [{**row, **{name: _rounded(row[name]) for name in floats}} for row in piece]
            return pyarrow.array(encodable(piece), struct)

    pieces = (given[start : start + _BATCH] for start in range(0, len(given), _BATCH))
    batches = [pyarrow.RecordBatch.from_struct_array(array(piece)) for piece in pieces]
    return pyarrow.Table.from_batches(batches, schema).unify_dictionaries()
