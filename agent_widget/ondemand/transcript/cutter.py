"""What a page shows of long texts, and of secrets."""

from __future__ import annotations

from typing import Any

from ...masking import mask


class Cutter:
    """Cuts long texts and masks secrets."""

    def __init__(self, chars: int, masking: bool) -> None:
        self.chars = chars
        self.masking = masking
        self.spent = 0

    def shown(self, value: Any, name: str | None = None) -> Any:
        """The same with shorter texts and without secrets."""
        if isinstance(value, str):
            return self._text(value, name)
        if isinstance(value, dict):
            return {str(key): self.shown(inner, str(key)) for key, inner in value.items()}
        if isinstance(value, (list, tuple)):
            return [self.shown(inner) for inner in value]
        return value

    def _text(self, text: str, name: str | None) -> str:
        shown = text[: self.chars + 1000]  # a secret that is cut in two would not be known for one
        if self.masking:
            prefix = f"{name}: " if name else ""  # "password" may stand before it only here
            masked = mask(prefix + shown)
            shown = masked.removeprefix(prefix)
        if len(text) > self.chars:
            shown = f"{shown[: self.chars]}… ({len(text) - self.chars:,} more characters)"
        self.spent += len(shown)
        return shown
