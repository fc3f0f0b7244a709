"""The environment variables that are read: they may hold what must not stand in a command line."""

from typing import Final

TOKEN: Final = "AGENT_WIDGET_TOKEN"
"""The token of a server."""
FOLLOW: Final = "AGENT_WIDGET_FOLLOW"
"""Hosts to follow, one a line, with their tokens."""
FOLLOW_TOKEN: Final = "AGENT_WIDGET_FOLLOW_TOKEN"
"""The token of hosts that are followed."""
NATS_CREDENTIALS: Final = "AGENT_WIDGET_NATS_CREDENTIALS"
"""Credentials for brokers, or the path of a file that has them."""
