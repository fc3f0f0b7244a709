"""The tables of a client."""

from __future__ import annotations

from collections.abc import Callable
from typing import Self, TypeVar

from ..data.table import StoredTable
from .callbacks import must_be_function
from .replica import Replica

T = TypeVar("T")


class LiveTable(StoredTable):
    """One table as it is now; every reading sees the newest rows.

    Supports ``len()``, iteration, ``table["id"]``, ``"id" in table``, :meth:`rows`, :meth:`where`, :meth:`df`,
    :meth:`csv`, :meth:`json` and :meth:`parquet`, and waiting: :meth:`until` and :meth:`wait`. What understands the
    Arrow PyCapsule interface takes it as it is: ``polars.DataFrame(table)``, ``pyarrow.table(table)``,
    ``duckdb.sql("from table")``.
    """

    def __init__(self, replica: Replica, name: str) -> None:
        super().__init__(replica.store, name)
        self._replica = replica

    async def until(self, predicate: Callable[[Self], T], timeout: float | None = None) -> T:
        """Wait until ``predicate(table)`` is true and return its value.

        ``await client.tasks.until(lambda tasks: all(task.status == "completed" for task in tasks), timeout=600)``

        It is asked whenever the table changed, and twice a second. Raises ``TimeoutError`` after ``timeout`` seconds,
        and :class:`ConnectionFailed` when the client is closed or refused.
        """
        must_be_function(predicate, "what to wait for")
        return await self._replica.until(lambda: predicate(self), timeout, [self.name])

    def wait(self, predicate: Callable[[Self], T], timeout: float | None = None) -> T:
        """:meth:`until` for a cell or thread without ``await``: blocks, and can be interrupted."""
        must_be_function(predicate, "what to wait for")
        return self._replica.wait(lambda: predicate(self), timeout, [self.name])
