"""Draining: messages are taken a few at a time, sent one by one, and each is marked at once after its answer."""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from portl.connections import Connections
from portl.outbox._claims import Batch, Claims
from portl.outbox._delivery import Answer, Message, deliver
from portl.runs import scaled

TAKEN_AT_ONCE = 10
FIRST_PAUSE_S = 2.0
"""The longest pause behind a first failure; it doubles with each, and is drawn anew from zero up: full jitter.

https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/
"""
LONGEST_PAUSE_S = 3_600.0
LONGEST_RETRY_AFTER_S = 86_400.0
LOOKS_AGAIN_S = 0.5
"""How often a drain that waits looks whether something else has come."""


@dataclass(frozen=True, slots=True)
class DrainOptions:
    """How to drain. Seconds; ``most`` is how many are sent, ``budget_s`` how long it may take, both without end when None."""

    once: bool = False
    most: int | None = None
    lease_s: float = 60.0
    attempts: int = 10
    budget_s: float | None = None


@dataclass(frozen=True, slots=True)
class Sent:
    """A message that was sent, and what came of it.

    ``outcome``: delivered; failed (again in ``pause_s``); dead; lost, when the lease ran out before the answer could be kept.
    """

    message: Message
    answer: Answer
    outcome: str
    pause_s: float | None = None


@dataclass(frozen=True, slots=True)
class Drained:
    """What a drain came to, in messages sent. One that failed twice counts twice."""

    delivered: int = 0
    failed: int = 0
    dead: int = 0
    lost: int = 0


class Drain:
    """A drain under way over one database or several. ``destinations`` are connections whose variables are set."""

    def __init__(
        self,
        claims: Sequence[Claims],
        connections: Connections,
        destinations: Sequence[str],
        options: DrainOptions,
        told: Callable[[Sent], None] = lambda _: None,
    ) -> None:
        self._claims, self._connections, self._destinations = claims, connections, destinations
        self._options, self._told = options, told
        self._ends = time.monotonic() + options.budget_s if options.budget_s is not None else None
        longest = min(options.lease_s, options.budget_s if options.budget_s is not None else options.lease_s) / 2
        self._timeouts = {name: min(connections.spec(name).timeout_s, longest) for name in destinations}
        self._closed: dict[str, float] = {}
        self._sent: Counter[str] = Counter()

    def run(self) -> Drained:
        """Sends until nothing may be sent any more; with ``once``, until nothing is due.

        Raises:
            DatabaseError: the database refused, or was lost; what was answered and not marked is sent again, with its key.
        """
        while self._may_go_on():
            if not self._round():
                pause = None if self._options.once else self._pause()
                if pause is None:
                    break
                time.sleep(pause)
        return Drained(**self._sent)

    def _may_go_on(self) -> bool:
        enough = self._options.most is not None and self._sent.total() >= self._options.most
        return not enough and self._has(max(self._timeouts.values()))

    def _has(self, seconds: float) -> bool:
        return self._ends is None or self._ends - time.monotonic() > seconds

    def _pause(self) -> float | None:
        """Seconds to wait for what is due next; None when there is nothing to wait for."""
        due = [seconds for claims in self._claims if (seconds := claims.next_due(self._destinations)) is not None]
        return min(max(min(due), LOOKS_AGAIN_S / 10), LOOKS_AGAIN_S) if due else None

    def _round(self) -> bool:
        """Takes and sends once from every database; whether there was anything."""
        found = False
        for claims in self._claims:
            left = TAKEN_AT_ONCE if self._options.most is None else self._options.most - self._sent.total()
            if left > 0:
                batch = claims.claim(self._open(), min(TAKEN_AT_ONCE, left), self._options.lease_s)
                found = found or bool(batch.messages)
                self._send(claims, batch)
        return found

    def _open(self) -> list[str]:
        """The destinations that have not asked to be left alone."""
        now = time.monotonic()
        return [name for name in self._destinations if self._closed.get(name, now) <= now]

    def _send(self, claims: Claims, batch: Batch) -> None:
        left = list(batch.messages)
        for message in batch.messages:
            if self._may_send(message, batch):
                left.remove(message)
                self._one(claims, batch, message, left)
        claims.release(left, batch.lease)

    def _may_send(self, message: Message, batch: Batch) -> bool:
        """Whether the answer will come while the lease runs; and the destination is open."""
        needed = self._timeouts[message.destination]
        return message.destination in self._open() and self._has(needed) and batch.ends - time.monotonic() >= needed

    def _one(self, claims: Claims, batch: Batch, message: Message, left: Sequence[Message]) -> None:
        try:
            answer = deliver(self._connections, message, self._timeouts[message.destination])
        except KeyboardInterrupt:
            claims.release(left, batch.lease)  # of this one nobody knows whether it came through
            raise
        if answer.delivered:
            outcome, pause = "delivered", None
            held = claims.delivered(message, batch.lease, answer)
        else:
            pause = self._again(message, answer)
            outcome = "failed" if pause is not None else "dead"
            held = claims.failed(message, batch.lease, answer, pause)
        outcome = outcome if held else "lost"
        self._sent[outcome] += 1
        self._told(Sent(message, answer, outcome, pause))

    def _again(self, message: Message, answer: Answer) -> float | None:
        """Seconds until the next attempt; None after the last one. A Retry-After holds for all that goes there."""
        asked = min(answer.retry_after or 0.0, LONGEST_RETRY_AFTER_S)
        if asked:
            self._closed[message.destination] = time.monotonic() + scaled(asked)
        if message.failures + 1 >= self._options.attempts:
            return None
        most = min(LONGEST_PAUSE_S, FIRST_PAUSE_S * 2 ** min(message.failures, 30))
        return scaled(max(asked, random.uniform(0, most)))  # noqa: S311 - spreads attempts, hides nothing
