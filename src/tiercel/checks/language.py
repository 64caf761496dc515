"""Is the answer in the language that was asked for, or else in that of the request?

Where neither shows, or the answer is too short to tell, nothing is held against it.
"""

import re

import msgspec

from tiercel.checks.check import Ask, CheckInfo, Subject, option_problems, read_options
from tiercel.checks.tongues import CLEAR, evidence, language_of
from tiercel.domain.climb import Verdict
from tiercel.domain.json import JsonObject
from tiercel.domain.request import ModelRequest

NAME = "language"

INSTRUCTION_CHARS = 400
ASKED_CHARS = 20_000
ANSWER_CHARS = 20_000

CODE = re.compile(r"^[ \t]*(```|~~~).*?(?:^[ \t]*\1|\Z)|`[^`\n]+`|https?://\S+", re.MULTILINE | re.DOTALL)
QUOTED = re.compile(r"“[^“”\n]{1,500}”|\"[^\"\n]{1,500}\"|«[^»«\n]{1,500}»|„[^„“”\n]{1,500}[“”]")

NAMES = {
    "ar": "Arabic arabe Arabisch",
    "bg": "Bulgarian Bulgarisch",
    "bn": "Bengali",
    "ca": "Catalan català",
    "cs": "Czech Tschechisch česky",
    "da": "Danish Dänisch dansk",
    "de": "German Deutsch allemand alemán tedesco alemão",
    "el": "Greek Griechisch",
    "en": "English Englisch anglais inglés inglese inglês Engels",
    "es": "Spanish Spanisch espagnol español castellano spagnolo espanhol",
    "fa": "Persian Farsi Persisch",
    "fi": "Finnish Finnisch suomeksi",
    "fr": "French Französisch français francés francese francês Frans",
    "gu": "Gujarati",
    "he": "Hebrew Hebräisch",
    "hi": "Hindi",
    "hu": "Hungarian Ungarisch magyarul",
    "hy": "Armenian",
    "id": "Indonesian",
    "it": "Italian Italienisch italien italiano",
    "ja": "Japanese Japanisch japonais japonés",
    "ka": "Georgian",
    "kn": "Kannada",
    "ko": "Korean Koreanisch",
    "ml": "Malayalam",
    "mr": "Marathi",
    "ne": "Nepali",
    "nl": "Dutch Niederländisch néerlandais Nederlands",
    "no": "Norwegian Norwegisch norsk",
    "pa": "Punjabi",
    "pl": "Polish Polnisch polonais polsku",
    "pt": "Portuguese Portugiesisch portugais português portugués",
    "ro": "Romanian Rumänisch",
    "ru": "Russian Russisch russe ruso",
    "sv": "Swedish Schwedisch svenska",
    "sw": "Swahili",
    "ta": "Tamil",
    "te": "Telugu",
    "th": "Thai",
    "tr": "Turkish Türkisch",
    "uk": "Ukrainian Ukrainisch",
    "ur": "Urdu",
    "vi": "Vietnamese",
    "zh": "Chinese Mandarin Chinesisch chinois chino",
}
CODES = {name.lower(): code for code, names in NAMES.items() for name in names.split()}
NAME_PATTERN = "|".join(sorted(CODES, key=len, reverse=True))
ASKS = re.compile(
    r"\b(?:answer|respond|reply|repl(?:y|ies)|write|written|rewrite|speak|say|translat\w+"
    r"|response|output|summari[sz]\w+"
    r"|explain|entirely|only|use|using|antworte|antworten|schreib\w*|übersetze?\w*|erkläre|réponds|répondez|écri\w+|tradui\w+"
    r"|responde|escrib\w+|traduc\w+|rispond\w+|scriv\w+|responda|escrev\w+|traduz\w*)\b[^.\n]{0,100}?"
    rf"\b(?:in|into|to|using|only|auf|ins|en|em|au|al|à|het|po)"
    rf"(?: (?:the|only|entirely|completely))* ({NAME_PATTERN})\b"
    rf"|\b(?:in|using|use)(?: (?:the|only|entirely|completely))* ({NAME_PATTERN})"
    r"(?: language)?(?: only|,? (?:and )?no other)"
    rf"|\b(?:in|using|use)(?: (?:the|only|entirely))* ({NAME_PATTERN}) language\b"
    rf"|^(?:in|auf|en|em) ({NAME_PATTERN})\b",
    re.IGNORECASE,
)
WORD = re.compile(r"[^\W\d_]+")
NATIVE = (
    ("zh", re.compile("用中文|用汉语")),
    ("ja", re.compile("日本語で")),
    ("ru", re.compile("по-русски|на русском")),
)


class LanguageOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The language the answer must have, as two letters; empty: what was asked for, else that of the request."""

    language: str = ""


class Language:
    """1 if the answer is in the wanted language or may be; else how much speaks for it beside the best guess."""

    info = CheckInfo(
        name=NAME,
        summary="the answer is in the language that was asked for, or in the request's",
        options={"language": f"two letters: {', '.join(sorted(NAMES))} (default: as the request says or is)"},
    )

    def problems(self, options: JsonObject) -> list[str]:
        found = option_problems(LanguageOptions, options)
        wanted = options.get("language")
        if not found and wanted and wanted not in NAMES:
            found.append(f"language is {wanted!r}: use one of {', '.join(sorted(NAMES))}")
        return found

    async def measure(self, subject: Subject, options: JsonObject, ask: Ask | None) -> Verdict:
        return self.measure_now(subject, options)

    def measure_now(self, subject: Subject, options: JsonObject) -> Verdict:
        wanted = read_options(LanguageOptions, options).language or wanted_language(subject.request)
        if silent := subject.nothing_to_read:
            return Verdict(check=NAME, score=1.0, reason=silent)
        if wanted is None:
            return Verdict(check=NAME, score=1.0, reason="the request shows no language")
        found = evidence(CODE.sub(" ", subject.choice.text[:ANSWER_CHARS]))
        if not found:
            return Verdict(check=NAME, score=1.0, reason="too short to tell")
        best = max(found, key=lambda language: found[language])
        share = found.get(wanted, 0.0) / found[best]
        if share >= CLEAR:
            return Verdict(check=NAME, score=1.0, reason=wanted)
        message = (
            f"The answer is to be in the language {wanted!r}. Give the whole answer again in that language."
        )
        return Verdict(check=NAME, score=share, reason=f"{best}, wanted {wanted}", message=message)


def wanted_language(request: ModelRequest) -> str | None:
    """The language that the last user message asks for, else the one it is in; `None` where neither shows."""
    said = next((message.text for message in reversed(request.messages) if message.role == "user"), "")
    asked = asked_language(said[:ASKED_CHARS])
    return asked or language_of(QUOTED.sub(" ", CODE.sub(" ", said[:ASKED_CHARS]))[:INSTRUCTION_CHARS])


def asked_language(text: str) -> str | None:
    """The language that these words ask for; of several the last."""
    if not CODES.keys().isdisjoint(WORD.findall(text.lower())):
        named = [CODES[next(filter(None, groups)).lower()] for groups in ASKS.findall(text)]
        if named:
            return named[-1]
    return next((code for code, pattern in NATIVE if pattern.search(text)), None)
