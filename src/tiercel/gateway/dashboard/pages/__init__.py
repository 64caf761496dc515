"""The pages, in the order of the navigation. A new one is a module here, its template, and a line below."""

from tiercel.gateway.dashboard.pages.audit import AUDIT
from tiercel.gateway.dashboard.pages.evaluations import EVALUATION, EVALUATIONS, REPORT
from tiercel.gateway.dashboard.pages.explain import EXPLAIN
from tiercel.gateway.dashboard.pages.feedback import FEEDBACK
from tiercel.gateway.dashboard.pages.keys import KEYS, KEYS_CHANGED
from tiercel.gateway.dashboard.pages.labelling import LABELLED, LABELLING
from tiercel.gateway.dashboard.pages.models import MODEL, MODELS
from tiercel.gateway.dashboard.pages.overview import OVERVIEW
from tiercel.gateway.dashboard.pages.policy import POLICY
from tiercel.gateway.dashboard.pages.requests import FEEDBACK_ON, REQUEST, REQUESTS
from tiercel.gateway.dashboard.pages.shadow import SHADOW, SHADOW_PAIRS
from tiercel.gateway.dashboard.view import PageRoute

PAGES: tuple[PageRoute, ...] = (
    OVERVIEW,
    REQUESTS,
    REQUEST,
    FEEDBACK_ON,
    MODELS,
    MODEL,
    POLICY,
    EXPLAIN,
    AUDIT,
    EVALUATIONS,
    EVALUATION,
    REPORT,
    LABELLING,
    LABELLED,
    SHADOW,
    SHADOW_PAIRS,
    KEYS,
    KEYS_CHANGED,
    FEEDBACK,
)
NAVIGATION: tuple[PageRoute, ...] = tuple(page for page in PAGES if page.title is not None)
