"""Whether an answer waits for its reader: it ends with a question, or with a request to decide or tell something.

No format marks such answers; the shapes are those of answers that real models wrote, in English and, where a mark or a
few words suffice, in other languages. What is doubtful is no question: a wrong "waiting" calls a person for nothing.
"""

from __future__ import annotations

import re
from functools import cache
from typing import Final

from ..expressions import by_letters, expression
from .languages import OFFERS_PLAIN, QUESTIONS_PLAIN, REQUESTS_PLAIN, SPACED

_AFTER: Final = 2
"""Maximum sentences after a question at the end of an answer."""

_CODE: Final = expression(r"^ *(```|~~~).*?(?:^ *\1|\Z)", re.DOTALL | re.MULTILINE)
_INLINE: Final = expression(r"`[^`\n]*`|https?://\S+")
_QUOTED: Final = expression(r"""(?<=[^\s"“(] )(?:"[^"\n]{0,200}\?[^"\n]{0,40}"|“[^”\n]{0,200}\?[^”\n]{0,40}”)""")
"""A question that somebody else is told to ask: in quotes, in the middle of a sentence."""
_RULE: Final = expression(r"^\W*$")
_ITEM: Final = expression(r"^\s*(?:[-*+•]|\d{1,2}[.)]|\(?[a-zA-Z][.)])\s")
_MARKS: Final = ".!?…。！？؟"
_SENTENCE_END: Final = r"(?:[.!?…]+[\"')\]*_”»]*(?=\s|$)|[。！？؟][\"')\]*_”」』]*|$)"
_SENTENCE: Final = expression(rf".[^{_MARKS}]*(?:(?!{_SENTENCE_END})[{_MARKS}][^{_MARKS}]*)*{_SENTENCE_END}", re.DOTALL)
_END: Final = expression(r"[?？؟](?:[^\w\s.?？؟]|\s)*$")
"""A mark of a question, and after it at most brackets, marks of emphasis and pictures."""
_CHOICE: Final = expression(r"[(\[]\s*(?:y|yes|j|ja|o|oui|s|si|sí)\s*/\s*(?:n|no|nein|non)\s*[)\]]\W*$", re.IGNORECASE)
"""``[y/N]`` at the end."""


class _Shapes:
    """Shapes made of whole words, in lower case, and ``plain``, which need not be words, of what is not ASCII.

    A space in a shape is any white space. They are looked for behind what is no letter only, since nothing else can be
    the begin of a word: it takes a tenth of the time. So a text is given in lower case and with a space before it.
    """

    def __init__(self, *shapes: str, plain: str = "") -> None:
        self.shapes = shapes
        self._words = expression(_of_words(f"(?:{'|'.join(shapes)})"))
        self._plain = expression(plain)
        self._has_plain = bool(plain)

    def stand_in(self, low: str) -> bool:
        """Return whether one of them stands in a text."""
        return bool(self._words.search(low) or (self._has_plain and not low.isascii() and self._plain.search(low)))


def _of_words(either: str) -> str:
    """Return what looks for whole words."""
    return rf"\W{either}(?!\w)".replace(" ", r"\s+")


def _low(sentence: str) -> str:
    """Return a sentence as shapes are looked for in it; of a very long one its begin and its end."""
    if len(sentence) > _LONG:
        sentence = f"{sentence[: _LONG // 2]} {sentence[-_LONG // 2 :]}"
    return f" {sentence.lower()}"


_LONG: Final = 1_000
"""Characters of a sentence that are looked at."""


_TO_READER: Final = _Shapes(
    "(?:should|shall|may|can|could|must) (?:i|we)",
    "(?:do|would|could|can|will|are|did|have) you",
    "(?:does|is|are|do|would|will) (?:this|that|it|these|those|everything)"
    " (?:(?:look|sound|work|make|match|fit|seem)s?|ok(?:ay)?|fine|good|right|correct|acceptable|what you)",
    "you|your|you'd|you'll|you're",
    "want (?:me|it|that|this|them|these|the|a|an)",
    "which (?:one|option|of (?:these|those|them|the)|approach|way|direction)",
    "ok(?:ay)? (?:to|if|with)",
    "would it be (?:ok(?:ay)?|acceptable|fine|all right|possible|better|useful|helpful)|am i (?:right|correct)",
    plain=QUESTIONS_PLAIN,
)
_BRIEF: Final = expression(
    r"(?:ready|proceed|continue|sounds? good|makes? sense|agreed?|approved?|go ahead|good to go|thoughts|shall|should"
    r"|any (?:preference|objection|concern|thought|question)s?)\b[^?]{0,60}\?",
    re.IGNORECASE,
)
"""A question to the reader without a word for either."""
_OPENING: Final = expression(
    r"^\W*(?:should|shall|may|(?:do|would|could|can) you|want me|which"
    r"|(?:how|what) (?:should|shall|would|do) (?:i|we|you))\b",
    re.IGNORECASE,
)
"""The beginning of a question whose end is a list."""
_TO_ANYBODY: Final = expression(
    r"^\W*(?:why|so what|(?:how|what|when|where) (?:do|does|did|can|could|will|would|is|are|were|was|if)"
    r"(?! (?:you|i|we) (?:want|like|prefer|think|need|mean|wish)))\b",
    re.IGNORECASE,
)
"""A question of a text that goes on to answer it."""
_ANSWERS: Final = expression(
    r"^\W*(?:(?:yes|no|nope|yep|because|probably|apparently|turns out|it turns out|i (?:did|already|doubt|guess|think)"
    r"|i(?:'d| would) (?:say|guess|think|bet|argue))\b"
    r"|(?:both|neither|none)\W*$)",
    re.IGNORECASE,
)

