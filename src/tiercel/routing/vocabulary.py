"""The words from which a task is read: data, by task and weight, in five languages. No logic.

3 decides alone, 2 needs no help but loses to a 3, 1 only supports. An entry of two words must stand side by side.
`APART` holds pairs that may have up to three words between them. Words of languages without spaces are searched as
they are (`INFIX`). English first; German, Spanish, French and Chinese where a word is common.
"""

from typing import TypeAlias

from tiercel.domain.facts import Task

Entries: TypeAlias = dict[Task, dict[int, str]]
"""By task and weight, entries separated by commas or line ends."""

Phrases: TypeAlias = dict[str, tuple[str, ...]]
"""Phrases by a piece that stands in each of them, so that most texts are searched for the pieces only."""


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


WORDS: Entries = {
    "summary": {
        3: """summarize, summarise, summarizing, tldr, tl dr, recap, condense, key takeaways, main points, key
            points, executive summary, sum up, bullet summary, brief overview, fasse zusammen, zusammenfassung,
            zusammenfassen, fass zusammen, resume el, resume este, resumir, resumen, resúmeme, résume, résumer,
            résumez, résumé de, the gist, main idea, in a nutshell, kernaussagen, catch up""",
        2: """summary, gist, synopsis, abstract of, shorten, takeaways, highlights, tweet, digest, kürze, abridge,
            in short, at a glance, acorta, raccourcis""",
        1: """briefly, condensed, bullet points, bullets, three sentences, one sentence, one paragraph,
            stichpunkte""",
    },
    "classification": {
        3: """classify, categorize, categorise, sentiment, klassifiziere, klassifizieren, clasifica, clasificar,
            classe, classifie, classifier, toxicity, which category, true or, yes or, yes no, spam, phishing,
            intent of, detect intent, categories, these categories, allowed labels, einordnen, kategorie,
            kategorien, categoría, catégorie, either positive, positive negative, positive or, ja oder, sí o,
            oui ou, intents, which language, what language""",
        2: """label, labels, classification, category, tag, intent, polarity, moderate, moderation, one of, on a
            scale, scale of, priority, triage, stance, entailment, supported, refuted, neutral, ordne, sort the,
            sort each, put each, bucket, spam or, rate the, urgency""",
        1: """positive, negative, only, nothing else, exactly one, decide, whether, positiv, negativ, mixed,
            opinion""",
    },
    "extraction": {
        3: """extract, extrahiere, extrahieren, extrae, extraer, extrais, extraire, extraction, entities, named
            entity, action items, key value, list all, list every, find all, get all, find every, parse this,
            parse the, identify all, return all, all dates, all names, are mentioned, is mentioned, fill the""",
        2: """parse, fields, schema, csv, iban, columns, with keys, as json, json with, to json, in json, en json,
            als json, return only, every person, email addresses, phone numbers, are named""",
        1: "table, json, dates, names, amounts, invoice, text below, following text, entries, structured",
    },
    "simple_chat": {
        3: """translate, traduce, traduis, traduire, traduzca, übersetze, übersetzen, translation of, rephrase,
            reword, proofread, synonym, synonyms, antonym, haiku, limerick, joke, fix grammar, the grammar,
            grammatical, cómo se, comment dit, birthday, rewrite politely, more polite, more formal, spell,
            pronounce, rhymes""",
        2: """grammar, paraphrase, rewrite, spelling, politely, capital of, meaning of, mean, define, recommend,
            recipe, name for, poem, greeting, opposite of, another word, caption, slogan, thank you""",
        1: "short, suggest, idea, ideas, favourite, favorite, fun, sound, sentence",
    },
    "reasoning": {
        3: """prove, proof, proofs, induction, theorem, lemma, derivative, integral, probability, riddle, puzzle,
            logic puzzle, irrational, equation, equations, step by, solve, wahrscheinlichkeit, beweise,
            beweisen, gleichung, probabilidad, demuestra, demostrar, ecuación, démontre, démontrer, probabilité,
            équation, zinseszins, show that, contradiction, schedule these, berechne, calcula, calculer,
            compound interest, combinatorics, trade offs, tradeoffs, optimal""",
        2: """calculate, compute, deduce, infer, minimum, maximum, maximize, minimize, how many, how much, how
            old, altogether, percent, percentage, speed, kilometers, kmh, which is, ratio, average, cheaper,
            better choice, logic, constraints, must be, pros and, weigh, arguments, estimate the, dimensions,
            largest area, fraction, wie viele, wie viel, wie hoch, wie groß, cuántos, cuántas, cuánto, combien,
            a qué""",
        1: """if, total, each, half, twice, remaining, exactly, cannot, not, must, explain, justify, unique, why,
            compare, every, least, most, interest, cost, costs, hours, minutes, between, prozent, km h""",
    },
    "coding": {
        3: """python, javascript, typescript, rust, golang, kotlin, java, dockerfile, regex, regexp, sql, css,
            html, bash, refactor, debug, unit test, unit tests, pytest, stack trace, traceback, compile,
            compiler, nodejs, react, django, numpy, pandas, kubernetes, lock free, thread safe, deadlock,
            usememo, npm, pip install, git, pull request, api endpoint, null pointer, nullpointerexception,
            segfault, powershell, graphql, programm, funktion in, una función, une fonction, function that, a
            function, code snippet, shell script, ruby, php, scala, haskell, c++, c#, postgres, sqlite, mongodb,
            typeerror, keyerror, skript, raft, vue, angular, flutter, webpack, cmake, makefile, terraform,
            algorithm that, time complexity, requête sql""",
        2: """code, function, bug, script, class, method, endpoint, api, query, library, framework, repository,
            repo, algorithm, data structure, exception, backend, frontend, database, docker, linux, variable,
            array, loop, funktion, función, fonction, código, fehler im, branch, commit, merge, cache, queue,
            thread, threads, mutex, async, implement, migration, type hints, docstring, curl, crash, crashes,
            node, in go, in c, swift, program, command line, cli, stacktrace, webhook, webhooks, xargs, one
            liner, programa, programme""",
        1: "implementation, write, error, fails, test, tests, module, server, fix, run, list, string, parser",
    },
    "long_writing": {
        3: """essay, novel, chapter, white paper, whitepaper, dissertation, thesis, aufsatz, ensayo, screenplay,
            keynote, ebook, novella, long form, full article, full text, full length, full report, memoir, short
            story, essai, erörterung""",
        2: """report, article, blog post, blog article, story, guide, speech, bericht, artikel, informe, artículo,
            rapport, manual, handbook, proposal, biography, case study, tutorial, press release, newsletter,
            geschichte, historia, histoire, documentation, business plan, cover letter, script for, lecture,
            rede""",
        1: """write, draft, compose, detailed, comprehensive, thorough, thoroughly, in depth, extensive,
            ausführlichen, ausführlich, schreibe, schreib, escribe, écris, rédige, detallado, détaillé,
            introduction, conclusion, sections, section, prepare, chapters, long, complete, umfassend, headings,
            outline, full""",
    },
}

