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
    from .alerts import Alert
    from .api import connect, watch
    from .client import Client
    from .collector import PathError
    from .comparison import compare
    from .connection import ConnectionFailed
    from .handles import Agent, AgentFailed
    from .live import LiveTable, Rows
    from .pages import Transcript
    from .process import Server, ServerError, serve
    from .sql import Result, SqlError
    from .store import Row
    from .version import VERSION as __version__
    from .webhooks import webhook
    from .widget import Dashboard

_HOMES = {
    "Agent": "handles",
    "AgentFailed": "handles",
    "Alert": "alerts",
    "Client": "client",
    "ConnectionFailed": "connection",
    "Dashboard": "widget",
    "LiveTable": "live",
    "PathError": "collector",
    "Result": "sql",
    "Row": "store",
    "Rows": "live",
    "Server": "process",
    "ServerError": "process",
    "SqlError": "sql",
    "Transcript": "pages",
    "compare": "comparison",
    "connect": "api",
    "serve": "process",
    "watch": "api",
    "webhook": "webhooks",
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
