"""A peer whose GET answers come in pages: ``python paging_peer.py FILE`` serves and is scripted like the embedded one.

``/link``, ``/url``, ``/relative``, ``/cursor``, ``/body`` and ``/number`` give ``total`` records in pages of ``size`` (query),
each with its way to the next one. ``/loop`` leads back to its second page, ``/away`` to the address in ``to``, ``/none`` has no
list.
"""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

from portl_cli.embedded import Peer
from portl_cli.embedded._peer_server import _Handler, _Server


class _Paging(_Server):
    def __init__(self, file: Path) -> None:
        super().__init__(file, [])
        self.RequestHandlerClass = _Pages


class _Pages(_Handler):
    def _body(self) -> bytes:
        self.raw = super()._body()
        return self.raw

    def _answer(self, status: int, document: dict[str, Any], retry_after: float | None = None) -> None:
        parts = urlsplit(self.path)
        asked = {name: values[-1] for name, values in parse_qs(parts.query).items()}
        if parts.path == "/body" and self.raw:
            asked |= json.loads(self.raw)
        if status != 200 or "total" not in asked:
            return super()._answer(status, document, retry_after)
        size, total, page = int(asked.get("size", 10)), int(asked["total"]), int(asked.get("page", 1))
        items = [{"code": f"I-{at}", "n": at} for at in range((page - 1) * size, min(page * size, total))]
        more = page * size < total
        query = urlencode({**asked, "page": page + 1})
        address = f"http://{self.headers['Host']}{parts.path}?{query}"
        self.links = [f'<{address}>; rel="next"'] if more and parts.path == "/link" else []
        document = {
            "/link": items,
            "/url": {"items": items, "next": address if more else None},
            "/relative": {"items": items, "next": f"?{query}" if more else ""},
            "/cursor": {"data": {"items": items}, "cursor": page + 1 if more else None},
            "/body": {"data": {"items": items}, "cursor": page + 1 if more else None},
            "/number": items,
            "/loop": {"items": items, "next": "?total=99&page=2"},
            "/away": {"items": items, "next": asked.get("to")},
            "/none": {"items": "what?", "next": None},
        }[parts.path]
        return super()._answer(200, document)

    def send_header(self, keyword: str, value: str) -> None:
        if keyword == "Content-Type":
            for link in getattr(self, "links", []):
                super().send_header("Link", link)
        super().send_header(keyword, value)


def start_paging_peer(file: Path) -> Peer:
    command = [sys.executable, __file__, str(file)]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, start_new_session=True)
    assert process.stdout is not None
    return Peer(process, f"http://127.0.0.1:{process.stdout.readline().strip()}", file)


if __name__ == "__main__":
    with _Paging(Path(sys.argv[1])) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        print(server.server_address[1], flush=True)  # noqa: T201 - who started it reads the port
        sys.stdin.read()
