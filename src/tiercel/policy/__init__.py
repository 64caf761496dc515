"""The files both ends of the loop meet at: policy.toml and tiercel.toml, read into values, with dated facts beside.

This layer reads files and the environment values it is handed; it calls nobody and decides nothing.
"""

from tiercel.policy.cross_check import CrossCheck, cross_check
from tiercel.policy.policy_file import load_policy, read_policy, shipped_policy, shipped_policy_text
from tiercel.policy.settings_file import load_settings, read_settings

__all__ = [
    "CrossCheck",
    "cross_check",
    "load_policy",
    "load_settings",
    "read_policy",
    "read_settings",
    "shipped_policy",
    "shipped_policy_text",
]
