"""The one exception of the project: an input that cannot be used, said in one line."""


class InputError(ValueError):
    """An argument, file or request that cannot be used.

    The message is a single line: what was wrong, the value found, and what was expected.
    The command line prints it without a traceback and exits with code 2.
    """
