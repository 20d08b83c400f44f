"""Structured log lines ``{ts, level, run, step_id, idx?, event, details}``, the same in Lambda and on a laptop.

In Lambda they go to standard output, where CloudWatch reads them; locally to the file that ``PORTL_LOG`` names.
"""

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
def _logger(path: str) -> Logger:
    stream: logging.Handler = logging.FileHandler(path, encoding="utf-8") if path else logging.StreamHandler(sys.stdout)
    formatter = _Formatter(utc=True, use_rfc3339=True)
    name = f"portl:{path}"
    return Logger(service=name, level=os.environ.get("LOG_LEVEL", "INFO"), logger_handler=stream, logger_formatter=formatter)


def log(level: str, event: str, *, run: str, step_id: str, idx: int | None = None, **details: Any) -> None:
    """Writes one line. ``idx`` is the record's index in the batch, from 0."""
    emit = getattr(_logger(os.environ.get("PORTL_LOG", "")), level)
    emit(event, run=run, step_id=step_id, idx=idx, details=details)
