"""The older form of a job, one source and one destination, read and turned into steps."""

from portl_cli.legacy._convert import Converted
from portl_cli.legacy._job import OldJob, is_old_form, read_old_job
from portl_cli.legacy._text import steps_text

__all__ = ["Converted", "OldJob", "is_old_form", "read_old_job", "steps_text"]
