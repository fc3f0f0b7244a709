"""Rows by way of a message broker (NATS JetStream): for hosts that nobody can reach, or that many read.

:mod:`.address` says where the broker is and who may; :mod:`.stream` how rows lie there; :mod:`.publisher` puts the rows
of this server there. Reading them is :mod:`agent_widget.following`'s.
"""

from .address import Address as Address
from .address import AddressError as AddressError
from .address import address as address
