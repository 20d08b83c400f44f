"""An AWS for the tests: moto, and where moto has no answer of its own, Step Functions in the shapes that AWS sends.

moto keeps the stack, the bucket, the machines, names and errors. It runs no machine, so its histories are invented; here an
execution is the deployed machine itself, driven by Portl's engine in a process of its own, and its events are sent as AWS does:
https://docs.aws.amazon.com/step-functions/latest/apireference/API_GetExecutionHistory.html
"""

from __future__ import annotations

import json
import logging
import os
import signal
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import boto3

from flows.support import ROOT
from portl_cli.commands._project import compiled

ACCOUNT, REGION = "123456789012", "eu-central-1"
KEYS = {"AWS_ACCESS_KEY_ID": "testing", "AWS_SECRET_ACCESS_KEY": "testing", "AWS_REGION": REGION}
SIDE = Path(__file__).with_name("lambda_side.py")
TARGET = "AWSStepFunctions."
PAGE = 20
"""Events in a page: few, so that a history has several."""
ENDED = ("ExecutionSucceeded", "ExecutionFailed", "ExecutionTimedOut", "ExecutionAborted")
STATUS = {"ExecutionSucceeded": "SUCCEEDED", "ExecutionFailed": "FAILED", "ExecutionAborted": "ABORTED"}
STACK_TEMPLATE = {"Resources": {"RunBucket": {"Type": "AWS::S3::Bucket"}}}

Answer = dict[str, Any]


class Refused(Exception):
    """What a service says no with: a code, a text."""


