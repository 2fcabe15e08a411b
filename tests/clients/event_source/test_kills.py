"""`EventSource` receives each event once from a server that is killed again and again."""

import os
import random
import socket
import subprocess
import sys
import threading
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx
import httpx2
import numbered_server
import pytest
from event_sources import Way, expect_end
from reading import DROPS
from seeds import SEED

from fastsse.event_source import _policy

pytestmark = DROPS


class Lives:
    """Starts the numbered server again and again, on one port, whenever it has killed itself."""

    def __init__(self, seed: int, kills: int) -> None:
        dice = random.Random(seed)
        self.port = self._free_port()
        self.url = f"http://127.0.0.1:{self.port}/"
        self.codes: list[int] = []
        self._lives = [str(dice.randrange(1200)) for _ in range(kills)] + ["last"]
        self._seed = seed
        self._process: subprocess.Popen[bytes] | None = None
        self._is_over = False
        self._thread = threading.Thread(target=self._run)

    def _free_port(self) -> int:
        # Below those that the system gives to clients, one of which may take it between two lives.
        while True:
            port = random.randrange(20_000, 32_000)
            with suppress(OSError), socket.create_server(("127.0.0.1", port)):
                return port

    def _run(self) -> None:
        path = Path(numbered_server.__file__)
        for life in self._lives:
            command = [sys.executable, "-S", "-E", path, str(self.port), str(self._seed), life]
            self._process = subprocess.Popen(command)
            self.codes.append(self._process.wait())
            if self._is_over:
                return

    def __enter__(self) -> "Lives":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._is_over = True
        if self._process is not None:
            self._process.kill()
        self._thread.join()


@pytest.mark.slow
class TestKills:
    """The server dies by SIGKILL at random places: before, in and after headers and events."""

    @pytest.mark.parametrize(
        ("reader", "kills", "wait"),
        [
            (Way(httpx2, "sync"), 100, 0.1),
            (Way(httpx, "asyncio"), 100, 0.02),
            (Way(httpx2, "trio"), 20, 0.02),
        ],
        ids=["httpx2-sync", "httpx-asyncio", "httpx2-trio"],
    )
    def test_each_number_comes_once(
        self, reader: Way, kills: int, wait: float, monkeypatch: Any
    ) -> None:
        monkeypatch.setattr(_policy, "SHORTEST_WAIT", wait)
        with Lives(SEED, kills) as lives:
            read = reader.read(lives.url)
        expect_end(read, [numbered_server.data_of(1 + n) for n in range(len(read.data))])
        killed = -numbered_server.DEATH if os.name == "posix" else numbered_server.DEATH
        assert lives.codes[:-1] == [killed] * kills
        assert len(read.data) >= numbered_server.LAST
        assert read.source.last_event_id == str(len(read.data))
        assert len(read.again) > kills
        assert read.source.retry == 1
        assert any(again.error is None for again in read.again) or kills < 100
