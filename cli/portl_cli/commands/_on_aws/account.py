"""The account that a run is done in: credentials, region, clients; and what AWS's refusals mean."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from typing import Any

from portl.errors import SetupError

ATTEMPTS = 8
"""Of one call: a run is followed for hours, and a network that is away for a minute must not end that."""
_UNKNOWN_KEYS = frozenset(
    {
        "ExpiredToken",
        "ExpiredTokenException",
        "IncompleteSignature",
        "InvalidAccessKeyId",
        "InvalidClientTokenId",
        "InvalidSignatureException",
        "SignatureDoesNotMatch",
        "UnrecognizedClientException",
    }
)
"""https://docs.aws.amazon.com/step-functions/latest/apireference/CommonErrors.html"""
_DENIED = frozenset({"AccessDenied", "AccessDeniedException", "UnauthorizedOperation", "NotAuthorized"})


class Account:
    """Credentials and region as AWS's own tools find them: variables, profiles, single sign-on, roles.

    https://docs.aws.amazon.com/boto3/latest/guide/credentials.html
    """

    def __init__(self) -> None:
        import boto3

        with told("find credentials"):
            self._session = boto3.Session()
        # boto3 itself does not look at AWS_REGION, which Lambda, the AWS CLI and GitHub's action set
        self.region: str = os.environ.get("AWS_REGION") or self._session.region_name or ""
        if not self.region:
            raise SetupError("no AWS region is chosen", code="V161", hint="export AWS_REGION=eu-central-1, or choose a profile")

    def client(self, service: str) -> Any:
        """A client of boto3. Several threads may use it."""
        from botocore.config import Config

        config = Config(retries={"mode": "standard", "total_max_attempts": ATTEMPTS}, max_pool_connections=16)
        with told(f"use {service}"):
            return self._session.client(service, region_name=self.region, config=config)

    @cached_property
    def number(self) -> str:
        """The account's number. Raises SetupError: V160, there are no credentials, or they are not valid."""
        with told("sts:GetCallerIdentity"):
            return str(self.client("sts").get_caller_identity()["Account"])

    @property
    def partition(self) -> str:
        """``aws``, ``aws-cn`` or ``aws-us-gov``."""
        return str(self._session.get_partition_for_region(self.region))

    def keys(self) -> dict[str, str]:
        """The credentials in force, by the names that a store of type s3 takes."""
        with told("find credentials"):
            found = self._session.get_credentials().get_frozen_credentials()
        given = {"access_key_id": found.access_key, "secret_access_key": found.secret_key, "session_token": found.token}
        return {name: value for name, value in given.items() if value}


@contextmanager
def told(action: str) -> Iterator[None]:
    """Says in Portl's words what boto3 raises. ``action`` is what was tried, best as IAM names it.

    Raises:
        SetupError: V160 to V168.
    """
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        yield
    except ClientError as problem:
        raise _refused(problem, action) from problem
    except BotoCoreError as problem:
        raise _failed(problem, action) from problem


def error_code(problem: Any) -> str:
    """The name of what a service refuses with."""
    return str(problem.response.get("Error", {}).get("Code", ""))


def _refused(problem: Any, action: str) -> SetupError:
    code, text = error_code(problem), str(problem.response.get("Error", {}).get("Message", "") or problem)
    if code in _UNKNOWN_KEYS:
        return SetupError(f"AWS does not take these credentials: {text}", code="V160", hint="log in again: aws sso login")
    if code in _DENIED:
        hint = f"whoever runs it needs {action}; docs/deploy.md has the rights of a role"
        return SetupError(f"AWS does not allow it: {text}", code="V164", hint=hint)
    if code in ("StateMachineDoesNotExist", "StateMachineDeleting"):
        hint = "deploy the job: portl build && sam build && sam deploy; --stack names another stack"
        return SetupError(f"there is no such state machine: {text}", code="V163", hint=hint)
    if code == "ExecutionAlreadyExists":
        hint = "its name stands for one run only; follow it with --follow"
        return SetupError(f"there is an execution of that name already: {text}", code="V165", hint=hint)
    if code == "ExecutionDoesNotExist":
        hint = "Step Functions keeps executions for 90 days; look into its console"
        return SetupError(f"there is no such execution: {text}", code="V169", hint=hint)
    return SetupError(f"AWS refused {action}: {code}: {text}", code="V168", hint="try again, or look into AWS's documentation")


def _failed(problem: Exception, action: str) -> SetupError:
    from botocore import exceptions

    if isinstance(problem, exceptions.NoRegionError):
        return SetupError("no AWS region is chosen", code="V161", hint="export AWS_REGION=eu-central-1, or choose a profile")
    if isinstance(problem, (exceptions.HTTPClientError, exceptions.ConnectionError)):
        text = f"AWS cannot be reached ({action}): {problem}"
        return SetupError(text, code="V166", hint="look at the network, the proxy and the region")
    if isinstance(problem, (exceptions.ParamValidationError, exceptions.InvalidRegionError)):
        wrong = f"{action} cannot be asked: {problem}"
        return SetupError(wrong, code="V168", hint="look at the region, at --stack and at the job's name")
    hint = "log in (aws sso login), export AWS_PROFILE or the keys, or give the GitHub job a role"
    return SetupError(f"there are no AWS credentials: {problem}", code="V160", hint=hint)