APART: dict[Task, tuple[tuple[str, str], ...]] = {
    "summary": (
        ("sum", "up"),
        ("boil", "down"),
        ("fasse", "zusammen"),
        ("fass", "zusammen"),
        ("what", "about"),
        ("catch", "up"),
        ("does", "say"),
    ),
    "classification": (
        ("is", "positive"),
        ("reply", "only"),
        ("answer", "only"),
        ("output", "only"),
        ("ordne", "zu"),
        ("mention", "yes"),
        ("label", "as"),
        ("one", "of"),
    ),
    "extraction": (
        ("pull", "out"),
        ("list", "named"),
        ("list", "mentioned"),
        ("convert", "json"),
        ("turn", "table"),
    ),
    "simple_chat": (("fix", "grammar"), ("make", "sound"), ("say", "in"), ("short", "message")),
    "reasoning": (
        ("which", "cheaper"),
        ("how", "long"),
        ("if", "then"),
        ("who", "owns"),
        ("what", "difference"),
    ),
    "coding": (
        ("wrong", "code"),
        ("convert", "fetch"),
        ("write", "script"),
        ("write", "function"),
        ("git", "says"),
    ),
    "long_writing": (("write", "report"), ("write", "guide"), ("detailed", "report"), ("full", "speech")),
}
"""Pairs of words, the second at most four places after the first; each weighs 2."""

