"""What ``portl init`` writes: answers → files, with nothing asked and nothing written until all of it is known."""

from portl_cli.scaffold._answers import (
    KINDS,
    Answers,
    Kind,
    api_path,
    function_target,
    job_name,
    key_of,
    table_name,
    variable_name,
)
from portl_cli.scaffold._append import appended, free
from portl_cli.scaffold._columns import Column, columns_from_text, plain_name
from portl_cli.scaffold._files import (
    IGNORED,
    deployment_files,
    files_beside,
    folder,
    function_folder,
    job_files,
    sample_path,
    shown_first,
)
from portl_cli.scaffold._look import Seen, look
from portl_cli.scaffold._write import write_all
from portl_cli.scaffold._yaml_text import entry, item

__all__ = [
    "IGNORED",
    "KINDS",
    "Answers",
    "Column",
    "Kind",
    "Seen",
    "api_path",
    "appended",
    "columns_from_text",
    "deployment_files",
    "entry",
    "files_beside",
    "folder",
    "free",
    "function_folder",
    "function_target",
    "item",
    "job_files",
    "job_name",
    "key_of",
    "look",
    "plain_name",
    "sample_path",
    "shown_first",
    "table_name",
    "variable_name",
    "write_all",
]
