"""E9: what the engine itself costs, with a function that does nothing, beside reading and writing JSON in the same run."""

from __future__ import annotations

import json
import time

from engine.support import ends, machine, processor, task
from portl_cli.engine import FakeHost, execute, load_machine

RETRY = [{"ErrorEquals": ["Transient"], "IntervalSeconds": 1}]
WORK = {"payload": {"at": "{% $states.input %}"}, "Retry": RETRY, "TimeoutSeconds": 930, "Output": 0}


DOCUMENT = {"rows": [{"code": f"R-{at}", "name": "a name of usual length", "at": at} for at in range(100)]}
"""About 6 KB: the most a Task's input and output should be."""


def best_of_three(work):
    """The machine that runs the tests may be busy."""
    times = []
    for _ in range(3):
        began = time.perf_counter()
        work()
        times.append(time.perf_counter() - began)
    return min(times)


def round_trips(definition, data, count):
    """What one of so many pieces costs, in round trips of a document through JSON."""
    ready, host = load_machine(definition), FakeHost({"f": lambda _: 1})

    def run():
        assert execute(ready, data, name="speed", host=host, on_event=lambda _: None).status == "SUCCEEDED"

    beside = best_of_three(lambda: [json.loads(json.dumps(DOCUMENT)) for _ in range(count)])
    return best_of_three(run) / beside


def test_a_task_costs_no_more_than_three_documents_through_json():
    states = {f"t{at}": task(**WORK, Next=f"t{at + 1}") for at in range(500)}
    assert round_trips(machine({**states, "t500": ends()}), {"a": 1}, 500) < 3


def test_an_item_of_a_map_costs_no_more_than_five_documents_through_json():
    for mode in ("INLINE", "DISTRIBUTED"):
        mapping = {
            "Type": "Map",
            "Items": "{% [0..$states.input - 1] %}",
            "ItemSelector": {"chunk": "{% $states.context.Map.Item.Value %}"},
            "ItemProcessor": processor({"t": task(**WORK)}, mode),
            "End": True,
        }
        assert round_trips(machine({"m": mapping}), 1000, 1000) < 5
