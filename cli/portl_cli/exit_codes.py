"""How every command ends."""

DONE, FAILED, JOB_WRONG, ENVIRONMENT_WRONG, INTERRUPTED = 0, 1, 2, 3, 130
EXIT_CODES = {
    DONE: "Done.",
    FAILED: "The run failed, or what was compared differs.",
    JOB_WRONG: "The job is wrong, or the command line is.",
    ENVIRONMENT_WRONG: "The environment is wrong: a variable, a server, a file or a permission.",
    INTERRUPTED: "Interrupted: what was open is rolled back.",
}
"""The exit codes of every command."""
