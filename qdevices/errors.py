"""The exceptions of both packages: one base, and one for inputs that cannot be used."""


class KsampError(Exception):
    """Base of every exception that `qdevices` and `protocol` raise on purpose."""


class InputError(KsampError, ValueError):
    """An argument, file or request that cannot be used.

    The message is a single line: what was wrong, the value found, and what was expected.
    The command line prints it without a traceback and exits with code 2.
    """
