"""Judges prefer answers of their own family: said before anybody is paid."""

from collections.abc import Callable

from tiercel.evals.evaluation import Evaluation

MakerOf = Callable[[str], str]
"""Who made the model of this address; empty where that is not known, or depends."""


def family_warnings(evaluation: Evaluation, maker_of: MakerOf) -> list[str]:
    """A line for each judge that comes from a candidate's maker, or is a candidate itself."""
    found: list[str] = []
    for judge in evaluation.judges.values():
        for model in judge.models:
            maker = maker_of(model)
            kin = [c.id for c in evaluation.candidates if maker and maker_of(c.address) == maker]
            same = [c.id for c in evaluation.candidates if c.address == model]
            if same:
                found.append(f"judge {judge.name}: {model} judges itself; take one that is no candidate")
            elif kin:
                found.append(
                    f"judge {judge.name}: {model} is of the family of {', '.join(kin)}, and judges prefer their own; "
                    "take one of another maker, or measure it with people's labels"
                )
    return found
