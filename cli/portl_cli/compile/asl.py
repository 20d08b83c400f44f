"""Stage 3: segments become Amazon States Language.

https://docs.aws.amazon.com/step-functions/latest/dg/concepts-amazon-states-language.html
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from portl.jobs import Job, StepSpec, encode_spec, goes_outside, is_database, key_stores, walk_steps
from portl_cli.compile.dead_letters import FOLDER, Letters, says_so
from portl_cli.compile.iam import substitution_key
from portl_cli.compile.lowering import connections, lowered, reads, row_stores, step_values, with_share
from portl_cli.compile.packaging import digest, packaged_text, standing
from portl_cli.compile.segments import Branch, Chunks, Decision, Items, Segment, Single, Staged, Transaction, Unit, chunk_size

State = dict[str, Any]
NAME_CHARACTERS = 80
MACHINE_TIMEOUT_S = 86_400
GRACE_S = 30
"""A Task waits this much longer than its function may run, so that a retry never meets a function that is alive."""

LAMBDA_ERRORS = [
    "Lambda.ClientExecutionTimeoutException",
    "Lambda.ServiceException",
    "Lambda.AWSLambdaException",
    "Lambda.SdkClientException",
    "Lambda.TooManyRequestsException",
    "Lambda.Unknown",
    "Sandbox.Timedout",
    "Runtime.ExitError",
]
"""A function's own failures. https://docs.aws.amazon.com/step-functions/latest/dg/sfn-best-practices.html#bp-lambda-serviceexception"""


def retries(own: list[str]) -> list[State]:
    """How every Task is tried again: on its own errors three times, on its function's five."""
    pace = {"BackoffRate": 2, "MaxDelaySeconds": 60, "JitterStrategy": "FULL"}
    return [
        {"ErrorEquals": own, "IntervalSeconds": 1, "MaxAttempts": 3, **pace},
        {"ErrorEquals": LAMBDA_ERRORS, "IntervalSeconds": 2, "MaxAttempts": 5, **pace},
    ]


class Chain:
    """States one behind the other: each new one becomes the Next of those that were left open."""

    def __init__(self) -> None:
        self.states: dict[str, State] = {}
        self.start = ""
        self._open: list[Callable[[str], None]] = []
        self._tail: State = {}

    def add(self, name: str, state: State, *, more: dict[str, State] | None = None, leave_open: bool = True) -> None:
        """Appends a state, and states that only it leads to."""
        self.link(name)
        self.states[name] = state
        self.states |= more or {}
        self._tail = state
        if leave_open:
            self._open.append(lambda following: _goes_to(state, following))

    def link(self, name: str) -> None:
        """Leads everything left open to a state."""
        self.start = self.start or name
        for lead in self._open:
            lead(name)
        self._open = []

    def fork(self, state: State, ways: Sequence[tuple[str, str, Chain]]) -> None:
        """A Choice already added leads to a chain where its condition holds, and past all of them otherwise."""
        for _, condition, chain in ways:
            choice = {"Condition": condition, "Next": chain.start}
            state["Choices"].append(choice)
            self.states |= chain.states
            self._open += chain._open  # noqa: SLF001 - a chain's own kind
        self._open.append(lambda following: state.update(Default=following))

    @property
    def last(self) -> State:
        """The state added last."""
        return self._tail

    def end(self, output: Any, meeting: Callable[[], tuple[str, State]]) -> None:
        """Ends the chain with an output: at its last state, or where the ways of a fork meet."""
        if len(self._open) != 1 or self._tail["Type"] == "Choice":
            self.add(*meeting())
        self._open = []
        self._tail |= {"Output": output, "End": True}


def _goes_to(state: State, following: str) -> None:
    state["Next"] = following


