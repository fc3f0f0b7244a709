"""The formats that can be read; one file for each, and :mod:`.base`, which has what they share."""

from __future__ import annotations

from .atif import Atif
from .base import Evidence, Gone, Item, Reader, Record, Source
from .beads import Beads
from .claude import Claude
from .codex import Codex
from .copilot import Copilot
from .gemini import Gemini
from .inspect_ai import InspectAI
from .kimi import Kimi
from .kimi_code import KimiCode
from .opencode import OpenCode
from .otlp import Otlp
from .parsing import Malformed
from .pi import Pi
from .qwen import Qwen
from .taskmaster import TaskMaster
from .workspace import Workspace

SOURCES: tuple[type[Source], ...] = (
    Workspace,
    Claude,
    Codex,
    Copilot,
    Gemini,
    InspectAI,
    Kimi,
    KimiCode,
    OpenCode,
    Otlp,
    Pi,
    Qwen,
    Atif,
    Beads,
    TaskMaster,
)
"""All of them; a directory belongs to the first that recognises it."""

__all__ = ["SOURCES", "Evidence", "Gone", "Item", "Malformed", "Reader", "Record", "Source"]