@dataclass
class FakeAws:
    """``refuse`` has for an action what it is refused with; ``asked`` counts the actions."""

    url: str
    folder: Path
    stack: str = "portl-test"
    refuse: dict[str, tuple[str, str]] = field(default_factory=dict)
    asked: Counter[str] = field(default_factory=Counter)
    jobs: dict[str, Path] = field(default_factory=dict)
    environment: dict[str, str] = field(default_factory=dict)
    processes: dict[str, subprocess.Popen[str]] = field(default_factory=dict)

    def variables(self, **more: str) -> dict[str, str]:
        """The environment of a command that is to find this AWS."""
        return {**KEYS, "AWS_ENDPOINT_URL": self.url, "PORTL_STACK": self.stack, **more}

    def client(self, service: str) -> Any:
        keys = {"aws_access_key_id": "testing", "aws_secret_access_key": "testing", "region_name": REGION}
        return boto3.client(service, endpoint_url=self.url, **keys)

    def make_stack(self) -> str:
        """Makes the stack's bucket, and answers its name."""
        cloud = self.client("cloudformation")
        cloud.create_stack(StackName=self.stack, TemplateBody=json.dumps(STACK_TEMPLATE))
        found = cloud.describe_stack_resource(StackName=self.stack, LogicalResourceId="RunBucket")
        cloud.close()
        return str(found["StackResourceDetail"]["PhysicalResourceId"])

    def deploy(self, job: Path, **environment: str) -> None:
        """Puts a job's machine into the stack; ``environment`` is what its functions find besides the run bucket."""
        _, found = compiled(job)
        arns = {f"${{{name}Arn}}": f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{name}" for name in found.functions}
        text = json.dumps(found.definition)
        for key, arn in arns.items():
            text = text.replace(key, arn)
        states, name = self.client("stepfunctions"), f"{self.stack}-{found.job.job}"
        arn = f"arn:aws:states:{REGION}:{ACCOUNT}:stateMachine:{name}"
        if arn in self.jobs:
            states.update_state_machine(stateMachineArn=arn, definition=text)
        else:
            role = f"arn:aws:iam::{ACCOUNT}:role/machine"
            states.create_state_machine(name=name, definition=text, roleArn=role)
        states.close()
        self.jobs[arn] = job
        self.environment = environment

    def execution(self, run: str) -> str:
        """The ARN of the execution of that name."""
        return next(arn for arn in self.processes if arn.endswith(f":{run}"))

    def close(self) -> None:
        """Ends what still runs."""
        for process in self.processes.values():
            process.kill()
            process.wait()
            assert process.stdin is not None
            process.stdin.close()

    def answer(self, action: str, given: Mapping[str, Any], moto: Callable[[], tuple[int, Answer]]) -> tuple[int, Answer]:
        """What Step Functions answers."""
        self.asked[action] += 1
        if action in self.refuse:
            code, text = self.refuse[action]
            return 400, {"__type": code, "message": text}
        own = getattr(self, f"_{action}", None)
        if own is None:
            return moto()
        return own(given, moto)

    def _StartExecution(self, given: Mapping[str, Any], moto: Callable[[], tuple[int, Answer]]) -> tuple[int, Answer]:  # noqa: N802
        status, answer = moto()
        if status == 200:
            self._begin(answer["executionArn"], given)
        return status, answer

    def _begin(self, arn: str, given: Mapping[str, Any]) -> None:
        if arn in self.processes:  # the same name with the same input: AWS answers as the first time
            return
        command = [sys.executable, str(SIDE), str(self.jobs[given["stateMachineArn"]]), given["name"], str(self._file(arn))]
        path = os.pathsep.join([str(ROOT / "tests"), os.environ.get("PYTHONPATH", "")])
        variables = {**os.environ, **self.variables(), **self.environment, "PYTHONPATH": path, "PORTL_RUNS": self.runs}
        self._file(arn).touch()
        with (self.folder / "lambda.log").open("a") as log:
            process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=log, stderr=log, text=True, env=variables)
        assert process.stdin is not None
        process.stdin.write(given["input"])
        process.stdin.flush()
        process.stdin.close()
        self.processes[arn] = process

    runs: str = ""

    def _file(self, arn: str) -> Path:
        return self.folder / f"{arn.rpartition(':')[2]}.events"

    def _events(self, arn: str) -> list[Answer]:
        """Those of an execution, or of a child: ``…:execution:<machine>/<label>:<run>-<number>``."""
        name, child = arn.rpartition(":")[2], ""
        if "/" in arn:
            label = arn.rpartition("/")[2].partition(":")[0]
            name, _, number = name.rpartition("-")
            child = f"{name}/{label}:{number}"
        lines = (self.folder / f"{name}.events").read_text("utf-8").splitlines(keepends=True)
        found = [json.loads(line) for line in lines if line.endswith("\n")]
        return [each for each in found if each["execution"] == child]

    def pause(self, run: str) -> None:
        """Nothing more happens in an execution until it goes on."""
        self.processes[self.execution(run)].send_signal(signal.SIGSTOP)

    def go_on(self, run: str) -> None:
        self.processes[self.execution(run)].send_signal(signal.SIGCONT)

    def stop(self, run: str, cause: str) -> None:
        """Ends an execution as StopExecution does, whose answer is in its history only."""
        arn = self.execution(run)
        self.processes[arn].kill()
        self.processes[arn].wait()
        last = self._events(arn)[-1]
        details = {"error": "Operator", "cause": cause}
        event = {**last, "id": last["id"] + 1, "previousEventId": last["id"], "type": "ExecutionAborted"}
        with self._file(arn).open("a", encoding="utf-8") as events:
            events.write(json.dumps({**event, "executionAbortedEventDetails": details}) + "\n")

    def _GetExecutionHistory(self, given: Mapping[str, Any], _: object) -> tuple[int, Answer]:  # noqa: N802
        begin = int(given.get("nextToken", "0"))
        events = self._events(given["executionArn"])
        page = [_sent(event) for event in events[begin : begin + PAGE]]
        more = {"nextToken": str(begin + PAGE)} if len(events) > begin + PAGE else {}
        return 200, {"events": page, **more}

    def _DescribeExecution(self, given: Mapping[str, Any], moto: Callable[[], tuple[int, Answer]]) -> tuple[int, Answer]:  # noqa: N802
        status, answer = moto()
        if status == 200:
            last = self._events(given["executionArn"])[-1:]
            answer["status"] = STATUS.get(last[0]["type"], "RUNNING") if last else "RUNNING"
        return status, answer

    def _ListExecutions(self, given: Mapping[str, Any], moto: Callable[[], tuple[int, Answer]]) -> tuple[int, Answer]:  # noqa: N802
        if "mapRunArn" not in given:
            status, answer = moto()
            for each in answer["executions"]:
                last = self._events(each["executionArn"])[-1]["type"]
                each["status"] = STATUS.get(last, "RUNNING")
            return status, answer
        found = [self._child(given["mapRunArn"], *each) for each in self._children(given["mapRunArn"]).items()]
        return 200, {"executions": [each for each in found if given.get("statusFilter") in (None, each["status"])]}

    def _child(self, map_run: str, name: str, status: str) -> Answer:
        machine, _, rest = map_run.partition(":mapRun:")[2].partition("/")
        label, run = rest.split(":")
        number = name.rpartition(":")[2]
        arn = f"arn:aws:states:{REGION}:{ACCOUNT}:execution:{machine}/{label}:{run}-{number}"
        return {"executionArn": arn, "name": f"{run}-{number}", "status": status, "startDate": 0.0, "stateMachineArn": "m"}

    def _children(self, map_run: str) -> dict[str, str]:
        label, run = map_run.rpartition("/")[2].split(":")
        found = {}
        for line in (self.folder / f"{run}.events").read_text("utf-8").splitlines(keepends=True):
            event = json.loads(line) if line.endswith("\n") else {"execution": ""}
            if event["execution"].startswith(f"{run}/{label}:"):
                found[event["execution"]] = STATUS.get(event["type"], "RUNNING")
        return found

    def _DescribeMapRun(self, given: Mapping[str, Any], _: object) -> tuple[int, Answer]:  # noqa: N802
        counts = Counter(self._children(given["mapRunArn"]).values())
        run = given["mapRunArn"].rpartition(":")[2]
        events = [json.loads(line) for line in (self.folder / f"{run}.events").read_text("utf-8").splitlines()]
        arns = [each["mapRunStartedEventDetails"]["mapRunArn"] for each in events if each["type"] == "MapRunStarted"]
        lengths = [each["mapStateStartedEventDetails"]["length"] for each in events if each["type"] == "MapStateStarted"]
        total = dict(zip(arns, lengths, strict=False))[given["mapRunArn"]]
        zero = dict.fromkeys(("timedOut", "resultsWritten"), 0)
        done = {"succeeded": counts["SUCCEEDED"], "failed": counts["FAILED"], "aborted": counts["ABORTED"]}
        rest = {"pending": total - sum(counts.values()), "running": counts["RUNNING"], "total": total}
        return 200, {"mapRunArn": given["mapRunArn"], "itemCounts": {**zero, **done, **rest}}


