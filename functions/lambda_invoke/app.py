"""The function of ``lambda.invoke`` steps."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from portl.runs import LambdaContext, handle
from portl.steps.lambda_invoke import STEP


def handler(event: Mapping[str, Any], context: LambdaContext) -> Any:
    """See portl.steps.lambda_invoke."""
    return handle(STEP, event, context)
