"""Other hosts' tables in this server's own: one server that follows many.

Where a host's changes come from is an :class:`.origin.Origin` (a WebSocket, an ssh tunnel); a :class:`.host.Host` makes
rows of this server of them; :class:`.hosts.Hosts` has all of them and passes on what only they can answer.
"""

from .hosts import Hosts as Hosts
