"""Charts: where things lie in them."""

from itertools import pairwise

from tests.evals.comparing.runs import run_of
from tiercel.evals.comparing.assessment import assess_run
from tiercel.evals.reporting.charts import LINE_HEIGHT, price_and_quality


def test_names_of_models_that_are_as_good_and_as_dear_stand_below_each_other() -> None:
    plane = price_and_quality(
        assess_run(run_of(dict.fromkeys(("deep", "fast", "wide", "long"), "+++-"))).models
    )
    assert plane is not None
    heights = sorted(dot.label for dot in plane.dots)
    assert all(below - above >= LINE_HEIGHT - 0.02 for above, below in pairwise(heights))
    assert [dot.moved for dot in plane.dots] == [False, True, True, True], (
        "the others say by a mark whose they are"
    )
