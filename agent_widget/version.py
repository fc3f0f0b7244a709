"""Which version this is."""

from importlib import metadata
from typing import Final

VERSION: Final = metadata.version("agent-widget")