_DEPENDS: Final = expression(
    r"^\W*(?:i(?:'d|'ll| would| will| (?:couldn't|can't|cannot|could not) (?:find|tell|see|decide|know))"
    r"|if (?:yes|so|not|no|it is|it isn't)|otherwise,? i)\b",
    re.IGNORECASE,
)
"""What comes after a question shows that it needs the answer."""

_GO_ON: Final = (
    "(?:proceed|continue|go (?:ahead|on)|start|begin|commit|push|merge|apply|implement|deploy|delete|remove|run)"
)
_WHAT: Final = "(?:whether|which|what|when|where|who|your|the"
_DECISION: Final = (
    "(?:explicit |final )?(?:answer|decision|approval|input|go-ahead|confirmation|call|choice|feedback|response|reply"
    "|permission|ok|okay|sign-?off|review|guidance|preference|instruction|nod)s?"
)
_REQUEST: Final = _Shapes(
    f"(?:let me|lemme) know {_WHAT}|how|once|(?:if|that) (?:i|we) (?:should|can|may|shall)"
    "|if (?:it|this|that|everything) (?:looks?|sounds?|works?|makes?|seems?)"
    f"|if you(?:'d like| would like| want) me to {_GO_ON}"
    r"|if (?:this|that|the|my) (?:\w+ )?(?:plan|approach|design|proposal|direction))",
    f"(?:tell|show|give|send) me {_WHAT}|how (?:you|to)|if (?:i|we) should)",
    "please (?:confirm|choose|pick|select|specify|clarify|approve|decide|advise|provide|share|paste|send|attach|upload"
    "|respond|reply|answer|(?:tell|let|give|show) me|(?:re-?)?(?:run|try|start|open) .* (?:and|then))",
    "(?:reply|respond|answer|type) (?:with|by)",
    f"(?:i (?:still )?(?:need|want|require|'d like)|i'd (?:like|need|want)|needs?)"
    f" (?:to (?:hear|know|have) )?your {_DECISION}",
    f"(?:waiting (?:for|on)|awaiting|wait for|holding for|standing by for|pending) your {_DECISION}",
    "i (?:still )?need (?:you to|the following|a decision|an answer|(?:some|more) (?:information|details|input))",
    r"(?:once|after|as soon as|hold off until|wait until) you(?:'ve)? (?:have )?"
    r"(?:confirm|decide|approve|answer|reply|respond|choose|pick|tell|let|clarif|provide|share)\w*",
    "before (?:i|we) (?:proceed|continue|go|start|begin|make|touch|change|write|commit|push|merge|delete)"
    "[^.]* (?:confirm|need|let me know|please|your)",
    "(?:it's|that's|this is|it is|that is) your (?:call|choice|decision)|(?:your|the) (?:call|choice) is yours",
    "(?:waiting|blocked) on you|over to you|up to you (?:to|whether|which|how|now)",
    r"need (?:\w+ ){1,3}(?:decision|answer|input|confirmation|clarification)s? from you",
    r"please [^.]{1,80} (?:and|then) (?:let me know|tell me)",
    "if (?:you (?:approve|agree|confirm)|(?:that|this) (?:works|(?:looks|sounds) (?:good|right)"
    "|is (?:ok|okay|fine|right)))[^.]{0,20},? i(?:'ll| will)",
    r"(?:once|when|as soon as) i have (?:these|those|your)(?: \w+)?,? (?:i|we)(?:'ll| will| can)",
    plain=REQUESTS_PLAIN,
)
_ORDER: Final = expression(
    r"(?:^|[,;:—–]|\b(?:and|or|to|then|must|just)\b)\s*(?:confirm|decide|choose|specify|pick|clarify|tell me)"
    r" (?:whether|which|what|if (?:i|we|you)|one of|between|how)\b"
    r"|(?:^|[,;:—–]|\b(?:and|then|please)\b)\s*(?:paste|share|send|post)(?: me)? (?:the|its|your|any) (?:\w+ )?"
    r"(?:outputs?|logs?|results?|errors?|traceback|screenshot|message|contents?)\b"
    r"|^\W*(?:choose|pick|select) (?:an option|one of|one:|between|\W?\w{1,2}\W? or \W?\w{1,2}\b)"
    r"|^\W*(?:confirm|approve|agree|pick|choose|select)\b[^.]{0,40} and i(?:'ll| will)\b"
    r"|^\W*tell me to (?:go|start|proceed|continue)\b"
    r"|^\W*(?:type|enter|say|reply|press) \S+ to (?:continue|proceed|confirm|go on)\b"
    r"""|\b(?:reply|type|say|enter) ["'“*]{1,2}\w|^\W*your (?:call|choice|decision|move)\W*$"""
)
"""A request that is one only where the sentence, or a part of it, begins."""
_VERBS: Final = _Shapes(
    *"confirm decide choose specify pick clarify tell paste share send post select approve agree"
    " type enter say reply press your".split()
)
"""One of them stands in each."""
_GO_AHEAD: Final = expression(r"(?<!'d )(?<!would )\bsay (?:the word|go|so|yes|when|which|what)\b")
_OFFER: Final = _Shapes(
    "if you (?:need|want|have|like|run into|notice|see|hit|would|'d|prefer)|if you'd|if anything|if there(?:'s| is)",
    "anything else|any (?:other )?(?:questions|issues|problems)|feel free|otherwise i",
    plain=OFFERS_PLAIN,
)
"""What a person may ask for, and need not."""
_CLOSING: Final = _Shapes(
    r"(?:anything|something) else|(?:any|more) (?:other )?questions|want to (?:know|learn|read|see) more",
    "algo más|noch (?:etwas|fragen)|autre chose|mais alguma coisa|altro|nog iets|czegoś jeszcze|что-?(?:то|нибудь) ещё",
    plain=r"还有(?:什么|其他)|(?:他|ほか)に(?:何か|ご)|다른 (?:질문|도움)",
)
"""A question at the end that asks for nothing."""
_ME_TO: Final = _Shapes(f"know if you(?:'d like| would like| want) me to {_GO_ON}")
"""What looks like an offer, and is what comes next."""

