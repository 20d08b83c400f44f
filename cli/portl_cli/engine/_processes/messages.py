"""What goes over the wire between a host and a function's process.

From the host: ``invoke`` (event, request id), ``reply`` (to a call). To the host: ``ready``, ``broken`` (the handler cannot be
loaded; an answer), ``answer``, ``call`` (a number, a function, its payload), ``message`` (a document for ``on_message``).
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from portl_cli.engine._hooks import Hook
from portl_cli.engine._host import Answer, Failed, Succeeded
from portl_cli.engine.template import Function

if TYPE_CHECKING:
    from portl_cli.engine._processes.wire import Document


@dataclass(frozen=True, slots=True)
class Spec:
    """Everything a function's process is to know: what to load, and in what surroundings.

    ``environment`` is all of it; ``folder`` the working directory; ``path`` what stands on sys.path; ``response`` the most
    bytes of an answer.
    """

    function: Function
    environment: dict[str, str]
    folder: str
    response: float
    path: tuple[str, ...] = ()
    hooks: tuple[Hook, ...] = field(default=())


def spec_document(spec: Spec) -> Document:
    """The spec as JSON."""
    function = asdict(spec.function)
    function.update(code_dir=str(spec.function.code_dir), layers=[str(layer) for layer in spec.function.layers])
    response = None if spec.response == float("inf") else spec.response
    return {**asdict(spec), "function": function, "response": response}


def read_spec(document: Document) -> Spec:
    """Reads what ``spec_document`` wrote."""
    given = dict(document["function"])
    given.update(code_dir=Path(given["code_dir"]), layers=tuple(Path(layer) for layer in given["layers"]))
    return Spec(
        function=Function(**given),
        environment=document["environment"],
        folder=document["folder"],
        response=float("inf") if document["response"] is None else document["response"],
        path=tuple(document["path"]),
        hooks=tuple(Hook(**hook) for hook in document["hooks"]),
    )


def answer_document(answer: Answer) -> dict[str, Any]:
    """An answer as JSON."""
    return {"payload": answer.payload} if isinstance(answer, Succeeded) else {"failed": asdict(answer)}


def read_answer(document: Document) -> Answer:
    """Reads what ``answer_document`` wrote."""
    if "failed" not in document:
        return Succeeded(document["payload"])
    failed = document["failed"]
    return Failed(**{**failed, "stack_trace": tuple(failed["stack_trace"])})