def _sent(event: Mapping[str, Any]) -> Answer:
    """An event as it goes over the wire: the time in seconds, and no word of whose it is."""
    moment = datetime.fromisoformat(event["timestamp"]).timestamp()
    return {**{name: value for name, value in event.items() if name != "execution"}, "timestamp": moment}


def start_fake_aws(folder: Path) -> FakeAws:
    """Starts the server; it lives as long as the process."""
    from moto.server import DomainDispatcherApplication, create_backend_app
    from werkzeug.serving import make_server

    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    moto, lock = DomainDispatcherApplication(create_backend_app), threading.Lock()
    aws = FakeAws("", folder)

    def application(environ: Any, start_response: Any) -> Iterable[bytes]:
        with lock:
            target = environ.get("HTTP_X_AMZ_TARGET", "")
            if not target.startswith(TARGET):
                return [b"".join(moto(environ, start_response))]
            body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
            action = target.removeprefix(TARGET)
            status, answer = aws.answer(action, json.loads(body or b"{}"), lambda: _from(moto, environ, body))
        text = json.dumps(answer).encode()
        start_response(f"{status} -", [("Content-Type", "application/x-amz-json-1.0"), ("Content-Length", str(len(text)))])
        return [text]

    server = make_server("127.0.0.1", 0, application, threaded=True)
    threading.Thread(target=server.serve_forever, name="fake-aws", daemon=True).start()
    aws.url = f"http://127.0.0.1:{server.server_port}"
    return aws


def _from(moto: Any, environ: dict[str, Any], body: bytes) -> tuple[int, Answer]:
    import io

    found: list[str] = []
    given = {**environ, "wsgi.input": io.BytesIO(body)}
    text = b"".join(moto(given, lambda status, *_: found.append(status)))
    return int(found[0].split()[0]), json.loads(text or b"{}")
