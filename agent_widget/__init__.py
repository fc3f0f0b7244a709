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
    from .client.agent import Agent as Agent
    from .client.agent import AgentFailed as AgentFailed
    from .client.alerts import Alert as Alert
    from .client.changes import MessageRow as MessageRow
    from .client.changes import Messages as Messages
    from .client.changes import TaskRow as TaskRow
    from .client.changes import Tasks as Tasks
    from .client.client import Client as Client
    from .client.errors import CallError as CallError
    from .client.errors import ConnectionFailed as ConnectionFailed
    from .client.errors import NotFound as NotFound
    from .client.errors import PartialWarning as PartialWarning
    from .client.hits import Hits as Hits
    from .client.pace import Pace as Pace
    from .client.pace import pace as pace
    from .client.pace import runs_out as runs_out
    from .client.table import LiveTable as LiveTable
    from .client.trouble import AgentTrouble as AgentTrouble
    from .client.trouble import Trouble as Trouble
    from .client.trouble import stuck as stuck
    from .client.trouble import troubles as troubles
    from .client.webhooks import webhook as webhook
    from .data.compare import compare as compare
    from .data.sql import Result as Result
    from .data.sql import SqlError as SqlError
    from .data.table import Rows as Rows
    from .data.transcript import Transcript as Transcript
    from .ingest.roots import PathError as PathError
    from .notebook.api import connect as connect
    from .notebook.api import watch as watch
    from .notebook.widget import Dashboard as Dashboard
    from .recording import Recorder as Recorder
    from .recording import record as record
    from .server.launch import Server as Server
    from .server.launch import ServerError as ServerError
    from .server.launch import serve as serve
    from .store import Row as Row
    from .version import VERSION as __version__

_MODULES = {
    "Agent": "client.agent",
    "AgentFailed": "client.agent",
    "AgentTrouble": "client.trouble",
    "Alert": "client.alerts",
    "CallError": "client.errors",
    "Client": "client.client",
    "ConnectionFailed": "client.errors",
    "Dashboard": "notebook.widget",
    "Hits": "client.hits",
    "LiveTable": "client.table",
    "MessageRow": "client.changes",
    "Messages": "client.changes",
    "NotFound": "client.errors",
    "Pace": "client.pace",
    "PartialWarning": "client.errors",
    "PathError": "ingest.roots",
    "Recorder": "recording",
    "Result": "data.sql",
    "Row": "store",
    "Rows": "data.table",
    "Server": "server.launch",
    "ServerError": "server.launch",
    "SqlError": "data.sql",
    "TaskRow": "client.changes",
    "Tasks": "client.changes",
    "Transcript": "data.transcript",
    "Trouble": "client.trouble",
    "compare": "data.compare",
    "connect": "notebook.api",
    "pace": "client.pace",
    "record": "recording",
    "runs_out": "client.pace",
    "serve": "server.launch",
    "stuck": "client.trouble",
    "troubles": "client.trouble",
    "watch": "notebook.api",
    "webhook": "client.webhooks",
}

__all__ = [*_MODULES, "__version__"]


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from .version import VERSION

        return VERSION
    if name not in _MODULES:
        raise AttributeError(f"module 'agent_widget' has no attribute {name!r}")
    value = globals()[name] = getattr(import_module(f".{_MODULES[name]}", __name__), name)
    return value


def __dir__() -> list[str]:
    return __all__
