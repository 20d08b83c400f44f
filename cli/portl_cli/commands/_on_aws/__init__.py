"""``portl run --on aws``: an execution of the deployed state machine, followed and told of as a run of this machine."""

from portl_cli.commands._on_aws.options import on_aws

__all__ = ["on_aws"]
