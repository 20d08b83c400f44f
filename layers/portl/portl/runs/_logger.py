"""The logger behind ``log``: a module of its own, for what it loads is loaded with the first line only."""

from __future__ import annotations

import logging
import os
import sys
from functools import cache
from typing import Any

from aws_lambda_powertools.logging import Logger
from aws_lambda_powertools.logging.formatter import LambdaPowertoolsFormatter

from portl.values import redact, to_json


class _Formatter(LambdaPowertoolsFormatter):
    def serialize(self, log: Any) -> str:
        line = {
            "ts": log.get("timestamp"),
            "level": log.get("level"),
            "run": log.get("run"),
            "step_id": log.get("step_id"),
            "idx": log.get("idx"),
            "event": log.get("message"),
            "details": log.get("details"),
            "request_id": log.get("request_id"),
        }
        return super().serialize(redact(to_json({name: value for name, value in line.items() if value is not None})))


@cache
def logger(path: str) -> Logger:
    """A logger into a file, or to standard output when ``path`` is empty."""
    stream: logging.Handler = logging.FileHandler(path, encoding="utf-8") if path else logging.StreamHandler(sys.stdout)
    formatter = _Formatter(utc=True, use_rfc3339=True)
    name = f"portl:{path}"
    return Logger(service=name, level=os.environ.get("LOG_LEVEL", "INFO"), logger_handler=stream, logger_formatter=formatter)