INFIX: dict[Task, tuple[str, ...]] = {
    "summary": ("总结", "概括", "摘要", "归纳", "要約"),
    "classification": ("分类", "情感", "正面还是负面", "判断这", "归类"),
    "extraction": ("提取", "抽取", "列出所有", "找出所有"),
    "simple_chat": ("翻译", "你好", "谢谢", "是什么", "什么意思", "是谁", "润色"),
    "reasoning": ("证明", "概率", "方程", "一步一步", "多少", "计算", "求解", "推理"),
    "coding": ("代码", "函数", "编程", "写一个程序", "报错", "脚本", "算法"),
    "long_writing": ("字的文章", "写一篇", "论文", "小说", "长文", "报告书"),
}
"""Searched anywhere in text that is not all ASCII; each weighs 3."""

WRITING = _words(
    "write draft compose prepare need create turn schreibe schreib verfasse escribe redacta écris rédige"
)
"""Without one of these a length is not asked for but told."""

BREVITY = _words(
    "paragraph headline tagline slogan caption title concise brief kurz kurzen corto corta court courte"
)
"""A text to be written that is one of these, or so, is not long."""

EDITING = (
    "polish this",
    "polish the",
    "polish my",
    "proofread",
    "copy edit",
    "copy-edit",
    "copyedit",
    "edit this text",
    "edit this article",
    "edit this essay",
    "edit this draft",
    "edit this chapter",
    "improve the style",
    "improve the writing",
    "improve this text",
    "improve this draft",
    "verbessere den text",
    "verbessere diesen text",
    "lektoriere",
    "corrige este texto",
    "mejora el estilo",
    "améliore le style",
    "relis ce texte",
    "润色",
)
"""Said of a long text, asks for all of it once more, better."""

GREETINGS = _words(
    """hi hello hey hallo hola salut bonjour moin servus good guten buenos buenas thanks thank thx danke
    gracias merci morning evening night bye goodbye ciao tschüss yo sup welcome cheers 你好 您好 谢谢"""
)
"""Small talk begins with one of these and is short."""

QUESTIONS = _words(
    """who whose what when where which how is are does do did can could any was wer wo wann wie welche welcher
    welches quién quien qué que cuál cual cuándo dónde donde cómo qui quel quelle où quand comment what's
    who's whats hows how's where's"""
)
"""A short message that begins with one of these asks for a fact."""

FOLLOW_UPS = _words(
    """it its that this those these still also again and but instead continue go more now then shorter longer
    same why weiter nochmal auch sigue continúa encore aussi 继续 why's good great perfect yes no ok"""
)
"""A short message with one of these hangs on what was said before."""

NEW_TOPIC = (
    "next topic",
    "new topic",
    "something else",
    "different question",
    "another question",
    "anderes thema",
)

GENERIC_SYSTEM = ("helpful assistant", "friendly assistant", "you can help with", "general assistant")

AGENTIC = (
    "use the tools",
    "use your tools",
    "using the tools",
    "available tools",
    "provided tools",
    "call the tool",
    "tools to",
    "through tools",
    "access to tools",
    "with tools",
    "autonomous",
    "agent",
    "action input",
    "observation",
    "step at a time",
)
"""System prompts that set up an agent. Found as they stand in lower-case text."""

REACT = ("action input", "thought, action", "thought/action", "observation")
"""Agents that call tools in plain text."""

SCREEN_WORDS: dict[str, int] = {
    "click": 2,
    "tap": 2,
    "swipe": 2,
    "screenshot": 2,
    "mouse": 2,
    "touchscreen": 2,
    "keyboard": 1,
    "computer": 2,
    "playwright": 2,
    "puppeteer": 2,
    "selenium": 2,
    "browser": 1,
    "screen": 1,
    "scroll": 1,
    "drag": 1,
    "desktop": 1,
    "gui": 2,
    "hover": 1,
    "type": 1,
    "navigate": 1,
    "element": 1,
    "adb": 2,
    "use": 1,
    "snapshot": 1,
    "launch": 1,
    "press": 1,
}
"""Words in a tool's name or description that tell of a screen. Two points in names are enough where one of the words
is an anchor, and more than three over all."""
SCREEN_ANCHORS = _words(
    "click tap swipe screenshot mouse touchscreen computer playwright puppeteer selenium gui adb browser screen"
)

