"""A real SFTP server on loopback, by asyncssh, in a thread: another implementation than the one the driver stands on."""

from __future__ import annotations

import asyncio
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import asyncssh

PASSWORD = "pl4in"


@dataclass
class SftpServer:
    """A server that runs until ``stop``, or until the process ends."""

    root: Path
    port: int
    host_key: str
    loop: asyncio.AbstractEventLoop
    connections: list[Any]

    def cut(self) -> None:
        """Breaks every connection at once."""
        self.loop.call_soon_threadsafe(lambda: [each.abort() for each in self.connections])


def start_sftp_server(root: Path, factory: type[asyncssh.SFTPServer] = asyncssh.SFTPServer, client_key: str = "") -> SftpServer:
    """Serves a folder; ``factory`` may be a server that lacks something, ``client_key`` may log in beside the password."""
    root.mkdir(parents=True, exist_ok=True)
    key = asyncssh.generate_private_key("ssh-ed25519")
    loop = asyncio.new_event_loop()
    threading.Thread(target=loop.run_forever, name="sftp-server", daemon=True).start()
    connections: list[Any] = []

    class Login(asyncssh.SSHServer):
        def connection_made(self, conn: Any) -> None:
            connections.append(conn)

        def password_auth_supported(self) -> bool:
            return True

        def validate_password(self, username: str, password: str) -> bool:
            return (username, password) == ("tester", PASSWORD)

    async def listen() -> Any:
        more = {"authorized_client_keys": asyncssh.import_authorized_keys(client_key)} if client_key else {}
        return await asyncssh.listen(
            "127.0.0.1",
            0,
            server_factory=Login,
            server_host_keys=[key],
            sftp_factory=lambda channel: factory(channel, chroot=str(root).encode()),
            **more,
        )

    server = asyncio.run_coroutine_threadsafe(listen(), loop).result(30)
    return SftpServer(root, server.sockets[0].getsockname()[1], key.export_public_key().decode().strip(), loop, connections)
