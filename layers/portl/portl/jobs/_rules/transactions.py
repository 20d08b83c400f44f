from __future__ import annotations

from portl.jobs._connections import kind_of
from portl.jobs._rules._check import Check
from portl.jobs._transactions import DATABASES, check_transaction, is_database
from portl.jobs._yaml import Path


def transactions_hold(check: Check) -> None:
    """J301, J302, J303, J305, J306: what is to commit together can, and what goes one after another does.

    Nothing is said of it when names stand twice or the transaction itself cannot be read: either would explain it.
    """
    if check.found("J006") or check.broken.touches((), "transaction"):
        return
    wanted = check.job.transaction
    if wanted is not None and not _can_commit(check, wanted.connection):
        return
    paths = {each.step.id: each.path for each in check.steps}
    no_order = any(check.broken.touches(each.path, "batch") for each in check.steps)
    for step_id, code, message, hint in check_transaction(check.job):
        if code == "J306" and no_order:
            continue  # a size of 1 that cannot be read would allow it
        check.add((*paths[step_id], "id"), code, message, hint)


def _can_commit(check: Check, name: str) -> bool:
    """J303: the transaction's connection is a database, and a step uses one."""
    path: Path = ("transaction", "connection")
    kind = kind_of(check.job.connections.get(name))
    if kind not in DATABASES:
        if name not in check.job.connections or kind in check.connections:
            text = f'transaction.connection "{name}" is no database connection'
            check.add(path, "J303", text, _databases(check))
        return False
    if not any(is_database(step) for step in check.job.steps):
        if not check.broken.unreadable:
            check.add(("transaction",), "J303", "the transaction has no database step", "leave transaction out", key=True)
        return False
    return True


def _databases(check: Check) -> str:
    names = [name for name, spec in check.job.connections.items() if kind_of(spec) in DATABASES]
    return f"a database is {', '.join(names)}" if names else "add one of type postgres to connections"
