"""What an extract shows of long texts, and of secrets."""

from __future__ import annotations

from typing import Any

from ...masking import deep, reference


class Cutter:
    """Cuts long texts and masks secrets."""

    def __init__(self, chars: int, masking: bool) -> None:
        self.chars = chars
        self.masking = masking
        self.spent = 0

    def shown(self, value: Any, name: str | None = None) -> Any:
        """Return the same value with shorter texts and without secrets."""
        if isinstance(value, str):
            return self._text(value, name)
        if isinstance(value, dict):
            keys = [reference(str(key)) if self.masking else str(key) for key in value]
            return {key: self.shown(inner, str(name)) for key, (name, inner) in zip(keys, value.items(), strict=True)}
        if isinstance(value, (list, tuple)):
            before = [None, *(item if isinstance(item, str) and item[:1] == "-" else None for item in value)]
            return [self.shown(inner, option) for option, inner in zip(before, value, strict=False)]
        return value

    def _text(self, text: str, name: str | None) -> str:
        shown = text[: self.chars + 1000]  # a secret that is cut in two would not be known for one
        if self.masking:
            shown = deep(shown, name)  # only the name may show that it is a password
        if len(text) > self.chars:
            shown = f"{shown[: self.chars]}… ({len(text) - self.chars:,} more characters)"
        self.spent += len(shown)
        return shown
