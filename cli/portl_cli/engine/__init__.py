"""The local engine: runs a state machine of the Amazon States Language (JSONata) in this process, as Step Functions would."""

from portl_cli.engine._check import RULES, Finding, MachineError, check
from portl_cli.engine._clock import Clock, FakeClock, SystemClock
from portl_cli.engine._context import LambdaContext
from portl_cli.engine._history import Event
from portl_cli.engine._hooks import Hook, Link
from portl_cli.engine._host import Answer, Failed, FakeHost, FunctionHost, Succeeded
from portl_cli.engine._inline import InlineHost
from portl_cli.engine._interpreter import Execution, execute
from portl_cli.engine._limits import AWS_LIMITS, NO_LIMITS, Limits
from portl_cli.engine._machine import Machine, load_machine
from portl_cli.engine._processes.isolated import IsolateHost
from portl_cli.engine._processes.workers import WorkerHost
from portl_cli.engine.template import Function, StateMachine, Template, load_template

__all__ = [
    "AWS_LIMITS",
    "NO_LIMITS",
    "RULES",
    "Answer",
    "Clock",
    "Event",
    "Execution",
    "Failed",
    "FakeClock",
    "FakeHost",
    "Finding",
    "Function",
    "FunctionHost",
    "Hook",
    "InlineHost",
    "IsolateHost",
    "LambdaContext",
    "Limits",
    "Link",
    "Machine",
    "MachineError",
    "StateMachine",
    "Succeeded",
    "SystemClock",
    "Template",
    "WorkerHost",
    "check",
    "execute",
    "load_machine",
    "load_template",
]
