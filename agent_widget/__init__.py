"""Live tables and a live dashboard of the AI agents on this machine, in a notebook.

>>> import agent_widget as aw
>>> dash = aw.watch("memory/")     # start or reuse a server, connect, show
>>> dash.tasks.df()                # every table is a live DataFrame

Names are loaded when they are first used: the server and the command line need no widget, and start faster
and smaller without one.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .client.agent import Agent, AgentFailed
    from .client.alerts import Alert
    from .client.client import Client
    from .client.connection import ConnectionFailed
    from .client.webhooks import webhook
    from .data.compare import compare
    from .data.sql import Result, SqlError
    from .data.table import LiveTable, Rows
    from .data.transcript import Transcript
    from .ingest.collector import PathError
    from .notebook.api import connect, watch
    from .notebook.widget import Dashboard
    from .server.launch import Server, ServerError, serve
    from .store import Row
    from .version import VERSION as __version__

_HOMES = {
    "Agent": "client.agent",
    "AgentFailed": "client.agent",
    "Alert": "client.alerts",
    "Client": "client.client",
    "ConnectionFailed": "client.connection",
    "Dashboard": "notebook.widget",
    "LiveTable": "data.table",
    "PathError": "ingest.collector",
    "Result": "data.sql",
    "Row": "store",
    "Rows": "data.table",
    "Server": "server.launch",
    "ServerError": "server.launch",
    "SqlError": "data.sql",
    "Transcript": "data.transcript",
    "compare": "data.compare",
    "connect": "notebook.api",
    "serve": "server.launch",
    "watch": "notebook.api",
    "webhook": "client.webhooks",
}

__all__ = [
    "Agent",
    "AgentFailed",
    "Alert",
    "Client",
    "ConnectionFailed",
    "Dashboard",
    "LiveTable",
    "PathError",
    "Result",
    "Row",
    "Rows",
    "Server",
    "ServerError",
    "SqlError",
    "Transcript",
    "__version__",
    "compare",
    "connect",
    "serve",
    "watch",
    "webhook",
]


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from importlib.metadata import version

        return version("agent-widget")
    if name not in _HOMES:
        raise AttributeError(f"module 'agent_widget' has no attribute {name!r}")
    value = globals()[name] = getattr(import_module(f".{_HOMES[name]}", __name__), name)
    return value


def __dir__() -> list[str]:
    return __all__
