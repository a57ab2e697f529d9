"""The one error for what a user can put right."""


class UserError(Exception):
    """A mistake in a command, a config or a file.

    The message is one line that names the key or the file and says what to do; the command line prints it
    without a traceback and exits with 2.
    """
