"""The JSON Schema of the policy, written from the same model that reads it."""

from noegress.policy.kinds import Json, Table
from noegress.policy.model import Policy


def policy_schema() -> Json:
    """A JSON Schema (draft 2020-12) with which an editor completes ``noegress.toml``."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": "urn:noegress:policy:1",
        "title": "noegress policy",
        **Table(Policy).schema(),
    }
