"""The watcher server."""
