"""How models decline, language by language: data for the `refusal` check.

Each phrase is in the first person or says `request`: that others cannot or will not is no refusal. A new phrase gets
its cases in `tests/checks/refusals.jsonl`, among them one that sounds like it and declines nothing.
"""

import re

HELPING = (
    r"(?:help(?! but\b| falling\b| feeling\b| thinking\b| noticing\b| wondering\b| myself\b)|assist"
    r"|aid|provide|create|write"
    r"|generate|fulfil+|comply|do (?:that|this|so|it)|give|share|support|engage|produce|complete th|open|access|browse"
    r"|view|send|tell you|continue|discuss|offer|answer|respond|participate|summari[sz]e|name|book"
    r"|draft|translate|process"
    r"|facilitate|guide|advise|generate|meet this|carry out|accommodate|go along|disclose|reveal|speculate|predict)"
)
OPENING = (
    r"(?:^|[,;:] (?:so|and|but|which means) )"
    r"(?:(?:(?:i'm|i am|we're|we are) (?:very |so |truly |really |terribly )?sorry|sorry|unfortunately|regrettably"
    r"|however|but|no|i'm afraid(?: that)?|i am afraid(?: that)?|i apologi[sz]e|my apologies|apologies|thank you"
    r"|as an ai[^,.]{0,40}|for (?:safety|privacy|legal|ethical) reasons|at this time|still|that said|and|so|therefore"
    r"|to be honest)[,;:.—–-]*+ *+)*+"
)
CANNOT = (
    r"(?: can(?:'t|not| not)| am unable to| are unable to|'m unable to|'re unable to|'m not able to| am not able to"
    r"| won't| will not| am not going to|'m not going to|'m not willing to| am not willing to)"
    r"(?: (?:really|currently|directly|also|actually|ever|personally|in good conscience|knowingly))*"
)
ENGLISH = (
    OPENING + rf"i{CANNOT} (?:{HELPING}|comment|diagnose|take (?:on|part)|act on|verify (?:your|that your))\b",
    OPENING + rf"we{CANNOT} (?:help|assist|provide|process|share|fulfil+|accommodate|disclose|comply)\b",
    OPENING + r"i(?:'m| am) not (?:going|willing|able|allowed) to(?: do (?:it|that|this))?[.!]",
    OPENING + r"i won't[.!]",
    OPENING + r"(?:i|we)(?:'m|'re|'ll| am| are| will)? ?(?:must|have to|need to|going to have to) (?:\w+ly )?"
    r"(?:decline|refuse|pass\b)",
    OPENING + r"i(?:'d| would) rather not\b|" + OPENING + r"i (?:refuse|decline) to\b",
    OPENING + r"i(?:'m| am) not comfortable (?:with |\w+ing)|" + OPENING + r"i (?:don't|do not) feel comfortable",
    OPENING + r"i (?:don't|do not) have (?:the (?:ability|capability|means|tools|permission) to\b|permission to\b"
    r"|access to (?:your|the internet|the web|real-time|live|current|external|personal|private|any|that|this|links)\b)",
    r"\bas an? (?:ai|artificial intelligence|language model|large language model)"
    r"(?: (?:language )?model| assistant| chatbot| system)?(?: \w+){0,5},? (?:and )?i(?:'m| am)? ?"
    r"(?:can(?:'t|not| not)|don't|do not|not|have no|am not|won't)",
    r"^(?:i'm|i am) (?:just|only) an (?:ai|assistant)\b|^(?:i'm|i am) not willing to (?:do|take|write|help)",
    r"\bit (?:would be|is|would not be|wouldn't be|isn't) (?:inappropriate|unethical|irresponsible|appropriate"
    r"|not appropriate|ethical) for me\b",
    r"\b(?:this|that|your) request (?:goes against|violates|is against)"
    r"|\bagainst my (?:guidelines|policies|programming)\b",
    r"\b(?:something|task|request) (?:that )?i(?:'m| am)? ?(?:can't|cannot|can not|won't|will not|not able to"
    r"|not willing to)\b",
    r"\b(?:not|isn't) (?:something|one|anything) (?:that )?i(?:'m| am)? (?:can|able to|allowed to|willing to"
    r"|comfortable)\b",
    r"\bi'm afraid (?:that )?i (?:can't|cannot)\b",
)  # fmt: skip
GERMAN_VERBS = (
    r"(?:weiter)?helfen|weiterhelfen|tun|machen|beantworten|bereitstellen|erstellen|schreiben"
    r"|unterstützen|geben|stellen"
    r"|verfassen|nennen|liefern|ausführen|erfüllen|abgeben|zugreifen|nachkommen|teilen|erteilen"
)
OTHERS = (
    rf"\b(?:kann|darf|werde|möchte) ich(?: [\w-]+){{0,5}}? (?:nicht"
    rf"|keine?n?r?)(?: [\w-]+){{0,4}}? ?\b(?:{GERMAN_VERBS})\b",
    rf"^(?:leider |es tut mir leid,? (?:aber )?|nein,? )*ich (?:kann|darf"
    rf"|werde)(?: [\w-]+){{0,5}}? (?:nicht|keine?n?r?)"
    rf"(?: [\w-]+){{0,4}}? ?\b(?:{GERMAN_VERBS})\b",
    r"\b(?:der|dem|die|das) ich (?:leider )?nicht (?:nachkommen|erfüllen|beantworten|leisten) (?:kann|darf|werde)\b",
    r"\b(?:solche?|so etwas|derartige)(?: \w+){0,3} (?:erstelle|schreibe|verfasse|liefere|gebe) ich nicht\b",
    r"\bich bin (?:leider )?nicht (?:in der lage|befugt|imstande)\b|\bbin ich (?:leider )?nicht in der lage\b",
    r"\b(?:ich muss|muss ich)(?: \w+){0,4} ablehnen\b|\bals (?:ki|künstliche intelligenz"
    r"|sprachmodell)[\w-]*,? (?:kann|habe"
    r"|bin|darf) ich (?:\w+ ){0,2}(?:nicht|keine)",
    r"\bje ne (?:peux|saurais|vais|souhaite) (?:malheureusement )?(?:pas )?(?:vous |te |t'"
    r"|y )?(?:aider|répondre|fournir|donner"
    r"|écrire|rédiger|créer|réserver|produire|générer|satisfaire|accéder|faire cela)",
    r"\bje ne suis (?:malheureusement )?pas (?:en mesure|capable|autorisée?) |\bje refuse de\b|\bje dois refuser\b",
    r"\ben tant qu(?:e |')(?:ia\b|intelligence artificielle|modèle|assistante?)[^.]{0,40}je ne\b",
    r"\bno (?:te |le |os |les )?puedo (?:ayudar|proporcionar|decir|dar|crear|escribir|cumplir"
    r"|responder|generar|ofrecer|hacer"
    r" eso|acceder)|\bno me es posible\b|\bno estoy en condiciones de\b|\bdebo rechazar\b|\bme niego a\b",
    r"\bcomo (?:modelo de lenguaje|ia|una? ia|inteligencia artificial"
    r"|asistente)\b[^.]{0,40}\bno (?:puedo|tengo|soy|me)\b",
    r"\bnon posso (?:aiutar|fornir|risponder|scriver|crear|generar|soddisfar|dar|accedere|farlo)"
    r"|\bnon sono in grado di (?:fornir|aiutar|risponder|scriver|accedere|dar|crear)|\bdevo rifiutare\b",
    r"\bcome (?:modello|ia|un'ia|intelligenza artificiale)\b[^.]{0,40}\bnon (?:posso|ho|sono)\b",
    r"\bnão (?:tenho|possuo) (?:permissão|autorização|acesso) (?:para|a)\b",
    r"\bno tengo (?:permiso|autorización|acceso) (?:para|a)\b|\bnon ho (?:accesso|il permesso|l'autorizzazione)\b",
    r"\bje n'ai pas (?:accès|l'autorisation|le droit) |\bich habe (?:leider )?keinen zugriff auf\b",
    r"\bnão (?:posso|consigo|sou capaz de) (?:te |lhe |o |a )?(?:ajudar|atender|fornecer|responder"
    r"|criar|escrever|gerar|dar"
    r"|acessar|fazer isso)|\bcomo (?:um modelo|modelo de linguagem|uma ia|ia)\b[^.]{0,40}\bnão (?:posso|tenho|sou)\b",
    r"\bkan ik (?:je |u |jou )?(?:\w+ ){0,3}?niet (?:\w+ )?(?:helpen|geven|schrijven|beantwoorden|doen)",
    r"\bik kan (?:\w+ ){0,4}?(?:niet|geen) (?:\w+ ){0,3}?(?:helpen|geven|schrijven|beantwoorden|verstrekken|uitvoeren)",
    r"\bnie mogę (?:w tym |ci |panu |pani |tego |na to )*(?:pomóc|odpowiedzieć|napisać|zrobić|udzielić)",
    r"\bя не могу (?:вам |тебе |это |с этим )*(?:помочь|ответить|написать|предоставить|выполнить|сделать)",
    r"我(?:无法|不能|不可以|没办法|沒辦法|無法)(?:协助|協助|帮助|幫助|提供|回答|完成|满足|生成|创作|执行)",
    r"(?:お応え|お答え|対応|お手伝い|ご?提供|お力になること)(?:すること)?(?:は|が)?(?:でき(?:ません|かねます)|いたしかねます)",
)  # fmt: skip
DECLINES = re.compile("|".join((*ENGLISH, *OTHERS)), re.IGNORECASE)
"""Found in a sentence by which the speaker declines."""

