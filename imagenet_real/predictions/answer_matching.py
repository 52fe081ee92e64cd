"""Answers in words, such as "I see a tench in shallow water", and the classes that they name.

An answer is matched if its subject has the name or a synonym of exactly one class. It is ambiguous if it names several
classes, if its name belongs to several, or if it names a class only beside its subject. It is unmatched otherwise. Nothing
is guessed: "a dog" is no class, and "a dog on a desk" is not class "desk".
"""

import collections
import dataclasses
import enum
import re
import unicodedata
from collections.abc import Iterator, Sequence

from imagenet_real.predictions import answer_words as words

LONGEST_NAME = 7  # words
NEGATION_REACH = 4  # words from "not" to the name that it denies
_WNID = re.compile(r"n\d{8}")
_WORDS = re.compile(r"[a-z0-9]+|\|")
_IRREGULAR = {"mice": "mouse", "geese": "goose", "oxen": "ox", "men": "man", "women": "woman", "children": "child"}
_IRREGULAR |= {
    "feet": "foot",
    "teeth": "tooth",
    "leaves": "leaf",
    "loaves": "loaf",
    "wolves": "wolf",
    "knives": "knife",
}
_IRREGULAR |= {"gray": "grey", "scarves": "scarf", "shelves": "shelf", "calves": "calf", "pyjamas": "pajama"}


class Verdict(enum.IntEnum):
    """What an answer says."""

    MATCHED = 0
    AMBIGUOUS = 1
    UNMATCHED = 2


@dataclasses.dataclass(frozen=True)
class Reading:
    """An answer as it is read: the class that it names, or all that it may mean."""

    verdict: Verdict
    classes: tuple[int, ...] = ()  # one if matched, none if unmatched


@dataclasses.dataclass(frozen=True)
class _Span:
    """A name in an answer: the words from `start` to `stop`."""

    start: int
    stop: int
    classes: frozenset[int]
    is_everyday: bool


class Matcher:
    """Reads answers by the names of K classes."""

    def __init__(self, names: Sequence[Sequence[str]], codes: Sequence[str] = ()):
        """`names` [K] are the names and synonyms of each class, the usual name first; `codes` [K] are wnids."""
        self._exact: dict[str, set[int]] = collections.defaultdict(set)
        self._singular: dict[str, set[int]] = collections.defaultdict(set)
        self._ends: dict[str, set[int]] = collections.defaultdict(set)  # the last words of longer names
        self._codes = {code: label for label, code in enumerate(codes)}
        self._others = {"".join(map(singular, name.split())) for name in words.OTHER_THINGS}
        for label, synonyms in enumerate(names):
            for name in synonyms:
                parts = [word for word in words_of(name) if word != "|"]
                if not parts or "".join(parts) in words.NO_NAMES:
                    continue
                self._exact["".join(parts)].add(label)
                self._singular["".join(map(singular, parts))].add(label)
                if len(parts) > 1:
                    self._ends[singular(parts[-1])].add(label)
        self._others -= self._singular.keys()

    def read(self, text: str) -> Reading:
        """Reads one answer."""
        code = text.strip().strip("\"'.` ")
        if code in self._codes:
            return Reading(Verdict.MATCHED, (self._codes[code],))
        answer = words_of(text)
        spans = [span for span in self._spans(answer) if span.classes and not _is_verb(answer, span)]
        roles = _roles(answer, spans)
        subjects = [span for span, role in zip(spans, roles, strict=True) if role == "subject"]
        subjects = [span for span in subjects if not span.is_everyday] or subjects
        asides = [span for span, role in zip(spans, roles, strict=True) if role in ("aside", "part")]
        if not subjects:
            return self._without_subject(answer, asides)
        classes = _common(subjects)
        others = [
            span
            for span, role in zip(spans, roles, strict=True)
            if role == "aside" and not span.classes & classes and not (span.is_everyday or _is_part(answer, span))
        ]
        if others or not classes or len(classes) > 1 or all(span.is_everyday for span in subjects):
            everything = frozenset().union(*(span.classes for span in [*subjects, *others]))
            return _ambiguous(classes if len(classes) > 1 and not others else everything)
        return Reading(Verdict.MATCHED, tuple(classes))

    def _without_subject(self, answer: Sequence[str], asides: Sequence[_Span]) -> Reading:
        if asides:
            return _ambiguous(frozenset().union(*(span.classes for span in asides)))
        candidates = [self._ends.get(singular(word), set()) for word in _subject_nouns(answer)]
        several = next((classes for classes in candidates if len(classes) > 1), None)
        return _ambiguous(several) if several else Reading(Verdict.UNMATCHED)

    def _spans(self, answer: Sequence[str]) -> Iterator[_Span]:
        """The names in an answer, the longest first at each place, without overlap."""
        start = 0
        while start < len(answer):
            span = next(filter(None, (self._name(answer, start, start + n) for n in range(LONGEST_NAME, 0, -1))), None)
            if span:
                yield span
            start = span.stop if span else start + 1

    def _name(self, answer: Sequence[str], start: int, stop: int) -> _Span | None:
        parts = answer[start:stop]
        if stop > len(answer) or "|" in parts or (len(parts) > 1 and parts[0] in ("a", "an", "the")):
            return None
        key, singular_key = "".join(parts), "".join(map(singular, parts))
        classes = self._exact.get(key) or self._singular.get(singular_key) or ()
        is_name = classes or (len(parts) > 1 and singular_key in self._others)
        return _Span(start, stop, frozenset(classes), singular_key in words.EVERYDAY) if is_name else None