_QUESTIONS: Final = _Shapes(*(words.questions for words in SPACED.values()))
_REQUESTS: Final = _Shapes(*(words.requests for words in SPACED.values()))
_OFFERS: Final = _Shapes(*(words.offers for words in SPACED.values()))
_REASONS: Final = _Shapes(*(words.reasons for words in SPACED.values()))
"""The same in other languages."""
_FIRST_SENTENCES: Final = iter(range(100))
"""Sentences in which each of them is looked for: what looks for all at once takes 20 ms to be made."""
_ENGLISH: Final = frozenset("the and this that you your with i'll it's should would i'd i've is it i".split())


def _is_english(low: str) -> bool:
    """Return whether a sentence need not be looked at as one of another language."""
    return low.isascii() and len(_ENGLISH.intersection(low.split())) > 1


def asks(text: str) -> bool:
    """Return whether an answer ends with a question to its reader, or with a request to decide.

    It may go on for a sentence or two (a reason, what happens then), or with the options to choose from. A question in
    the middle, in code, or one that the text answers itself ("Why? Because …") is none; neither is an offer ("let me
    know if you need anything else").
    """
    blocks = _blocks(text if len(text) <= _ENOUGH else _end_of(text))
    if not blocks:
        return False
    last = blocks[-1]
    if last[-1].startswith("|") or last[-1] == _LEFT_OUT:
        return len(blocks) > 1 and last[-1] == _LEFT_OUT and _opens_a_choice(blocks[-2][-1], code=True)
    if _CHOICE.search(last[-1]):
        return True
    if _END.search(last[-1]):
        return bool(_ITEM.match(last[-1])) or not _CLOSING.stand_in(_low(_sentences(last[-1])[-1]))
    if _ITEM.match(last[-1]):
        return _offers_a_choice(blocks)
    sentences = _sentences(" ".join(line for line in last if not _ITEM.match(line)))
    if _waits(sentences):
        return True
    # a last remark in a paragraph of its own
    if len(blocks) > 1 and len(sentences) <= _AFTER and not _ITEM.match(blocks[-2][-1]):
        before = _sentences(blocks[-2][-1])
        return bool(before) and _is_question(before[-1]) and not _ANSWERS.match(sentences[0])
    return False


_ENOUGH: Final = 20_000
"""Characters of an answer's end that are looked at."""


