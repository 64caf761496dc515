"""promptfoo's assertion types, as its documentation lists them, those that run a program, those that ask a judge.

A cell such as `factuality:…` is one of these and no text to be compared with, whether or not we can measure it.
"""

PROGRAMS = frozenset(("javascript", "python", "ruby", "webhook", "fn", "eval", "file"))
"""These run what the file says."""

JUDGED = {
    "llm-rubric": "",
    "model-graded-closedqa": "",
    "g-eval": "",
    "factuality": "The answer agrees in its facts with this reference: ",
    "model-graded-factuality": "The answer agrees in its facts with this reference: ",
}
"""Types whose value is a question to a judge, and how it begins."""

TYPES = frozenset(
    (
        *PROGRAMS,
        *JUDGED,
        "agent-rubric",
        "answer-relevance",
        "assert-set",
        "bleu",
        "classifier",
        "contains",
        "contains-all",
        "contains-any",
        "contains-html",
        "contains-json",
        "contains-sql",
        "contains-xml",
        "context-faithfulness",
        "context-recall",
        "context-relevance",
        "conversation-relevance",
        "cost",
        "equals",
        "finish-reason",
        "gleu",
        "guardrails",
        "human",
        "icontains",
        "icontains-all",
        "icontains-any",
        "is-html",
        "is-json",
        "is-refusal",
        "is-sql",
        "is-valid-function-call",
        "is-valid-openai-function-call",
        "is-valid-openai-tools-call",
        "is-xml",
        "latency",
        "levenshtein",
        "max-score",
        "meteor",
        "moderation",
        "perplexity",
        "perplexity-score",
        "pi",
        "regex",
        "rouge-n",
        "search-rubric",
        "select-best",
        "similar",
        "skill-used",
        "starts-with",
        "tool-call-f1",
        "trace-error-spans",
        "trace-span-count",
        "trace-span-duration",
        "trajectory:goal-success",
        "trajectory:tool-used",
        "word-count",
    )
)
