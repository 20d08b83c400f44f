"""A server of Azure's Blob protocol on loopback: Azurite, Microsoft's own, in memory. https://github.com/Azure/Azurite"""

from __future__ import annotations

import atexit
import base64
import hashlib
import hmac
import re
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import format_datetime

import httpx

from node_tools import node_modules

ACCOUNT = "devstoreaccount1"
KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
"""Of every emulator; public. https://learn.microsoft.com/en-us/azure/storage/common/storage-use-azurite"""
_LISTENS = re.compile(r"listens on (http://\S+)")


@dataclass(frozen=True)
class Azurite:
    """A server that runs until this process ends."""

    endpoint: str
    process: subprocess.Popen[str]

    def make_container(self, name: str) -> None:
        """Makes a container, by another way than the driver has: the account's key signs the call itself."""
        now = format_datetime(datetime.now(UTC), usegmt=True)
        told = {"x-ms-date": now, "x-ms-version": "2023-11-03"}
        lines = ["PUT", *[""] * 11, *(f"{name}:{value}" for name, value in told.items())]
        text = "\n".join([*lines, f"/{ACCOUNT}/{ACCOUNT}/{name}", "restype:container"])
        mac = base64.b64encode(hmac.new(base64.b64decode(KEY), text.encode(), hashlib.sha256).digest()).decode()
        told["Authorization"] = f"SharedKey {ACCOUNT}:{mac}"
        httpx.put(f"{self.endpoint}/{name}?restype=container", headers=told).raise_for_status()


def start_azurite() -> Azurite:
    """Starts one; skips where node is missing."""
    program = node_modules() / "azurite" / "dist" / "src" / "blob" / "main.js"
    folder = tempfile.mkdtemp(prefix="portl-azurite-")  # else it leaves its configuration where the tests run
    command = ["node", str(program), "--blobHost", "127.0.0.1", "--blobPort", "0"]
    quiet = ["--inMemoryPersistence", "--silent", "--disableTelemetry"]
    process = subprocess.Popen([*command, *quiet], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd=folder)
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    atexit.register(process.kill)
    said = ""
    for line in process.stdout or ():
        said += line
        if found := _LISTENS.search(line):
            return Azurite(f"{found[1]}/{ACCOUNT}", process)
    raise RuntimeError(f"Azurite did not start: {said}")
