"""The client: a replica of a server's tables, and what reacts to its changes."""