SCREEN_SYSTEM = (
    "gui agent",
    "screenshot",
    "control a desktop",
    "control the computer",
    "control a computer",
    "operate a web page",
    "operate a computer",
    "windows desktop",
    "android phone",
    "computer use",
    "mobile device",
    "click(",
    '"click"',
)
"""Found in a system prompt: two of them, or one beside words of control, mean a screen is driven."""
SCREEN_CONTROL = ("control", "operate", "action", "agent", "navigate", "drive")

POINTING = _words("click tap coordinates pixel")
SCREENSHOT = "screenshot"
"""Asked where to click on one: a screen is driven."""

HARD_CODING = _words(
    """concurrent concurrency concurrently deadlock deadlocks race races distributed raft paxos consensus
    idempotent migration scalable scalability throughput atomic mutex kernel compiler parser-generator
    cryptographic encryption architecture backpressure partition partitions replication transactional
    eviction ordering orderings simulation loom jepsen vectorize simd nebenläufig verteilt concurrente
    distribuido"""
)
HARD_CODING_PAIRS = frozenset(
    (
        "lock free",
        "thread safe",
        "race condition",
        "race conditions",
        "data race",
        "backwards compatible",
        "backward compatible",
        "memory ordering",
        "shared state",
        "mutable state",
        "zero downtime",
        "from scratch",
        "unit tests",
        "o log",
        "large scale",
    )
)
"""Two of these, in words or pairs, or one in a long request, make a coding task hard."""

HARD_REASONING = _words(
    """prove proof proofs theorem lemma induction justify optimal unique uniqueness generalise generalize
    irrational contradiction counterexample converge convergence beweise beweisen demuestra démontre puzzle
    证明"""
)
CONSTRAINTS = _words(
    """must not cannot exactly only least most unless neither nor never before after next left right except
    without distinct different"""
)
"""Words that bind a solution: many of them make a puzzle or a schedule."""

SOURCES = "sources"
DETAIL = _words("detailed comprehensive thorough each sources citations references footnotes")

DOSE = _words(
    """dose dosage dosis dosieren posologie mg milligram tablets tablet pills pill tabletten dosi"""
)
INTAKE = _words("take give child year")
MEDICINE = _words(
    """ibuprofen paracetamol acetaminophen amoxicillin antibiotic antibiotics insulin medication medicine drug
    aspirin warfarin opioid morphine antidepressant medikament medicamento médicament"""
)
ADVICE = (
    "is it safe",
    "ist es sicher",
    "should i",
    "can i",
    "may i",
    "could i",
    "do i",
    "am i",
    "soll ich",
    "darf ich",
    "kann ich",
    "puedo",
    "debo",
)
"""Someone means to act on the answer. Found as they stand in lower-case text."""
EMERGENCY: Phrases = {
    "chest": ("chest hurts", "chest pain"),
    "breathe": ("can't breathe", "cannot breathe"),
    "overdose": ("overdose",),
    "arm is": ("arm is numb",),
    "stroke": ("stroke symptoms",),
    "schmerzen": ("brustschmerzen",),
    "unconscious": ("unconscious",),
    "poisoned": ("poisoned",),
}
SELF_HARM: Phrases = {
    "myself": ("kill myself", "killing myself", "hurt myself"),
    "suici": ("suicide", "suicidal", "suicidio", "suicidarme", "me suicider"),
    "my life": ("end my life",),
    "want to": ("want to die", "don't want to live", "dont want to live"),
    "self-harm": ("self-harm",),
    "umbringen": ("umbringen",),
    "selbstmord": ("selbstmord",),
    "suizid": ("suizid",),
    "mehr leben": ("nicht mehr leben",),
    "自杀": ("自杀",),
}
DESTROY = _words(
    """delete deletes drop purge destroy truncate wipe erase remove overwrite shred lösche löschen borra
    elimina supprime"""
)
IRREPLACEABLE = _words(
    """production prod backup backups live irreversible irreversibly permanently produktion"""
)
MOVE_MONEY = _words("transfer wire pay send remit überweise überweisen transfiere buy sell")
MONEY = _words("euro euros dollar dollars usd eur iban account payment shares bitcoin €")
LAW = _words(
    """legally legal court sue lawsuit illegal eviction custody prosecute gericht klagen verklagen"""
)
CAREFUL = _words(
    """symptom symptoms diagnosis pregnant pregnancy vitamin tax taxes invest investment savings mortgage loan
    lawyer contract divorce visa vaccine allergy therapy index fund symptome schwanger steuer"""
)
"""With advice sought, reason for some care."""
