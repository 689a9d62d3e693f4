"""Every policy of the transformed template as IAM would see it: references replaced by what they stand for."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

Resource = Mapping[str, Any]

PSEUDO = {
    "AWS::Partition": "aws",
    "AWS::Region": "us-east-1",
    "AWS::AccountId": "123456789012",
    "AWS::StackName": "packshot",
}
"""What CloudFormation knows without being told."""

ARNS = {
    "AWS::DynamoDB::Table": "dynamodb:us-east-1:123456789012:table/{name}",
    "AWS::Events::EventBus": "events:us-east-1:123456789012:event-bus/{name}",
    "AWS::Events::Rule": "events:us-east-1:123456789012:rule/{name}",
    "AWS::KMS::Key": "kms:us-east-1:123456789012:key/{name}",
    "AWS::Lambda::Function": "lambda:us-east-1:123456789012:function:{name}",
    "AWS::Logs::LogGroup": "logs:us-east-1:123456789012:log-group:{name}:*",
    "AWS::S3::Bucket": "s3:::{name}",
    "AWS::SQS::Queue": "sqs:us-east-1:123456789012:{name}",
    "AWS::StepFunctions::StateMachine": "states:us-east-1:123456789012:stateMachine:{name}",
}
"""What the ARN of a resource looks like. A new type in a policy needs a line here: it is not guessed."""

REF_IS_ARN = {"AWS::StepFunctions::StateMachine"}
"""Types whose Ref is their ARN, not their name."""


class Reader:
    """Replaces what refers to something by what it refers to."""

    def __init__(self, made: Resource) -> None:
        """For one transformed template, with its parameters' defaults."""
        self.resources: Resource = made["Resources"]
        self.parameters = {name: spec.get("Default", "") for name, spec in made.get("Parameters", {}).items()}

    def plain(self, value: Any) -> Any:
        """A value without references. Raises ValueError at a function that is not known here."""
        if isinstance(value, list):
            plain = [self.plain(one) for one in value]
            return [one for one in plain if one is not None]
        if not isinstance(value, dict):
            return value
        if len(value) == 1:
            ((function, given),) = value.items()
            if function == "Ref":
                return self._ref(given)
            if function == "Fn::GetAtt":
                return self._attribute(*given)
            if function == "Fn::Sub":
                return self._sub(given)
            if function == "Fn::If":
                return self.plain(given[1])
            if function.startswith("Fn::"):
                raise ValueError(f"{function} in a policy: tools/policies.py does not know it yet")
        return {name: self.plain(one) for name, one in value.items()}

    def _ref(self, name: str) -> str | None:
        if name == "AWS::NoValue":
            return None
        if name in PSEUDO:
            return PSEUDO[name]
        if name in self.parameters:
            return str(self.parameters[name])
        return self._arn(name) if self.resources[name]["Type"] in REF_IS_ARN else name.lower()

    def _attribute(self, name: str, attribute: str) -> str:
        if attribute == "StreamArn":
            return f"{self._arn(name)}/stream/label"  # in truth a time, whose colons parliament cannot read
        if attribute != "Arn":
            raise ValueError(f"{name}.{attribute} in a policy: tools/policies.py does not know it yet")
        return self._arn(name)

    def _arn(self, name: str) -> str:
        kind = self.resources[name]["Type"]
        if kind not in ARNS:
            raise ValueError(f"the ARN of a {kind} in a policy: tools/policies.py does not know it yet")
        return f"arn:aws:{ARNS[kind].format(name=name.lower())}"

    def _sub(self, given: str) -> str:
        def stands_for(found: re.Match[str]) -> str:
            name, _, attribute = found[1].partition(".")
            return str(self._attribute(name, attribute) if attribute else self._ref(name))

        return re.sub(r"\$\{([^}]+)\}", stands_for, given)


def policies(made: Resource) -> Iterator[tuple[str, Resource]]:
    """Name of the resource, and each policy document it carries: what a role may do, and who may do what to a thing.

    Without the documents that say who may assume a role: parliament knows no policy without a resource.
    """
    reader = Reader(made)
    for name, resource in made["Resources"].items():
        properties = resource.get("Properties", {})
        documents = [policy["PolicyDocument"] for policy in properties.get("Policies", [])]
        documents += [properties[key] for key in ("PolicyDocument", "KeyPolicy") if key in properties]
        for document in documents:
            yield name, reader.plain(document)
