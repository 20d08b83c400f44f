"""From an event to a run: its parameters, the execution's name, and who starts it."""

from portl.triggers._events import Happened, happened
from portl.triggers._names import execution_name
from portl.triggers._request import StartRequest, read_request, request_document
from portl.triggers._start import Started, Starter, start_event, start_of
from portl.triggers._step_functions import StepFunctions, current_starter, use_starter

__all__ = [
    "Happened",
    "StartRequest",
    "Started",
    "Starter",
    "StepFunctions",
    "current_starter",
    "execution_name",
    "happened",
    "read_request",
    "request_document",
    "start_event",
    "start_of",
    "use_starter",
]
