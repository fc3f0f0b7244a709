"""Many hosts: what one of them says or does costs the same among few and among many."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from agent_widget import protocol
from agent_widget.addresses import Where
from agent_widget.following.host import Host
from agent_widget.following.hosts import Hosts
from agent_widget.ingest.collector import Collector
from agent_widget.protocol import SourceState

SPACE = Where("nats://broker/space")


class _Origin:
    def __init__(self) -> None:
        self.asked_again = 0

    def again(self) -> None:
        self.asked_again += 1


class Fleet:
    """Hosts of a space, and how many of them were walked through to see which have the same rows."""

    def __init__(self, workspace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.hosts = Hosts([], Collector([workspace], follows=True))
        self.origin = self.hosts._origins[SPACE.url] = _Origin()  # type: ignore[assignment]
        self.walked = 0
        doubled = self.hosts._doubled

        def counted() -> Iterator[tuple[Host, Any]]:
            for each in doubled():
                self.walked += 1
                yield each

        monkeypatch.setattr(self.hosts, "_doubled", counted)

    def joins(self, number: int, home: str, epoch: str = "") -> Host:
        """Let a host say who it is and what it reads."""
        host = self.hosts._open(SPACE, f"{SPACE.url}/h{number}")
        sources = [SourceState("claude", "/home/ann/.claude", home=home)]
        host.welcome(protocol.Welcome(1, "0.1.0", epoch or f"e{number}", 0, 0, sources, {}, host=f"h{number}"))
        return host


def test_hosts_that_come_and_go_are_not_compared_with_each_other_each_time(
    workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fleet = Fleet(workspace, monkeypatch)
    members = [fleet.joins(number, f"home-{number}") for number in range(100)]
    for host in members:
        host.turned("live", None)
    assert fleet.walked <= 3 * 100 * 100
    fleet.walked = 0
    for state in ("reconnecting", "live", "reconnecting", "live"):
        for host in members:
            host.turned(state, None)  # type: ignore[arg-type]
    assert fleet.walked == 0


def test_a_host_that_reads_what_another_one_reads_is_still_found(
    workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fleet = Fleet(workspace, monkeypatch)
    first, second = fleet.joins(1, "home-1"), fleet.joins(2, "home-2")
    first.turned("live", None)
    second.turned("live", None)
    assert (first.skipped, second.skipped) == ({}, {})
    fleet.joins(1, "home-2", epoch="another life")  # the second host has its rows already; the first comes before it
    assert fleet.hosts.doubled(second) == {("claude", ""): "h1"}
    assert fleet.origin.asked_again == 1
