"""What a user can cause and the command line shows in one line, without a traceback."""


class Failure(Exception):
    """The message is one line that says what to do."""
