"""The environment variables that are read: what must not stand in a command line, and what has none."""

from typing import Final

TOKEN: Final = "AGENT_WIDGET_TOKEN"
"""The token of a server."""
FOLLOW: Final = "AGENT_WIDGET_FOLLOW"
"""Hosts to follow, one a line, with their tokens."""
FOLLOW_TOKEN: Final = "AGENT_WIDGET_FOLLOW_TOKEN"
"""The token of hosts that are followed."""
NATS_CREDENTIALS: Final = "AGENT_WIDGET_NATS_CREDENTIALS"
"""Credentials for brokers, or the path of a file that has them."""
KEEP_SWITCH_INTERVAL: Final = "AGENT_WIDGET_KEEP_SWITCH_INTERVAL"
"""Not empty: dashboards leave the interval after which Python's threads give way as it is."""