def _end_of(text: str) -> str:
    """Return the end of a long text; if it begins inside a block of code, so does what is returned."""
    inside = text.count("\n```", 0, len(text) - _ENOUGH) % 2
    return ("```\n" if inside else "") + text[-_ENOUGH:]


_LEFT_OUT: Final = "\x00"
"""Stands for a block of code."""


def _blocks(text: str) -> list[list[str]]:
    """Return the paragraphs of a text as lists of lines: code, links and rules left out."""
    blocks: list[list[str]] = [[]]
    if "```" in text or "~~~" in text:
        text = _CODE.sub(f"\n{_LEFT_OUT}\n", text)
    if "`" in text or "://" in text:
        text = _INLINE.sub("x", text)
    if "?" in text and ('"' in text or "“" in text):
        text = _QUOTED.sub("x", text)
    for line in text.splitlines():
        line = line.strip()
        if not line:
            blocks.append([])
        elif line == _LEFT_OUT or not _RULE.match(line) or "?" in line:
            blocks[-1].append(line)
    return [block for block in blocks if block]


def _sentences(text: str) -> list[str]:
    """Return the sentences of a paragraph, of a very long one the last."""
    return [found for sentence in _SENTENCE.findall(text[-_PARAGRAPH:]) if (found := sentence.strip())]


_PARAGRAPH: Final = 2_000
"""Characters at the end of a paragraph that are looked at."""


def _is_question(sentence: str) -> bool:
    """Return whether a sentence is a question to the reader, though others follow."""
    if not _END.search(sentence) or not _to_reader(sentence) or _TO_ANYBODY.match(sentence):
        return False
    return not _CLOSING.stand_in(_low(sentence))


def _is_needed(sentence: str, following: str) -> bool:
    """Return whether a question is one to the reader by what comes after it."""
    return bool(_END.search(sentence) and _DEPENDS.match(following)) and not _TO_ANYBODY.match(sentence)


def _to_reader(sentence: str) -> bool:
    low = _low(sentence)
    if _TO_READER.stand_in(low) or _BRIEF.match(sentence) is not None:
        return True
    return not _is_english(low) and _QUESTIONS.stand_in(low) and not _REASONS.stand_in(low[: len(low) // 2])


@cache
def _any_request() -> re.Pattern[str]:
    """Return what looks for all that a request in ASCII can have, in a third of the time."""
    return re.compile(_of_words(by_letters((*_REQUEST.shapes, *_REQUESTS.shapes, *_VERBS.shapes))))


def _is_request(sentence: str) -> bool:
    low = _low(sentence)
    if low.isascii() and next(_FIRST_SENTENCES, None) is None and _any_request().search(low) is None:
        return False
    if _OFFER.stand_in(low) and not _ME_TO.stand_in(low):
        return False
    if not _is_english(low) and _REQUESTS.stand_in(low):
        return not _OFFERS.stand_in(low)
    return (
        _REQUEST.stand_in(low)
        or (_VERBS.stand_in(low) and _ORDER.search(low) is not None)
        or ("say " in low and _GO_AHEAD.search(low) is not None and " if " not in low)
    )


def _waits(sentences: list[str]) -> bool:
    """Return whether one of the last sentences waits for the reader."""
    for after, sentence in enumerate(reversed(sentences[-_AFTER - 1 :])):
        following = sentences[len(sentences) - after] if after else ""
        if after < _AFTER and _is_request(sentence):
            return True
        if after and not _ANSWERS.match(following) and (_is_question(sentence) or _is_needed(sentence, following)):
            return True
    return False


def _offers_a_choice(blocks: list[list[str]]) -> bool:
    """Return whether a list at the end has the options of a question, or the questions of a request, before it."""
    lines = [line for block in blocks[-3:] for line in block]
    while lines and (_ITEM.match(lines[-1]) or _goes_on(lines)):
        if _END.search(lines[-1]) and _is_question(_sentences(lines[-1])[-1]):
            return True
        lines.pop()
    return bool(lines) and _opens_a_choice(lines[-1])


def _goes_on(lines: list[str]) -> bool:
    """Return whether the last line is a part of an item of a list."""
    return len(lines) > 1 and bool(_ITEM.match(lines[-2])) and not lines[-1].endswith((":", "?", "？"))


def _opens_a_choice(line: str, *, code: bool = False) -> bool:
    """Return whether what follows a line is what the reader is asked to choose from, or to answer."""
    sentence = _sentences(line.rstrip("*_ "))[-1:]
    if not sentence or _TO_ANYBODY.match(sentence[0]):
        return False
    if sentence[0].endswith(("?", "？")):
        return _to_reader(sentence[0])
    if sentence[0].endswith((":", "：")) and _OPENING.match(sentence[0]):
        return not code
    return not code and _is_request(sentence[0])
