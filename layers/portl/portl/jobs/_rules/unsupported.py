from __future__ import annotations

from portl.jobs._rules._check import Check


def this_version_can_do_it(check: Check) -> None:
    """J401: nothing is asked for that this version would not do."""
    for placed in check.steps:
        if placed.step.timeout_s is not None and placed.step.connects_to != "http" and not placed.step.waits:
            check.add(
                (*placed.path, "timeout_s"), "J401", "timeout_s is for api.call and store.wait in this version", "leave it out"
            )
        if placed.step.once and placed.batch is not None:
            path = (*placed.path, "batch") if placed.step.batch else (*placed.path, "id")
            text = f"{placed.step.type} writes a file of all records, not one for each"
            check.add(path, "J401", text, "put it outside of a batch: rows names the records", key=bool(placed.step.batch))
