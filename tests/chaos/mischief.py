"""What goes wrong while a job runs, at random: workers and the database server are killed."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress

from chaos.killable_server import KillableServer
from conftest import connect

MOST = {"workers": 20, "server": 6}
"""So often each is done at most: a run must be able to end. Half of it is kept until calls go out, behind the transaction."""
OPEN = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'portl' AND xact_start IS NOT NULL"


class Mischief:
    """Runs beside the runs of a job until ``stop``. ``counts`` says what was done; ``calm_s`` is how long a calm run takes.

    ``calling`` says whether the first call was received.
    """

    def __init__(
        self, server: KillableServer, seed: int, calm_s: float, calling: Callable[[], bool], tell: Callable[[str], None]
    ) -> None:
        self.counts: Counter[str] = Counter()
        self._server, self._calm_s, self._calling, self._tell = server, calm_s, calling, tell
        self._run: subprocess.Popen[str] | None = None
        self._over = threading.Event()
        kinds = {"workers": (self._kill_workers, 0.04, 0.2), "server": (self._kill_server, 0.1, 0.3)}
        self._threads = [
            threading.Thread(target=self._again, args=(name, random.Random(f"{seed} {name}"), *how))  # noqa: S311 - draws, not secrets
            for name, how in kinds.items()
        ]

    def watch(self, run: subprocess.Popen[str]) -> None:
        """The workers of this run are the ones to kill from now on."""
        self._run = run

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join()

    def _again(self, name: str, chance: random.Random, do: Callable[[random.Random], None], least: float, most: float) -> None:
        for number in range(MOST[name]):
            while number >= MOST[name] // 2 and not self._calling() and not self._over.wait(0.5):
                pass
            if self._over.wait(chance.uniform(least, most) * self._calm_s):
                return
            do(chance)

    def _kill_workers(self, chance: random.Random) -> None:
        """About half of them at once, so that some are at work."""
        workers = self._workers()
        chosen = chance.sample(workers, (len(workers) + 1) // 2)
        for pid in chosen:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
                self.counts["workers killed"] += 1
        self._tell(f"{len(chosen)} of {len(workers)} workers killed")

    def _kill_server(self, chance: random.Random) -> None:
        """In the middle of a transaction, as long as there are no calls yet."""
        inside = not self._calling()
        while inside and not self._over.is_set() and not self._transaction_open():
            time.sleep(0.1)
        if inside:
            self._over.wait(chance.uniform(0, 0.1) * self._calm_s)
        if self._over.is_set():
            return
        opened = self._transaction_open()
        self._server.kill()
        down = chance.uniform(0.2, 2)
        time.sleep(down)
        self._server.start()
        self.counts["server killed"] += 1
        self.counts["transactions cut off"] += opened
        self._tell(f"server killed, {down:.1f} s down, transaction open: {opened}")

    def _transaction_open(self) -> bool:
        connection = connect(self._server.url)
        try:
            found = connection.run(OPEN)
        finally:
            connection.close()
        return bool(found and found[0][0])

    def _workers(self) -> list[int]:
        """The run starts one process, and that one starts the workers."""
        if self._run is None or self._run.poll() is not None:
            return []
        listed = subprocess.run(["ps", "-A", "-o", "pid=,ppid="], capture_output=True, text=True, check=True).stdout
        parents = {int(pid): int(parent) for pid, parent in (line.split() for line in listed.splitlines())}
        return sorted(pid for pid, parent in parents.items() if parents.get(parent) == self._run.pid)
