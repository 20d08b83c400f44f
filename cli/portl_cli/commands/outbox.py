"""``portl outbox``."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import click

from portl.connections import Connections
from portl.errors import RunError
from portl.jobs import DATABASES, Job, connection_name, walk_steps
from portl.outbox import STATES, DrainOptions, Messages, Sent, State, drain_job
from portl.values import redact
from portl_cli.commands._again import Refused
from portl_cli.commands._project import job_file, read_job
from portl_cli.commands._surroundings import register_secrets

STEP = "outbox.enqueue"
_Command = Callable[..., Any]


@dataclass(frozen=True, slots=True)
class Opened:
    """A job whose connections can be used, and the databases that hold its messages."""

    job: Job
    connections: Connections
    databases: tuple[str, ...]

    def messages(self) -> Iterator[tuple[str, Messages]]:
        """The messages of each database."""
        for name in self.databases:
            yield name, Messages(self.connections.get(name), self.job.job)

    def one(self) -> Messages:
        """The messages of the only database; ids of several would not tell which.

        Raises:
            UsageError: there are several.
        """
        if len(self.databases) > 1:
            raise click.UsageError(f"the job has several outboxes: --connection {' or '.join(self.databases)}")
        return next(self.messages())[1]


@contextmanager
def _opened(path: Path, connection: str | None) -> Iterator[Opened]:
    if not job_file(path).is_file():
        raise click.UsageError(f"{path} is not there")
    job = read_job(path)
    known = tuple(name for name, spec in job.connections.items() if spec.get("type") in DATABASES)
    steps = [step for step in walk_steps(job.steps) if step.type == STEP]
    used = tuple(sorted({name for step in steps if (name := connection_name(job, step))})) or known
    if connection is not None and connection not in known:
        raise click.UsageError(f"--connection {connection}: the databases of the job are {', '.join(known) or 'none'}")
    if not used:
        raise click.UsageError(f"{path} has no database connection, so it has no outbox")
    register_secrets(job, leave_missing=True)
    with Connections(job.connections) as connections:
        yield Opened(job, connections, (connection,) if connection else used)


@click.group("outbox")
def command() -> None:
    """Deliver what the outbox.enqueue steps of a job queued, list it, send it again or discard it.

    \b
    Example:
      portl outbox drain statemachines/order_sync/job.yaml
    """  # noqa: D301 - \b is click's mark for text that is not wrapped


def _job(inner: _Command) -> _Command:
    of = click.option("--connection", metavar="NAME", help="The database, when the job queues in several.")
    return click.argument("job", type=click.Path(path_type=Path))(of(inner))


_AS_JSON = click.option("--json", "as_json", is_flag=True, help="For programs.")


@command.command("drain")
@_job
@click.option("--once", is_flag=True, help="Send what is due now; do not wait for what is to be tried again.")
@click.option("--max", "most", type=click.IntRange(min=1), help="Send so many at most.")
@click.option(
    "--lease", "lease_s", type=click.FloatRange(min=1), default=60.0, show_default=True, help="In seconds, of a message."
)
@click.option("--attempts", type=click.IntRange(min=1), default=10, show_default=True, help="Failures until a message is dead.")
@_AS_JSON
def drain(*, job: Path, connection: str | None, as_json: bool, **options: Any) -> int:
    """Send the messages of JOB until none is left that may be sent. Exit 1 when one of them died.

    Any number of drains may run at once. Each message goes at least once, with an Idempotency-Key that never changes.

    \b
    Example:
      portl outbox drain statemachines/order_sync/job.yaml --once
    """  # noqa: D301
    with _opened(job, connection) as opened:
        specs, name = opened.job.connections, opened.job.job
        drained = drain_job(name, opened.connections, specs, opened.databases, DrainOptions(**options), _tell)
        left = _left(opened)
    if as_json:
        click.echo(json.dumps({**asdict(drained), "left": left}))
    else:
        told = ", ".join(f"{count:,} {outcome}" for outcome, count in asdict(drained).items() if count) or "nothing was due"
        click.echo(told + (f"; left: {_counted(left)}" if left else ""))
    return 1 if drained.dead else 0


def _tell(sent: Sent) -> None:
    """A delivery that failed is told when it does."""
    if sent.outcome == "delivered":
        return
    again = f"again in {sent.pause_s:,.1f} s" if sent.pause_s is not None else "not again"
    said = f"{sent.answer.status or 'no answer'}: {sent.answer.text}"
    text = f"message {sent.message.id} to {sent.message.destination}: {sent.outcome}, {again}: {said}"
    click.echo(redact(text), err=True)


def _left(opened: Opened) -> dict[str, int]:
    """What is not delivered, by state."""
    left: dict[str, int] = {}
    for _, messages in opened.messages():
        for state, count in messages.counts().items():
            if state != "delivered":
                left[state] = left.get(state, 0) + count
    return left


def _counted(counts: dict[str, int]) -> str:
    return ", ".join(f"{counts[state]:,} {state}" for state in STATES if counts.get(state))


@command.command("list")
@_job
@click.option("--state", type=click.Choice(STATES), help="Only these.")
@click.option("--max", "most", type=click.IntRange(min=1), default=100, show_default=True, help="At most, oldest first.")
@_AS_JSON
def list_messages(*, job: Path, connection: str | None, state: State | None, most: int, as_json: bool) -> int:
    """Show the messages of JOB: their state, where they go, and what was answered last.

    \b
    Example:
      portl outbox list statemachines/order_sync/job.yaml --state dead
    """  # noqa: D301
    with _opened(job, connection) as opened:
        for name, messages in opened.messages():
            for message in messages.listed(state, most):
                click.echo(json.dumps({"connection": name, **message}, ensure_ascii=False) if as_json else _line(message))
            if not as_json:
                click.echo(f"{name}: {_counted(messages.counts()) or 'no messages'}")
    return 0


def _line(message: dict[str, Any]) -> str:
    request = message["request"]
    parts = [
        f"{message['id']:>6}  {message['state']:<9}  {message['destination']} {request['method']} {request['path']}",
        *([f"group {message['group']}"] if message["group"] else []),
        *([f"failed {message['failures']} times"] if message["failures"] else []),
        *([f"answered {message['answer_status'] or ''} {message['answer']}".rstrip()] if message["answered_at"] else []),
    ]
    return "  ".join(" ".join(part.split("\n")) for part in parts)


@command.command("retry")
@_job
@click.argument("message_id", metavar="[ID]", type=int, required=False)
@click.option("--all-dead", is_flag=True, help="Every dead message.")
def retry(*, job: Path, connection: str | None, message_id: int | None, all_dead: bool) -> int:
    """Make a dead or waiting message of JOB due now, its failures forgotten; the next drain sends it.

    \b
    Example:
      portl outbox retry statemachines/order_sync/job.yaml 17
      portl outbox retry statemachines/order_sync/job.yaml --all-dead
    """  # noqa: D301
    if (message_id is None) != all_dead:
        raise click.UsageError("give the ID of a message, or --all-dead")
    with _opened(job, connection) as opened:
        if message_id is None:
            count = sum(messages.retry_dead() for _, messages in opened.messages())
            click.echo(f"{count:,} due now")
        else:
            _change(opened.one().retry, message_id)
            click.echo(f"message {message_id} is due now")
    return 0


@command.command("discard")
@_job
@click.argument("message_id", metavar="ID", type=int)
def discard(*, job: Path, connection: str | None, message_id: int) -> int:
    """Remove a dead or waiting message of JOB; the messages of its group behind it go on.

    \b
    Example:
      portl outbox discard statemachines/order_sync/job.yaml 17
    """  # noqa: D301
    with _opened(job, connection) as opened:
        _change(opened.one().discard, message_id)
        click.echo(f"message {message_id} is gone")
    return 0


def _change(change: Callable[[int], None], message_id: int) -> None:
    try:
        change(message_id)
    except RunError as problem:
        raise Refused(redact(f"{problem}; {problem.hint}")) from None
