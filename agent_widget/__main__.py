"""``python -m agent_widget`` is ``agent-widget``."""

import sys


def main() -> int:
    """Run the command line; the status line without the rest of it, which takes a second to import."""
    if sys.argv[1:2] == ["statusline"]:
        from . import statusline

        return statusline.main(sys.argv[2:])
    from .garbage import uncollected

    with uncollected():  # what is imported stays
        from . import cli
    return cli.main()


if __name__ == "__main__":
    sys.exit(main())
