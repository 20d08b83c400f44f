"""The local engine: runs a state machine of the Amazon States Language (JSONata) in this process, as Step Functions would."""

from typing import TYPE_CHECKING

from portl._lazy import attributes

if TYPE_CHECKING:
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

if not TYPE_CHECKING:  # so that a name that is not there stays an error of types
    __getattr__ = attributes(
        __name__,
        {
            "_check": "RULES Finding MachineError check",
            "_clock": "Clock FakeClock SystemClock",
            "_context": "LambdaContext",
            "_history": "Event",
            "_hooks": "Hook Link",
            "_host": "Answer Failed FakeHost FunctionHost Succeeded",
            "_inline": "InlineHost",
            "_interpreter": "Execution execute",
            "_limits": "AWS_LIMITS NO_LIMITS Limits",
            "_machine": "Machine load_machine",
            "_processes.isolated": "IsolateHost",
            "_processes.workers": "WorkerHost",
            "template": "Function StateMachine Template load_template",
        },
    )