def words_of(text: str) -> list[str]:
    """The words of a text in lower case, with "|" where a clause ends. Hyphens divide words, apostrophes do not."""
    lower = re.sub(r"[\u2018\u2019'`]", "", text.lower())
    lower = re.sub(r"\s[-\u2013\u2014]+\s|[\u2013\u2014]", " | ", lower)
    lower = unicodedata.normalize("NFKD", lower).encode("ascii", "ignore").decode()  # without accents
    lower = re.sub(r"\b(st|mt|mr|dr)\.", r"\1", lower)
    lower = re.sub(r"\b([a-z])\.([a-z])\.", r"\1\2", lower)
    lower = re.sub(r"[,.;:!?()\[\]{}\"\n/|*]+", " | ", lower)
    return _WORDS.findall(lower)


def singular(word: str) -> str:
    """A noun without its plural, in one spelling of British and American English."""
    if word in _IRREGULAR:
        return _IRREGULAR[word]
    if len(word) > 4 and word.endswith("ies"):
        return word[:-3] + "y"
    if len(word) > 4 and word.endswith(("ches", "shes", "sses", "xes", "zzes", "oes")):
        return word[:-2]
    if len(word) > 3 and word.endswith("s") and not word.endswith(("ss", "us", "is")):
        word = word[:-1]
    return word[:-2] + "y" if len(word) > 3 and word.endswith("ie") else word  # magpies and magpie have one form


def _is_verb(answer: Sequence[str], span: _Span) -> bool:
    before = answer[span.start - 1] if span.start else ""
    is_single = span.stop - span.start == 1
    return is_single and answer[span.start] in words.ALSO_VERBS and before in words.BEFORE_VERBS


def _is_part(answer: Sequence[str], span: _Span) -> bool:
    return span.stop - span.start == 1 and singular(answer[span.start]) in words.PARTS


def _roles(answer: Sequence[str], spans: Sequence[_Span]) -> list[str]:
    """The role of each name: `subject`, `aside`, `part` of the name of something else, or `ignored`."""
    starts = {span.start: span for span in spans}
    roles, place, role, negation, opening = [], 0, "subject", -NEGATION_REACH - 1, -2
    while place < len(answer):
        word = answer[place]
        if place in starts:
            span = starts[place]
            roles.append(_role(answer, span, role, place - negation, span.stop in starts))
            place = span.stop
            continue
        if word == "|" or word == "but":
            role, negation = "subject", -NEGATION_REACH - 1
        elif word in words.NEGATIONS or tuple(answer[place : place + 2]) in words.NEGATED_BEFORE:
            negation = place
        elif word in words.DOUBTS:
            role = "doubt"
        elif word in words.VERBS and role == "aside":
            role = "subject"
        elif (word in words.ASIDES or word.endswith("ing")) and role == "subject" and place:
            before = answer[place - 1]
            if before in words.OPEN_SUBJECTS | words.VERBS | {"|"} or opening == place - 1:
                opening = place  # "people sitting on": the subject is still open
            elif word in words.ASIDES or before not in words.ARTICLES:  # "a running cheetah" is a cheetah
                role = "aside"
        place += 1
    return roles


def _role(answer: Sequence[str], span: _Span, role: str, distance: int, is_before_a_name: bool) -> str:
    if distance <= NEGATION_REACH:
        return "ignored"
    after = answer[span.stop] if span.stop < len(answer) else "|"
    is_single = span.stop - span.start == 1
    is_color = is_single and answer[span.start] in words.COLORS and (after in words.CATEGORIES or _continues(after))
    if is_color or (is_single and is_before_a_name):
        return "ignored"
    if _continues(after) and not is_before_a_name:
        return "part"
    return "aside" if role == "doubt" else role


def _continues(after: str) -> bool:
    """Whether the word after a name makes it the name of something else, as in "rubber duck"."""
    ends = (
        after in words.CATEGORIES | words.ASIDES | words.CONJUNCTIONS | words.VERBS | words.FOLLOWING | words.NEGATIONS
    )
    ends |= after in words.ARTICLES or after.endswith(("ing", "ed", "ly"))
    return after != "|" and not ends and not after.isdigit()


def _common(subjects: Sequence[_Span]) -> frozenset[int]:
    """The classes that all subjects may mean; none if two subjects are different classes."""
    classes = subjects[0].classes
    for span in subjects[1:]:
        classes = classes & span.classes
    return classes


def _subject_nouns(answer: Sequence[str]) -> Iterator[str]:
    """The last word of each clause's first noun: "dog" of "a brown dog on a chair"."""
    previous, is_open, is_denied = "", True, False
    for word in [*answer, "|"]:
        ends = word == "|" or word in words.ASIDES | words.CONJUNCTIONS | words.VERBS or word.endswith("ing")
        if ends and is_open and previous and previous not in words.OPEN_SUBJECTS | words.VERBS:
            is_open = False
            if not is_denied:
                yield previous
        if word == "|" or word in words.VERBS:
            is_open = True
        is_denied = word in words.NEGATIONS or (is_denied and word != "|")
        previous = "" if ends else word


def _ambiguous(classes: frozenset[int] | set[int]) -> Reading:
    return Reading(Verdict.AMBIGUOUS, tuple(sorted(classes)))
