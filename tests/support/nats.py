"""A real NATS server for tests: on loopback, its stream in a directory of the test's."""

from __future__ import annotations

import contextlib
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import msgspec

from agent_widget.broker.address import Address, address
from agent_widget.broker.stream import GONE, HOST, Broker, Subject, id_of
from tests.support.processes import wait_for

PROGRAM = shutil.which("nats-server", path=str(Path(sys.executable).parent)) or shutil.which("nats-server")


class NatsServer:
    """A broker that can be killed and started again with what it has kept."""

    def __init__(self, directory: Path, config: str = "") -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.directory = directory
        self.config = directory / "nats.conf"
        self.config.write_text(
            f"listen: 127.0.0.1:{self.port}\njetstream {{ store_dir: '{directory}/store', max_file: 100GB }}\n{config}"
        )
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def address(self, space: str = "lab", **given: str) -> Address:
        more = "?host=" + given["host"] if "host" in given else ""
        return address(f"nats://127.0.0.1:{self.port}/{space}{more}")

    def start(self) -> None:
        assert PROGRAM is not None
        with (self.directory / "log").open("ab") as log:
            self._process = subprocess.Popen([PROGRAM, "-c", str(self.config)], stdout=log, stderr=log)
        wait_for(self._listens, "the broker listens")

    def _listens(self) -> bool:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 1):
            return True
        return False

    def kill(self) -> None:
        """End it as a power cut would, but for the disk."""
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        self._end(signal.SIGTERM)

    def _end(self, number: int) -> None:
        process, self._process = self._process, None
        if process is not None:
            process.send_signal(number)
            process.wait()


@contextlib.contextmanager
def nats_server(directory: Path, config: str = "") -> Iterator[NatsServer]:
    """A broker for the block."""
    server = NatsServer(directory, config)
    server.start()
    try:
        yield server
    finally:
        server.stop()


async def stream_rows(address: Address, *, name: str = "reader") -> dict[str, dict[str, dict[str, object]]]:
    """What a reader that joins now gets: host → table/id → row; removed rows are left out."""
    broker = await Broker.connect(address, name)
    try:
        found: dict[str, dict[str, dict[str, object]]] = {}
        lists = broker.messages(f"{broker.space.prefix}.>")
        async with contextlib.aclosing(lists):  # type: ignore[type-var]
            async for messages in lists:
                for message in messages:
                    about = Subject.parse(message.subject)
                    if about.table == HOST or about.row is None:
                        continue
                    row = msgspec.json.decode(message.data)
                    assert id_of(about.row) in (None, row["id"])
                    rows = found.setdefault(about.host, {})
                    if GONE in message.headers:
                        rows.pop(f"{about.table}/{row['id']}", None)
                    else:
                        rows[f"{about.table}/{row['id']}"] = row
                if not messages or messages[-1].left == 0:
                    return found
    finally:
        await broker.close()
    raise AssertionError("a reading does not end")
