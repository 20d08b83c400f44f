from __future__ import annotations

import uuid
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from portl_cli.engine._clock import Clock
    from portl_cli.engine.template import Function


class LambdaContext:
    """What a handler gets beside its event.

    https://docs.aws.amazon.com/lambda/latest/dg/python-context.html
    """

    function_version = "$LATEST"

    def __init__(self, function: Function, clock: Clock, request_id: str = "") -> None:
        self.function_name = function.name
        self.memory_limit_in_mb = str(function.memory)
        self.invoked_function_arn = f"arn:aws:lambda:local:000000000000:function:{function.name}"
        self.aws_request_id = request_id or str(uuid.uuid4())
        self._clock = clock
        self._end = clock.now() + timedelta(seconds=function.timeout)

    def get_remaining_time_in_millis(self) -> int:
        """Milliseconds until the function's timeout, never below 0."""
        return max(0, int((self._end - self._clock.now()).total_seconds() * 1000))

    def overdue(self, now: datetime) -> bool:
        """Whether the function ran past its timeout."""
        return now > self._end
