"""Delivery of what ``outbox.enqueue`` wrote: at least once, in order inside a group, by any number of drainers at once."""

from portl.outbox._claims import Batch, Claims
from portl.outbox._delivery import Answer, Message, deliver
from portl.outbox._drain import Drain, Drained, DrainOptions, Sent
from portl.outbox._event import drain_event
from portl.outbox._messages import STATES, Messages, State
from portl.outbox._open import drain_job

__all__ = [
    "STATES",
    "Answer",
    "Batch",
    "Claims",
    "Drain",
    "DrainOptions",
    "Drained",
    "Message",
    "Messages",
    "Sent",
    "State",
    "deliver",
    "drain_event",
    "drain_job",
]
