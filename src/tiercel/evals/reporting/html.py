"""The report as one HTML file: no script, no address from outside, and what models said escaped as text."""

import re
from functools import cache

from jinja2 import Environment, PackageLoader, StrictUndefined

from tiercel.evals.comparing.assessment import Assessment
from tiercel.evals.reporting.page import TONES, page_of
from tiercel.evals.reporting.shown import clean

_LOOSE = re.compile(r"(?<=\d) (?=%|s\b|ms\b|times\b)|(?<=\bn) (?==)|(?<=\bn =) ")


def as_html(assessment: Assessment, command: str) -> str:
    """The whole file. `command` is what makes it again."""
    return _environment().get_template("report.html").render(page=page_of(assessment, command), tones=TONES)


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("tiercel.evals.reporting"),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_cleaned,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["tight"] = tight
    return environment


def tight(text: str) -> str:
    """Numbers stay on a line with their units."""
    return _LOOSE.sub("\N{NO-BREAK SPACE}", text)


def _cleaned(value: object) -> object:
    """Every text that the template places; what a macro made is done already."""
    return clean(value) if type(value) is str else value
