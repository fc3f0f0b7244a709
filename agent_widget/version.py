"""Which version this is; the metadata of the package take it from here."""

from typing import Final

VERSION: Final = "0.1.0"
