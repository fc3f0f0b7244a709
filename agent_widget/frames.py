"""Rows as columns: Arrow tables and pandas DataFrames with real dtypes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .store import Row
from .tables import TABLES, Column

if TYPE_CHECKING:
    import pandas
    import pyarrow


def data_frame(table: str, rows: list[Row]) -> pandas.DataFrame:
    """A pandas DataFrame indexed by ``id``; raises ``ImportError`` with what to install."""
    try:
        import pandas
    except ImportError:
        raise ImportError('a DataFrame needs pandas: pip install "agent-widget[frames]"') from None

    def series(column: Column) -> pandas.Series[Any]:
        values = [row[column.name] for row in rows]
        if column.is_time:
            times = pandas.Series(values, dtype="Int64")
            return pandas.to_datetime(times, unit="ms", utc=True).astype("datetime64[ms, UTC]")
        if column.is_duration:
            return pandas.to_timedelta(pandas.Series(values, dtype="Int64"), unit="ms").astype("timedelta64[ms]")
        if column.categorical:
            return pandas.Series(values, dtype="category")
        dtype = {"int": "Int64", "float": "Float64", "bool": "boolean", "str": "str"}.get(column.type, "object")
        return pandas.Series(values, dtype=dtype)

    return pandas.DataFrame({column.name: series(column) for column in TABLES[table].columns}).set_index("id")


def arrow_table(table: str, rows: list[Row]) -> pyarrow.Table:
    """A pyarrow Table; times are ``timestamp[ms, UTC]``, durations ``duration[ms]``, maps lists of pairs.

    Raises ``ImportError`` with what to install.
    """
    try:
        import pyarrow
    except ImportError:
        raise ImportError('an Arrow table needs pyarrow: pip install "agent-widget[frames]"') from None

    def array(column: Column) -> pyarrow.Array:
        values = [row[column.name] for row in rows]
        if column.is_time:
            return pyarrow.array(values, pyarrow.timestamp("ms", tz="UTC"))
        if column.is_duration:
            return pyarrow.array(values, pyarrow.duration("ms"))
        if column.categorical:
            return pyarrow.array(values, pyarrow.string()).dictionary_encode()
        types = {
            "str": pyarrow.string(),
            "int": pyarrow.int64(),
            "float": pyarrow.float64(),
            "bool": pyarrow.bool_(),
            "list": pyarrow.list_(pyarrow.string()),
            "map": pyarrow.map_(pyarrow.string(), pyarrow.float64()),
        }
        if column.type == "map":
            values = [None if value is None else list(value.items()) for value in values]
        return pyarrow.array(values, types[column.type])

    columns = TABLES[table].columns
    return pyarrow.table([array(column) for column in columns], names=[column.name for column in columns])
