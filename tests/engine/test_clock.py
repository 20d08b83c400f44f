from __future__ import annotations

import time
from datetime import UTC, datetime

from portl_cli.engine import FakeClock, SystemClock


def test_a_time_scale_shortens_waits():
    began = time.monotonic()
    SystemClock(time_scale=0.0001).sleep(100)
    assert 0.009 < time.monotonic() - began < 1


def test_the_system_clock_tells_the_time_with_its_zone():
    assert abs((SystemClock().now() - datetime.now(UTC)).total_seconds()) < 5


def test_a_fake_clock_moves_only_when_told():
    clock = FakeClock()
    before = clock.now()
    clock.sleep(5)
    clock.advance(2)
    assert ((clock.now() - before).total_seconds(), clock.slept) == (7, [5])


def test_a_pause_is_shortened_by_the_scale_and_made_by_whoever_waits():
    paused = []
    SystemClock(0.25).sleep(8, paused.append)
    SystemClock(0.25).sleep(-1, paused.append)
    assert paused == [2.0, 0.0]
