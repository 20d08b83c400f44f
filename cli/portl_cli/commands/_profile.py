"""The option that chooses a profile."""

from __future__ import annotations

import os

import click

from portl.jobs import PROFILE


def _choose(_: click.Context, __: click.Parameter, name: str | None) -> None:
    """Jobs are read in many places, and in processes of their own: the environment leads to all of them."""
    if name:
        os.environ[PROFILE] = name


profile_option = click.option(
    "--profile",
    metavar="NAME",
    envvar=PROFILE,
    expose_value=False,
    is_eager=True,
    callback=_choose,
    help="Take the connections of this profile in the place of the job's.",
)
