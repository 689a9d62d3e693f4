"""checkov and parliament are heard: what they find fails, unless tools/audit.toml says why it may stay."""

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import audit
import policies
import pytest
import transform

from tests.architecture.template.reading import Change, broken, drop, put, template
from tests.architecture.template.roles import grant

ROOT = Path(__file__).resolve().parents[2]
PYTHON = ROOT / ".tools" / "audit" / "bin" / "python"
FOUND = audit.Finding("RULE", "Thing", "is wrong")
WHY: dict[str, Any] = {"why": "there is a reason"}

needs_its_room = pytest.mark.skipif(
    not PYTHON.exists() and not os.environ.get("CI"), reason="python3 tools/bootstrap.py audit"
)


def asked(linter: str, *files: Path) -> subprocess.CompletedProcess[str]:
    """A linter, as `make check` asks it."""
    command = [str(part) for part in (PYTHON, ROOT / "tools" / "audit.py", linter, *files)]
    return subprocess.run(command, cwd=ROOT, text=True, capture_output=True, check=False)


def written(folder: Path, *changes: Change) -> Path:
    """The transformed template in a file, with some changes."""
    changed = template()
    for change in changes:
        changed = broken(changed, change)
    path = folder / "transformed.json"
    path.write_text(json.dumps(changed.made, indent=1))
    return path


# --------------------------------------------------------------------------------------------------- what is accepted


@pytest.mark.parametrize(
    ("found", "accepted", "open_"),
    [
        ([], {}, []),
        ([FOUND], {}, ["RULE Thing: is wrong"]),
        ([FOUND], {"RULE": WHY}, []),
        ([FOUND], {"RULE": WHY | {"only": ["Thing"]}}, []),
        ([FOUND], {"RULE": {"why": " "}}, ["RULE: accepted without a reason"]),
        ([FOUND], {"RULE": {}}, ["RULE: accepted without a reason"]),
        ([FOUND], {"RULE": WHY | {"resources": ["Thing"]}}, ["RULE: `why` and `only` are all there is"]),
        ([], {"RULE": WHY}, ["RULE: accepted, but nothing is found any more"]),
        (
            [FOUND],
            {"RULE": WHY | {"only": ["Thing", "Gone"]}},
            ["RULE: accepted for Gone, where nothing is found any more"],
        ),
        (
            [FOUND],
            {"RULE": WHY | {"only": ["Other"]}},
            [
                "RULE Thing: is wrong",
                "RULE: accepted, but nothing is found any more",
                "RULE: accepted for Other, where nothing is found any more",
            ],
        ),
    ],
)
def test_what_is_accepted_has_a_reason_and_is_still_found(
    found: list[audit.Finding], accepted: dict[str, dict[str, Any]], open_: list[str]
) -> None:
    assert list(audit.open_points(found, accepted)) == open_


# --------------------------------------------------------------------------------------------------------- policies


def test_every_role_and_every_policy_of_a_thing_is_read() -> None:
    made = transform.transform()
    read = {name for name, _ in policies.policies(made)}
    kinds = ("AWS::IAM::Role", "AWS::S3::BucketPolicy", "AWS::SQS::QueuePolicy", "AWS::KMS::Key")
    assert read == {name for name, one in made["Resources"].items() if one["Type"] in kinds}
    assert "${" not in json.dumps(list(policies.policies(made)))
    assert "Fn::" not in json.dumps(list(policies.policies(made)))


@pytest.mark.parametrize(
    "value", [{"Fn::Join": ["", ["a"]]}, {"Fn::GetAtt": ["Api", "Arn"]}, {"Fn::GetAtt": ["Table", "Name"]}]
)
def test_what_a_policy_refers_to_is_never_guessed(value: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="does not know it yet"):
        policies.Reader(transform.transform()).plain(value)


# ---------------------------------------------------------------------------------------------------------- linters


@needs_its_room
def test_parliament_finds_what_is_wrong_with_a_role(tmp_path: Path) -> None:
    done = asked(
        "parliament",
        written(
            tmp_path,
            grant("QueryRole", "dynamodb:GetIten"),
            grant("CheckRole", "dynamo:GetItem"),
            grant("RelayRole", "s3:GetObject"),  # whose other mismatch is accepted
            grant("RenderRole", "dynamodb:GetItem", "*"),
            grant("IngestRole", "iam:PutRolePolicy", "arn:aws:iam::123456789012:role/x"),
            put("UploadRole", "Policies", 0, "PolicyDocument", "Version", to="2008-10-17"),
        ),
    )
    assert done.returncode == 1
    assert [line.split(": ")[0] for line in done.stderr.splitlines()] == [
        "OLD_VERSION UploadRole",
        "PERMISSIONS_MANAGEMENT_ACTIONS IngestRole",
        "RESOURCE_MISMATCH RelayRole s3:GetObject",
        "RESOURCE_STAR RenderRole",
        "UNKNOWN_ACTION QueryRole",
        "UNKNOWN_PREFIX CheckRole",
    ], done.stderr


@needs_its_room
def test_checkov_finds_what_is_wrong_with_a_resource(tmp_path: Path) -> None:
    done = asked(
        "checkov",
        written(
            tmp_path,
            drop("Table", "PointInTimeRecoverySpecification"),
            put("OutputsBucket", "PublicAccessBlockConfiguration", "BlockPublicAcls", to=False),
            drop("UploadsBucket", "VersioningConfiguration"),
            put("CallbackKey", "EnableKeyRotation", to=False),
            drop("QueryPermission", "SourceArn"),
            put("QueryFunction", "Environment", "Variables", "TABLE_NAME", to="AKIAIOSFODNN7EXAMPLE"),
        ),
    )
    rules = {tuple(line.partition(":")[0].split()) for line in done.stderr.splitlines()}
    assert done.returncode == 1
    assert rules >= {
        ("CKV_AWS_28", "Table"),
        ("CKV_AWS_53", "OutputsBucket"),
        ("CKV_AWS_21", "UploadsBucket"),
        ("CKV_AWS_7", "CallbackKey"),
        ("CKV_AWS_364", "QueryPermission"),
    }
    assert any(rule.startswith(("CKV_SECRET", "CKV_AWS_45")) for rule, *_ in rules), done.stderr


@pytest.mark.parametrize(
    "printed",
    [
        "",
        "Traceback (most recent call last):",
        '{"passed": 0, "failed": 0, "skipped": 0, "parsing_errors": 0, "resource_count": 0}',
        '{"check_type": "secrets", "results": {"failed_checks": []}, "summary": {"parsing_errors": 0}}',
        '{"check_type": "cloudformation", "results": {"parsing_errors": ["x"]}, "summary": {"parsing_errors": 1}}',
    ],
)
def test_a_linter_that_reads_nothing_is_no_good_news(monkeypatch: pytest.MonkeyPatch, printed: str) -> None:
    monkeypatch.setattr(subprocess, "run", lambda command, **_: subprocess.CompletedProcess(command, 0, printed, ""))
    with pytest.raises(audit.NothingRead):
        list(audit.checkov([Path("template.yaml")]))


@needs_its_room
def test_a_template_without_policies_is_no_good_news(tmp_path: Path) -> None:
    (tmp_path / "notes.json").write_text('{"Resources": {}}')
    done = asked("parliament", tmp_path / "notes.json")
    assert (done.returncode, "parliament read nothing" in done.stderr) == (1, True), done.stderr
