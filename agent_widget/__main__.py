"""``python -m agent_widget`` is ``agent-widget``."""

import sys

from .cli import main

sys.exit(main())
