"""Recordings of real agents, grown again: what we say an agent does, against what somebody else saw. See replay.py."""
