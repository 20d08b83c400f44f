"""What a Task came to, as metrics: one line of CloudWatch's embedded format for each step type, when the Task ends.

Only where ``PORTL_METRICS`` names the stack, as the template does; elsewhere nothing is counted and nothing printed.
https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html
"""

from __future__ import annotations

import os
import threading
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

NAMESPACE = "Portl"
_ANSWERS = frozenset({"NotFound", "AlreadyExists", "Changed", "NotSupported", "IsFolder", "NotAFolder"})
"""Errors of stores that are answers: the store works."""
_METERS: list[Meter] = []


class Meter:
    """The counts of one Task. ``types`` leads from a step's id to its type; what has none is the function's own."""

    def __init__(self, stack: str, own: str) -> None:
        self.types: dict[str, str] = {}
        self._stack, self._own = stack, own
        self._lock = threading.Lock()  # records are under way together
        self._steps: defaultdict[str, Counter[str]] = defaultdict(Counter)
        self._operations: defaultdict[str, Counter[str]] = defaultdict(Counter)
        self._seconds: Counter[str] = Counter()

    def count(self, metric: str, number: int, step_id: str) -> None:
        """Adds to a metric of the step's type."""
        with self._lock:
            self._steps[self.types.get(step_id, self._own)][metric] += number

    def called(self, call: Mapping[str, Any]) -> None:
        """Takes a call of a store, as its ``on_call`` tells it."""
        operation = str(call["operation"])
        failed = call["error"] is not None and call["error"] not in _ANSWERS
        with self._lock:
            self._operations[operation].update(StoreCalls=1, StoreRetries=call["attempts"] - 1, StoreFailures=int(failed))
            self._seconds[operation] += call["seconds"]

    def tell(self, seconds: float) -> None:
        """Prints everything, and how long the Task took."""
        self._steps[self._own].update(Failures=0)
        for step_type, counts in self._steps.items():
            _emit(self._stack, "step_type", step_type, counts, {"Duration": seconds} if step_type == self._own else {})
        for operation, counts in self._operations.items():
            _emit(self._stack, "operation", operation, counts, {"StoreSeconds": self._seconds[operation]})


def _emit(stack: str, dimension: str, value: str, counts: Mapping[str, int], seconds: Mapping[str, float]) -> None:
    from aws_lambda_powertools.metrics import EphemeralMetrics, MetricUnit

    metrics = EphemeralMetrics(namespace=NAMESPACE)
    metrics.add_dimension("stack", stack)
    metrics.add_dimension(dimension, value)
    metrics.add_dimensions(stack=stack)
    for name, number in counts.items():
        metrics.add_metric(name, MetricUnit.Count, number)
    for name, taken in seconds.items():
        metrics.add_metric(name, MetricUnit.Seconds, round(taken, 3))
    metrics.flush_metrics()


@contextmanager
def metered(own: str) -> Iterator[Meter | None]:
    """Counts what goes on inside for a function whose step type is ``own``; None where nobody asked for metrics."""
    stack = os.environ.get("PORTL_METRICS", "")
    if not stack:
        yield None
        return
    meter = Meter(stack, own)
    _METERS.append(meter)
    try:
        yield meter
    finally:
        _METERS.remove(meter)


def count(metric: str, number: int, *, step_id: str) -> None:
    """Adds to a metric of the Task under way, where its metrics are asked for."""
    for meter in _METERS:
        meter.count(metric, number, step_id)


def count_call(call: Mapping[str, Any]) -> None:
    """The same of a call of a store."""
    for meter in _METERS:
        meter.called(call)
