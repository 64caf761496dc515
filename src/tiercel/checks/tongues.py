"""Which language a text is in: by its script, and for scripts that languages share by common words and letters.

Data and a few lines instead of a library: the accurate ones weigh 96 MB or bring numpy into the server. Good from a
sentence on; a word or two tell nothing, and then nothing is said. Close relatives (Norwegian and Danish) blur.
"""

import re
import unicodedata
from collections import Counter

MAX_WORDS = 2_000

SCRIPTS = (
    ("ja", r"[\u3040-\u30ff]"),
    ("ko", r"[\uac00-\ud7af]"),
    ("zh", r"[\u3400-\u9fff]"),
    ("el", r"[\u0370-\u03ff]"),
    ("he", r"[\u0590-\u05ff]"),
    ("th", r"[\u0e00-\u0e7f]"),
    ("bn", r"[\u0980-\u09ff]"),
    ("pa", r"[\u0a00-\u0a7f]"),
    ("gu", r"[\u0a80-\u0aff]"),
    ("ta", r"[\u0b80-\u0bff]"),
    ("te", r"[\u0c00-\u0c7f]"),
    ("kn", r"[\u0c80-\u0cff]"),
    ("ml", r"[\u0d00-\u0d7f]"),
    ("ka", r"[\u10a0-\u10ff]"),
    ("hy", r"[\u0530-\u058f]"),
    ("devanagari", r"[\u0900-\u097f]"),
    ("arabic", r"[\u0600-\u06ff]"),
    ("cyrillic", r"[\u0400-\u04ff]"),
    ("latin", r"[a-zA-Z\u00c0-\u024f\u1e00-\u1eff]"),
)
SCRIPT_PATTERNS = tuple((name, re.compile(f"{letters}+")) for name, letters in SCRIPTS)
BEYOND_ASCII = re.compile(r"[^\x00-\x7f]+")
ASCII_LETTER = re.compile(r"[a-zA-Z]")
WEIGHTS = {"zh": 3, "ja": 3, "ko": 2}
"""A character of these says as much as several letters."""

WORD = re.compile(r"[^\W\d_]+(?:'[^\W\d_]+)?")
SIGNED_WORD = re.compile(r"[\u0900-\u0963]+")
"""Of Devanagari, whose vowel signs count as marks and not as letters."""

COMMON = {
    "latin": {
        "en": (
            "the and of to is in that it for you was with as on are be this have not by or at from but they "
            "which an he she we can will would there their what if when more has your how i my were"
        ),
        "de": (
            "der die das und ist nicht ein eine einen einem zu in den mit von auf für sich dem des es im als "
            "auch wie wird oder aus bei nach sind ich sie er wir aber dass zum zur kann noch nur über werden "
            "hat war ihr du mein"
        ),
        "fr": (
            "le la les et est de des un une du que qui dans pour pas ne il elle en à au aux ce cette sur avec "
            "par plus nous vous je sont son sa ses mais ou où être comme cela il c'est d'une l'on mon ma"
        ),
        "es": (
            "el la los las y es de del un una que en no se por con para su al lo como más pero sus le ha este "
            "esta son entre cuando muy sin sobre también me hasta hay donde quien desde todo nos mi tu"
        ),
        "it": (
            "il lo la i gli le e è di del della dei che un una in non per con si da al come più ma sono anche "
            "nel alla questo questa suo sua ha ho mi ti ci se dove quando perché molto essere"
        ),
        "pt": (
            "o a os as e é de do da dos das que um uma em no na não para por com se mais como mas foi ao ele "
            "ela são também seu sua ou quando muito nos já está eu isso pela pelo até meu minha"
        ),
        "nl": (
            "de het een en is van in dat niet op te zijn voor met die aan er om ook als maar bij nog wordt naar "
            "uit door over ik je hij zij we hebben heeft kan geen werd dan mijn deze"
        ),
        "sv": (
            "och att det som en på är av för med den till inte om ett han hon var jag men har de från vi så kan "
            "när eller nu också efter där mycket under bara vad min ska"
        ),
        "da": (
            "og at det som en på er af for med den til ikke om et han hun var jeg men har de fra vi så kan når "
            "eller nu også efter hvor meget under kun hvad min skal være blev"
        ),
        "no": (
            "og at det som en på er av for med den til ikke om et han hun var jeg men har de fra vi så kan når "
            "eller nå også etter hvor mye under bare hva min skal være ble fra"
        ),
        "fi": (
            "ja on ei se että hän oli mutta kun niin kuin ovat myös tai jos minä sinä me olla tämä mitä joka "
            "jotka voi vain siitä sen hänen jo nyt kaikki sitten ole ollut"
        ),
        "pl": (
            "i w nie na się z do że to jest jak o ale za co po tak czy od przez jego jej są był była być dla "
            "tego oraz które który ich tylko może już przy ten ta tym"
        ),
        "cs": (
            "a v se na je že to s z do o i jako za by ale pro jsou tak po nebo ve který která když jeho byl být "
            "až také jen už při jak není od si"
        ),
        "ro": (
            "și în de la că nu este un o pe cu din a se pentru care mai sunt ce au sau dar ca fi fost acest "
            "această lui ei el ea dacă sunt prin după"
        ),
        "hu": (
            "a az és nem hogy egy is volt van meg ez csak de ha mint már vagy még ki kell azt el fel ami aki "
            "lesz nagyon majd ezt után között"
        ),
        "tr": (
            "ve bir bu da de için ile ne çok gibi daha olarak ama o en kadar var olan sonra ben sen değil mi "
            "her ya şey ise veya göre yok"
        ),
        "vi": (
            "và là của có không được cho một những trong với các người này đã khi để từ ở tôi bạn như về nhưng "
            "cũng ra rất nếu thì làm"
        ),
        "id": (
            "yang dan di untuk dengan ini itu tidak dari dalam adalah pada akan ke juga oleh atau saya anda "
            "kami mereka bisa ada karena sebagai telah lebih dapat seperti"
        ),
        "sw": (
            "na ya wa kwa ni katika za la cha kuwa hii hiyo si lakini au kama yake wake hakuna sana watu mtu "
            "baada mimi wewe sisi hivyo kila pia"
        ),
        "ca": (
            "el la els les i és de del un una que en no es per amb al com més però són aquest aquesta seu seva "
            "també va quan molt hi ha o si fer"
        ),
    },
    "cyrillic": {
        "ru": (
            "и в не на что я с он как это по но из у за от так же вы бы для она мы или его о был только её "
            "когда есть ещё если"
        ),
        "uk": (
            "і в не на що я з він як це по але із у за від так ж ви б для вона ми або його про був тільки її "
            "коли є ще якщо та й"
        ),
        "bg": (
            "и в не на че аз с той как това по но от у за са така вие би за тя ние или го се беше само когато "
            "има още ако ще да си"
        ),
    },
    "arabic": {
        "ar": "في من على إلى أن هذا هذه التي الذي لا ما كان عن مع هو هي أو كل لم قد ذلك بعد بين",
        "fa": "و در به از که این را با است برای آن یک خود تا کرد بر هم نیز می شد بود ها های شود",
        "ur": "کے کی میں ہے اور سے کا کو پر یہ نے ہیں کہ نہیں اس وہ بھی ایک تھا کر ہو",
    },
    "devanagari": {
        "hi": "है के में की और का को से यह पर नहीं हैं एक कि भी था ने इस लिए वह तो हो या जो",
        "mr": "आहे आणि हा ही हे या मध्ये साठी नाही मी तो ती ते आहेत एक पण असे झाले होते का च्या",
        "ne": "छ र को मा छन् यो हो गर्न पनि भएको लागि एक त्यो थियो हुन्छ गरेको",
    },
}  # fmt: skip
LETTERS = {
    "de": "ß",
    "fr": "çœêèù",
    "es": "ñ¿¡",
    "pt": "ãõ",
    "pl": "łąęśźżć",
    "cs": "řěůčš",
    "ro": "ășț",
    "hu": "őű",
    "tr": "ışğ",
    "vi": "ạảấầẩậắằếềểệịọỏốồộớờợụủứừựđơư",
    "uk": "іїєґ",
    "ru": "ыэё",
    "fa": "پچژگ",
    "ur": "ٹڈڑےھں",
    "mr": "ळ",
}
LETTER_WEIGHT = 0.5
LEAST_LETTERS = 12
LEAST_EVIDENCE = 2.0
CLEAR = 0.8
"""A language with this share of the best one's evidence may be it as well."""

