"""Print template.yaml as CloudFormation sees it: after the SAM transform, with the cloud's defaults, as JSON.

.venv/bin/python tools/transform.py > transformed.json
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import boto3
import yaml
from samtranslator.parser.parser import Parser
from samtranslator.public.translator import ManagedPolicyLoader
from samtranslator.translator.translator import Translator
from samtranslator.yaml_helper import yaml_parse

ROOT = Path(__file__).resolve().parents[1]
LAYERS, FUNCTIONS = "AWS::Serverless::LayerVersion", "AWS::Serverless::Function"


class NoPolicies(ManagedPolicyLoader):  # type: ignore[misc]
    """The template names no managed policy, so the list of them is not fetched."""

    def __init__(self) -> None:
        """Ask nobody."""

    def load(self) -> dict[str, str]:
        """No policies."""
        return {}


def transform() -> dict[str, Any]:
    """The transformed template. Code is replaced by a place in S3, as `sam deploy` does."""
    template = yaml_parse((ROOT / "template.yaml").read_text())
    defaults = {name: spec.get("Default") for name, spec in template["Parameters"].items()}
    for resource in template["Resources"].values():
        properties = resource.get("Properties", {})
        if resource["Type"] == FUNCTIONS:
            properties["CodeUri"] = "s3://bucket/code"
        if resource["Type"] == LAYERS:
            properties["ContentUri"] = "s3://bucket/layer"
        if "DefinitionUri" in properties:
            properties["Definition"] = yaml.safe_load((ROOT / properties.pop("DefinitionUri")).read_text())
    translator = Translator(NoPolicies().load(), Parser(), boto_session=boto3.Session(region_name="us-east-1"))
    made: dict[str, Any] = translator.translate(template, defaults)
    return made


if __name__ == "__main__":
    json.dump(transform(), sys.stdout, indent=1)
