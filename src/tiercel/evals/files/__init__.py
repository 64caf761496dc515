"""Evaluations as files: `eval.yaml` and its items, read into the nouns with every mistake named at once."""

from tiercel.evals.files.evaluation_file import hash_of, load_evaluation
from tiercel.evals.files.surroundings import Surroundings

__all__ = ["Surroundings", "hash_of", "load_evaluation"]
