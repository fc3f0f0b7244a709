"""A client that stays while the server's files are put back from a backup equals a fresh one."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from agent_widget.client.client import Client
from agent_widget.client.wire import Wire
from tests.support.wire import contents, hosted, say, until, write_tasks

pytestmark = pytest.mark.usefixtures("own_machine")


class Machine:
    """A directory with a workspace and its archive, and a backup of it."""

    def __init__(self, directory: Path) -> None:
        self.workspace = directory / "machine" / "workspace"
        self.state = directory / "machine" / "state"
        self.archive = self.state / "archive.sqlite3"
        self._backup = directory / "backup"
        for made in (self.workspace, self.state):
            made.mkdir(parents=True)

    def back_up(self) -> None:
        shutil.copytree(self.state.parent, self._backup)

    def put_back(self, *names: str) -> None:
        """Put directories back as they were."""
        for name in names:
            shutil.rmtree(self.state.parent / name)
            shutil.copytree(self._backup / name, self.state.parent / name)


def same(one: Client, other: Client) -> bool:
    return contents(one._link.store) == contents(other._link.store)


def another_one(machine: Machine) -> None:
    """Put the archive of another machine with the same roots in the place of this one's."""
    machine.put_back("workspace")
    shutil.rmtree(machine.state)
    with hosted(machine.workspace, archive=machine.archive):
        pass


SHAPES: dict[str, tuple[Callable[[Machine], object], bool]] = {
    "nothing": (lambda machine: None, True),
    "archive and files": (lambda machine: machine.put_back("state", "workspace"), True),
    "both once more": (lambda machine: machine.put_back("state", "workspace"), True),
    "the archive": (lambda machine: machine.put_back("state"), True),
    "the archive of another machine": (another_one, False),
    "no archive": (lambda machine: shutil.rmtree(machine.state), False),
    "a damaged archive": (lambda machine: machine.archive.write_bytes(b"\1" * 5000), False),
    "both after all that": (lambda machine: machine.put_back("state", "workspace"), False),
}
"""What is put back, and whether the life of the tables goes on."""


def test_a_client_that_stays_equals_a_fresh_one_whatever_is_put_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Wire, "back_off", (0.01, 0.05))
    machine, numbers = Machine(tmp_path), iter(range(1000))
    say(machine.workspace, next(numbers))
    with hosted(machine.workspace, archive=machine.archive) as server:
        client = Client(server.url, server.token)
        client.wait(lambda client: len(client.messages) == 1, 10)
        token, port = server.token, server.port
    machine.back_up()
    for name, (put, goes_on) in SHAPES.items():
        epoch = client._link.store.epoch
        put(machine)
        new, lost = f"m{next(numbers)}", next(numbers)
        say(machine.workspace, int(new[1:]))
        write_tasks(machine.workspace, *map(str, range(lost + 5)))  # more than was lost, so that numbers are the same
        with hosted(machine.workspace, archive=machine.archive, token=token, port=port) as server:
            until(lambda new=new: new in client.messages)
            fresh = Client(server.url, server.token)
            fresh.wait(lambda fresh, new=new: new in fresh.messages, 10)
            until(partial(same, client, fresh))
            fresh.close()
            assert (client._link.store.epoch == epoch) is goes_on, name
            say(machine.workspace, lost)
            until(lambda lost=lost: f"m{lost}" in client.messages)
    client.close()
