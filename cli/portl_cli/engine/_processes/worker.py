"""What a worker process does: loads one function and runs its invocations, one at a time."""

from __future__ import annotations

import os
import signal
import sys
from typing import TYPE_CHECKING

from portl_cli.engine._clock import SystemClock
from portl_cli.engine._context import LambdaContext
from portl_cli.engine._handler import Handler, load_handler
from portl_cli.engine._hooks import install
from portl_cli.engine._host import Failed, call, exit_status
from portl_cli.engine._processes.link import WireLink
from portl_cli.engine._processes.messages import Spec, answer_document
from portl_cli.engine._processes.wire import Wire

if TYPE_CHECKING:
    import socket

_INTERRUPTED = 128 + signal.SIGINT


def work(end: socket.socket, spec: Spec) -> int:
    """Serves a host until it is gone, and answers the status to leave with.

    Lambda's runtime does the same over HTTP: https://docs.aws.amazon.com/lambda/latest/dg/runtimes-custom.html.
    """
    try:
        prepare(spec)
        link = WireLink(Wire(end))
        install(spec.hooks, link)
        handler = load_handler(spec.function)
        if isinstance(handler, Failed):
            link.tell({"op": "broken", "answer": answer_document(handler)})
            return 1
        link.tell({"op": "ready"})
        _serve(link, spec, handler)
    except KeyboardInterrupt:
        return _INTERRUPTED
    except SystemExit as leaving:
        return exit_status(leaving)
    return 0


def prepare(spec: Spec) -> None:
    """Gives this process the surroundings of its function; the process leads a group of its own."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    os.environ.clear()
    os.environ.update(spec.environment)
    os.chdir(spec.folder)
    sys.path[:] = [*spec.path]


def _serve(link: WireLink, spec: Spec, handler: Handler) -> None:
    while True:
        asked = link.invocations.get()
        context = LambdaContext(spec.function, SystemClock(), asked["request_id"])
        answer = call(lambda: handler(asked["event"], context), asked["request_id"], spec.response)  # noqa: B023 - called at once
        sys.stdout.flush()
        link.tell({"op": "answer", "answer": answer_document(answer)})
