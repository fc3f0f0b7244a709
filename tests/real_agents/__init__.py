"""The lab: real coding agents, run against a stub of their model's API, and what we say of them beside what they did.

``python -m tests.real_agents [AGENT…]`` from the repository's root installs the newest version of each agent (npm, into
a temporary directory or ``--into``), runs it with scenarios (``scripts.py``) in a network of its own that has nothing
but loopback, records how its files grew and what really happened, and compares as ``tests/recordings`` does. It is no
part of the tests. Linux only: it needs ``unshare``, ``nsenter``, ``ip``, ``tmux``, ``git``, ``npm``, and root or user
namespaces.
"""