class Writer:
    """Writes the machine of one job. ``timeout_s`` gives a function's timeout by its folder; ``specs`` is what was packaged."""

    def __init__(self, job: Job, timeout_s: Callable[[str], int]) -> None:
        self._job = job
        self._timeout_s = timeout_s
        self._begun = False
        self._letters = Letters()
        self._names: set[str] = set()
        self._side_by_side = 1
        self.specs: dict[str, str] = {}

    def machine(self, segments: Iterable[Segment]) -> State:
        """The whole definition."""
        chain = Chain()
        for segment in segments:
            self._segment(chain, segment)
        run = "$states.result.Payload.run" if len(chain.states) == 1 else "$run"  # what a state assigns, it cannot read itself
        chain.end({"run": f"{{% {run}.id %}}"}, lambda: (self._name("done"), {"Type": "Pass"}))
        scope = self._job.transaction.scope if self._job.transaction else "none"
        return {
            "Comment": f"{self._job.job}: {self._job.description or 'a job of Portl'} (transaction: {scope})",
            "QueryLanguage": "JSONata",
            "TimeoutSeconds": MACHINE_TIMEOUT_S,
            "StartAt": chain.start,
            "States": chain.states,
        }

    def _segment(self, chain: Chain, segment: Segment) -> None:
        match segment:
            case Single():
                self._single(chain, segment.step)
            case Items():
                self._items(chain, segment)
            case Transaction():
                self._transaction(chain, segment, "db_transaction")
            case Staged():
                self._staged(chain, segment)
            case Decision():
                self._decision(chain, segment)
            case Chunks():
                self._chunks(chain, segment)

    def _name(self, wanted: str) -> str:
        name = wanted if len(wanted) <= NAME_CHARACTERS else f"{wanted[: NAME_CHARACTERS - 1]}…"
        number = 2
        while name in self._names:
            name = f"{wanted[: NAME_CHARACTERS - 4]} {number}"
            number += 1
        self._names.add(name)
        return name

    def _task(self, folder: str, comment: str, payload: dict[str, Any], own: list[str]) -> State:
        return {
            "Type": "Task",
            "Comment": comment,
            "Resource": "arn:aws:states:::lambda:invoke",
            "Arguments": {"FunctionName": "${" + substitution_key(folder) + "}", "Payload": payload},
            "TimeoutSeconds": self._timeout_s(folder) + GRACE_S,
            "Retry": retries(own),
        }

    def _top(self, folder: str, comment: str, payload: dict[str, Any], own: list[str]) -> State:
        """A Task of the outer machine. The first one begins the run."""
        first = not self._begun
        self._begun = True
        state = self._task(folder, comment, {**(self._begin() if first else _AT_RUN), **payload}, own)
        state["Assign"] = {"run": "{% $states.result.Payload.run %}"} if first else {}
        state["Output"] = "{% $states.result.Payload %}"
        return state

    def _begin(self) -> dict[str, Any]:
        job = self._job
        params = {name: param.model_dump(exclude_defaults=True) | {"type": param.type} for name, param in job.params.items()}
        begin = {"job": job.job, "params": params}
        if job.run_key is not None:
            begin["run_key"] = job.run_key
        if stores := key_stores(job):
            begin["stores"] = stores
        context = "$states.context.Execution"
        return {
            "run": {
                "id": f"{{% {context}.Name %}}",
                "started_at": f"{{% {context}.StartTime %}}",
                "input": f"{{% {context}.Input %}}",
            },
            "begin": encode_spec(begin),
        }

    def _payload(self, step: StepSpec, *, nested: bool = False) -> dict[str, Any]:
        found = {
            "connections": connections(self._job, [step]),
            "row_stores": row_stores(self._job, [step], step_values([step])),
            "reads": reads(self._job, step_values([step])),
        }
        return {"step": self._spec(step, nested=nested), **{name: each for name, each in found.items() if each}}

    def _spec(self, step: StepSpec, *, nested: bool) -> dict[str, Any]:
        """What of a step stands in its Task; a large spec is kept for its file."""
        spec = with_share(lowered(self._job, step, nested=nested), self._side_by_side)
        text = packaged_text(spec)
        if text is not None:
            self.specs[digest(text)] = text
        return standing(spec)

    def _single(self, chain: Chain, step: StepSpec) -> None:
        payload = self._payload(step)
        locks = sorted(step.writes())
        if step.result_shape.lists:
            payload["chunk_size"] = chunk_size(self._job, step.id)
        if locks:
            payload["locks"] = locks
        state = self._top(folder_of(step), describe(step), payload, errors_of(step))
        if step.result_shape.lists:
            state["Assign"][step.id] = "{% $states.result.Payload.rows %}"
        chain.add(self._name(step.id), _tidy(state))
        if step.comes_back:
            self._look_again(chain, step)

    def _look_again(self, chain: Chain, step: StepSpec) -> None:
        """Behind a Task that has looked for something, or read a part: a Wait leads back. Nothing runs meanwhile."""
        looks, choice, waits = (
            next(reversed(chain.states)),
            self._name(f"{step.id}: {'there' if step.waits else 'all read'}?"),
            self._name(f"{step.id} waits"),
        )
        again = Chain()
        again.add(waits, {"Type": "Wait", "Seconds": "{% $states.input.wait %}", "Next": looks}, leave_open=False)
        state: State = {"Type": "Choice", "Choices": []}
        chain.add(choice, state, leave_open=False)
        chain.fork(state, [("again", "{% $states.input.wait > 0 %}", again)])

    def _items(self, chain: Chain, items: Items) -> None:
        payload = {
            "step": encode_spec({"id": items.id, "type": "batch_items", "items": items.expression}),
            "reads": reads(self._job, [items.expression]),
            **({"row_stores": found} if (found := row_stores(self._job, (), [items.expression])) else {}),
            "chunk_size": chunk_size(self._job, items.id),
        }
        state = self._top("batch_items", f"the records of {items.expression}, in chunks", payload, ["Transient", "Throttled"])
        state["Assign"][items.id] = "{% $states.result.Payload.rows %}"
        chain.add(self._name(items.id.replace("_", " ")), _tidy(state))

    def _staged(self, chain: Chain, staged: Staged) -> None:
        """A Map that fills the stage, and the Task that commits it."""
        transaction = staged.transaction
        first, last = transaction.steps[0].id, transaction.steps[-1].id
        payload = {
            **_AT,
            "stage": transaction.unit,
            **self._letters.before(staged.source),
            "steps": [self._spec(step, nested=True) for step in transaction.steps],
            **{
                name: each
                for name, each in self._together(transaction).items()
                if name in ("connections", "row_stores", "reads")
            },
        }
        state = self._task("db_stage", f"Staged, not written yet: {listed(transaction)}", payload, ["Conflict", "Transient"])
        child = Chain()
        child.add(self._name(f"stage {first}" if first == last else f"stage {first} to {last}"), state)
        child.end("{% $states.result.Payload.failed %}", lambda: (self._name("staged"), {"Type": "Pass"}))
        self._map(chain, Chunks(staged.source, (), staged.concurrency, staged.inline), child, (first, last))
        self._transaction(chain, transaction, "db_commit")

    def _transaction(self, chain: Chain, transaction: Transaction, folder: str) -> None:
        made = {step.id for step in transaction.steps if step.result_shape.lists and step.batch is None}
        groups = [
            {
                **_rows(source, made),
                **self._letters.before(source),
                "steps": [self._spec(step, nested=True) for step in steps],
            }
            for source, steps in transaction.groups
        ]
        payload = {"groups": groups, **self._together(transaction)}
        state = self._top(folder, describe_all(transaction), payload, ["Conflict", "Transient"])
        for step_id in sorted(made):
            state["Assign"][step_id] = f"{{% $states.result.Payload.lists.{step_id} %}}"
        chain.add(self._name(title(transaction)), _tidy(state))

    def _together(self, transaction: Transaction) -> dict[str, Any]:
        steps = transaction.steps
        tables = sorted({table for step in walk_steps(list(steps)) for table in step.writes()})
        return {
            "unit": transaction.unit,
            "locks": tables,
            "connections": connections(self._job, steps),
            "reads": reads(self._job, step_values(steps)),
            **({"row_stores": found} if (found := row_stores(self._job, steps, step_values(steps))) else {}),
        }

    def _decision(self, chain: Chain, decision: Decision) -> None:
        step = decision.step
        state = self._top("conditional", describe(step), self._payload(step), ["Transient"])
        chain.add(self._name(step.id), _tidy(state))
        ways = [
            (name, f"{{% $states.input.branch = '{name}' %}}", self._subchain(inner))
            for name, inner in decision.branches
            if inner
        ]
        self._fork(chain, f"{step.id}?", ways)

    def _subchain(self, inner: Sequence[Segment]) -> Chain:
        chain = Chain()
        for segment in inner:
            self._segment(chain, segment)
        return chain

    def _fork(self, chain: Chain, name: str, ways: Sequence[tuple[str, str, Chain]]) -> None:
        state: State = {"Type": "Choice", "Choices": []}
        chain.add(self._name(name), state, leave_open=False)
        chain.fork(state, ways)

    def _chunks(self, chain: Chain, chunks: Chunks) -> None:
        steps = [step for unit in chunks.units for step in _steps(unit)]
        child = Chain()
        self._letters.enter(chunks)
        self._side_by_side = chunks.concurrency
        for unit in chunks.units:
            self._unit(child, unit)
        self._side_by_side = 1
        task = len(child.states) and not isinstance(chunks.units[-1], Branch)
        answer = "{% $states.result.Payload.failed %}" if task else "{% 0 %}"
        answer = self._letters.answer(child.last if task else {}) or answer
        child.end(answer, lambda: (self._name(f"chunk of {steps[0].id} done"), {"Type": "Pass"}))
        self._map(chain, chunks, child, (steps[0].id, steps[-1].id))

    def _map(self, chain: Chain, chunks: Chunks, child: Chain, ends: tuple[str, str]) -> None:
        """A Map over chunks; ``ends`` are its first and its last step."""
        first, last = ends
        name = f"{first} per chunk" if first == last else f"{first} to {last} per chunk"
        config = {"Mode": "INLINE"} if chunks.inline else {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"}
        state: State = {
            "Type": "Map",
            "Comment": "One child execution per chunk of records; the item is the chunk's number",
            **({} if chunks.inline else {"Label": first}),
            "Items": f"{{% [0..${chunks.source}.chunks - 1] %}}",
            "MaxConcurrency": chunks.concurrency,
            "ItemSelector": {
                "run": "{% $run %}",
                "rows": f"{{% ${chunks.source} %}}",
                "chunk": "{% $states.context.Map.Item.Value %}",
            },
            "ItemProcessor": {"ProcessorConfig": config, "StartAt": child.start, "States": child.states},
            "Output": {"failed": "{% $sum($states.result) %}"},
        }
        chain.add(self._name(name), state)

    def _unit(self, chain: Chain, unit: Unit) -> None:
        match unit:
            case Single():
                self._inner(chain, unit.step, unit.mask)
            case Transaction():
                steps = [self._spec(step, nested=True) for step in unit.steps]
                payload = {**_AT, "steps": steps, **self._together(unit), **self._letters.told(), **_masked(unit.mask)}
                state = self._task("db_transaction", describe_all(unit), payload, ["Conflict", "Transient"])
                more = self._caught(state, payload, unit.unit, list(walk_steps(list(unit.steps))))
                state["Output"] = "{% $states.input %}"
                chain.add(self._name(title(unit)), state, more=more)
            case Branch():
                self._branch(chain, unit)

    def _inner(self, chain: Chain, step: StepSpec, mask: tuple[str, str] | None) -> State:
        """A Task inside a Map. A call that must wait leads through a Wait state back to itself."""
        payload = {**_AT, **self._payload(step), **self._letters.told(), **_masked(mask)}
        if step.writes():
            payload["locks"] = sorted(step.writes())
        state = self._task(folder_of(step), describe(step), payload, errors_of(step))
        name = self._name(step.id)
        more: dict[str, State] = {}
        if goes_outside(step):
            waits = self._name(f"{step.id} waits as told")
            state["Catch"] = [
                {
                    "ErrorEquals": ["RetryAfter"],
                    "Assign": {"wait_s": "{% $number($parse($states.errorOutput.Cause).errorMessage) %}"},
                    "Output": "{% $states.input %}",
                    "Next": waits,
                }
            ]
            comment = "The finished records are kept; the step goes on with the others"
            more[waits] = {"Type": "Wait", "Comment": comment, "Seconds": "{% $wait_s %}", "Next": name}
        more |= self._caught(state, payload, step.id, [step])
        state["Output"] = "{% $states.input %}"
        chain.add(name, state, more=more)
        return state

    def _caught(self, state: State, payload: State, unit: str, steps: list[StepSpec]) -> dict[str, State]:
        """Where a Task leads whose function could not keep the records of a step aside itself; counts those it did."""
        more: dict[str, State] = {}
        if says_so(steps):
            name = self._name(f"letters of {next(step.id for step in steps if says_so([step]))}")
            state["Catch"] = [*state.get("Catch", ()), self._letters.catch(name, LAMBDA_ERRORS)]
            asked = self._letters.payload(payload, unit, steps)
            comment = "The records that are not through are kept aside; the chunk ends here"
            more[name] = self._task(FOLDER, comment, asked, ["Transient"])
            more[name] |= {"Output": self._letters.ending(), "End": True}
        self._letters.count(state, steps)
        return more

    def _branch(self, chain: Chain, branch: Branch) -> None:
        state = self._inner(chain, branch.step, branch.mask)
        state["Assign"] = {branch.step.id: "{% $states.result.Payload %}", **state.get("Assign", {})}
        for name, units in branch.branches:
            inner = Chain()
            for unit in units:
                self._unit(inner, unit)
            if len(units) == 1 and len(inner.states) == 1:
                self._unit_again(chain, inner)
            elif units:
                condition = f"{{% ${branch.step.id}.{name} > 0 %}}"
                self._fork(chain, f"anyone in {name} of {branch.step.id}?", [(name, condition, inner)])

    @staticmethod
    def _unit_again(chain: Chain, inner: Chain) -> None:
        name, state = next(iter(inner.states.items()))
        chain.add(name, state)


_AT = {"at": "{% $states.input %}"}
_AT_RUN = {"at": {"run": "{% $run %}"}}


def _rows(source: str | None, made: set[str]) -> dict[str, Any]:
    """The records of a transaction's group: none, those the transaction itself makes, or a reference."""
    if source is None:
        return {}
    return {"rows_of": source} if source in made else {"rows": f"{{% ${source} %}}"}


def _masked(mask: tuple[str, str] | None) -> dict[str, Any]:
    return {"mask": list(mask)} if mask else {}


def _tidy(state: State) -> State:
    return {name: value for name, value in state.items() if value != {}}


def _steps(unit: Unit) -> tuple[StepSpec, ...]:
    if isinstance(unit, Transaction):
        return unit.steps
    return (unit.step,)


def folder_of(step: StepSpec) -> str:
    """The folder of ``functions/`` that a step type runs in."""
    return step.type.replace(".", "_")


def errors_of(step: StepSpec) -> list[str]:
    """What a Task of the step is tried again on."""
    return ["Conflict", "Transient"] if is_database(step) else ["Transient", "Throttled"]


def describe(step: StepSpec) -> str:
    """One line for the console."""
    fields = step.model_dump(by_alias=True)
    about = next(
        (str(fields[name]) for name in ("table", "path", "from", "url", "if", "sql_file", "sql") if fields.get(name)), ""
    )
    method = f"{fields['method']} " if "method" in fields else ""
    text = f"{step.type}: {method}{' '.join(about.split())}".removesuffix(": ")
    return text.replace("${", "$ {")[:200]


def describe_all(transaction: Transaction) -> str:
    """One line for the console: what commits together."""
    return f"One transaction: {listed(transaction)}. All of it commits or rolls back together"


def listed(transaction: Transaction) -> str:
    """Its steps, each with its type."""
    return ", ".join(f"{step.id} ({step.type})" for step in transaction.steps)


def title(transaction: Transaction) -> str:
    """The state's name."""
    steps = transaction.steps
    if len(steps) == 1:
        return f"{steps[0].id} in one transaction"
    text = f"{steps[0].id} to {steps[-1].id} in one transaction"
    return text if len(text) <= NAME_CHARACTERS else f"{steps[0].id} and {len(steps) - 1} more in one transaction"


def machine(job: Job, found: Iterable[Segment], timeout_s: Callable[[str], int]) -> tuple[State, dict[str, str]]:
    """The definition of a job's segments, and the specs that are packaged beside it: hash → content."""
    writer = Writer(job, timeout_s)
    return writer.machine(found), writer.specs
