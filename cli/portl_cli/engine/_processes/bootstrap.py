"""What a process of ``--isolate`` does: the hooks, and then nothing but AWS's own runtime client."""

from __future__ import annotations

import json
import signal
import socket
import sys

from portl_cli.engine._hooks import Hook, install
from portl_cli.engine._processes.link import WireLink
from portl_cli.engine._processes.wire import Wire


def main(link: int, hooks: str, handler: str) -> None:
    """Serves one function; does not come back until its host is gone or the client gives up."""
    from awslambdaric.__main__ import main as serve

    signal.signal(signal.SIGINT, signal.default_int_handler)
    install([Hook(**hook) for hook in json.loads(hooks)], WireLink(Wire(socket.socket(fileno=link))))
    try:
        serve([sys.executable, handler])
    except KeyboardInterrupt:
        sys.exit(128 + signal.SIGINT)