HOLDERS: dict[str, dict[str, list[str]]] = {}
"""For each script its common words, and the languages that each is common in."""
for _script, _languages in COMMON.items():
    _holders = HOLDERS.setdefault(_script, {})
    for _language, _words in _languages.items():
        for _word in dict.fromkeys(_words.split()):
            _holders.setdefault(_word, []).append(_language)


def evidence(text: str) -> dict[str, float]:
    """What speaks for each language, 0 left out; empty where the text is too short to tell."""
    text = unicodedata.normalize("NFC", text)
    script, most = _script_of(text)
    if most < LEAST_LETTERS:
        return {}
    return _by_words(text, script) if script in HOLDERS else {script: float(most)}


def _script_of(text: str) -> tuple[str, int]:
    """The script that says most in this text, and how many letters' worth."""
    beyond = "".join(BEYOND_ASCII.findall(text))
    letters = Counter({"latin": len(ASCII_LETTER.findall(text))})
    for script, pattern in SCRIPT_PATTERNS if beyond else ():
        letters[script] += WEIGHTS.get(script, 1) * sum(map(len, pattern.findall(beyond)))
    if letters["ja"] and letters["zh"]:
        letters["ja"] += letters.pop("zh")
    return letters.most_common(1)[0]


def language_of(text: str) -> str | None:
    """The language of a text as two letters, `None` where it does not show clearly."""
    found = Counter(evidence(text)).most_common(2)
    if not found or (len(found) > 1 and found[1][1] > CLEAR * found[0][1]):
        return None
    return found[0][0]


def _by_words(text: str, script: str) -> dict[str, float]:
    """Common words; one that several languages have speaks for each the less. Letters of its own add a little."""
    holders = HOLDERS[script]
    word = SIGNED_WORD if script == "devanagari" else WORD
    counted = Counter(word.findall(text.lower().replace("’", "'"))[:MAX_WORDS])
    found: dict[str, float] = {}
    for known in holders.keys() & counted.keys():
        share = counted[known] / len(holders[known]) ** 0.5
        for language in holders[known]:
            found[language] = found.get(language, 0.0) + share
    if not text.isascii():
        joined = "".join(counted)
        for language in COMMON[script]:
            own = sum(joined.count(letter) for letter in LETTERS.get(language, ""))
            if own:
                found[language] = found.get(language, 0.0) + LETTER_WEIGHT * own
    return found if found and max(found.values()) >= LEAST_EVIDENCE else {}