HINT_WORDS = (
    "n't|not|unable|decline|refus|pass|rather|guidelines|policies|programming|against|violates|appropriate|ethical"
    "|irresponsible|an ai|assistant|nicht|kein|ablehnen|ne |n'ai|no |rechazar|niego|non |rifiutare|não|niet|geen|nie "
    "|не |无法|不能|不可以|没办法|沒辦法|無法|でき|いたし"
)
HINT = re.compile(HINT_WORDS, re.IGNORECASE)
"""Stands in whatever `DECLINES` finds, and is looked for in less time."""

APOLOGY = re.compile(
    r"(?:i'm|i am|we're|we are)? ?(?:very |so |truly )?sorry\b|i apologi[sz]e|(?:my )?apologies"
    r"|thank you|thanks|unfortunately"
    r"|es tut mir leid|entschuldigung|leider|(?:je suis )?désolée?|lo siento|mi dispiace|desculpe"
    r"|infelizmente|het spijt me"
    r"|przykro mi|извините|很?抱歉|对不起|申し訳",
    re.IGNORECASE,
)
APOLOGY_ONLY = re.compile(
    rf"(?:{APOLOGY.pattern})(?: (?:for|about|für|pour|por|per) [^.!?]{{0,60}})?[.!…]*", re.IGNORECASE
)
LETTER = re.compile(
    r"\W*(?:subject|betreff|objet|asunto|oggetto|assunto|onderwerp|dear|hi|hello|sehr geehrte"
    r"|liebe[rs]?|hallo|bonjour|madame"
    r"|monsieur|cher|chère|estimad[oa]|querid[oa]|hola|gentile|car[oa]|prezad[oa]|geachte|beste)\b[^\n!?]{0,80}\n",
    re.IGNORECASE,
)
"""A draft that the user asked for: whoever declines in it is not the model."""
