"""Where a deployment keeps its things: asked of CloudFormation, or told on the command line."""

from dataclasses import dataclass

from botocore.exceptions import ClientError

from packshot.aws.clients import client


class Mistake(Exception):
    """Something the operator can put right; shown as one line."""


@dataclass(frozen=True, slots=True)
class Stack:
    """A deployment's table, its KMS key for callback secrets, where its providers' secrets are, and its buckets."""

    table: str = ""
    key_id: str = ""
    stage: str = ""
    uploads: str = ""
    outputs: str = ""

    def need(self, name: str) -> str:
        """That part of the deployment. Raises Mistake when it is not known."""
        value = str(getattr(self, name))
        if not value:
            option = f"--{name.replace('_', '-')}"
            raise Mistake(f"this needs {option}, or --stack-name of a stack that tells it")
        return value


def find(stack_name: str) -> Stack:
    """What the stack's outputs say. Raises Mistake when there is no such stack."""
    try:
        found = client("cloudformation").describe_stacks(StackName=stack_name)["Stacks"]
    except ClientError as error:
        if error.response["Error"]["Code"] != "ValidationError":
            raise
        found = []
    if not found:
        raise Mistake(f"there is no stack called {stack_name} here; check --stack-name, the region and the credentials")
    outputs = {one["OutputKey"]: one["OutputValue"] for one in found[0].get("Outputs", ())}
    prefix = outputs.get("ProviderSecrets", "").split("/")  # packshot/{stage}/providers/
    stage = outputs.get("Stage") or (prefix[1] if len(prefix) > 1 else "")
    buckets = outputs.get("UploadsBucket", ""), outputs.get("OutputsBucket", "")
    return Stack(outputs.get("TableName", ""), outputs.get("CallbackKeyId", ""), stage, *buckets)
