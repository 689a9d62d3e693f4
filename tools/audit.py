"""What two linters say of the template: checkov about every resource, parliament about every policy. Both stay offline.

.tools/audit/bin/python tools/audit.py checkov template.yaml transformed.json
.tools/audit/bin/python tools/audit.py parliament transformed.json

What they find fails, unless tools/audit.toml names rule, resources and reason. A reason without a finding fails too.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import tomllib
import warnings
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import policies

ACCEPTED = Path(__file__).with_suffix(".toml")


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing a linter does not like."""

    rule: str
    resource: str
    says: str


class NothingRead(Exception):
    """A linter that read nothing finds nothing; that is no good news."""


def checkov(files: Iterable[Path]) -> Iterator[Finding]:
    """What checkov finds. It gets no environment and an empty home: nothing in either can make it call its maker."""
    command = [str(Path(sys.executable).with_name("checkov")), "--skip-download", "--quiet", "--compact", "-o", "json"]
    command += ["--framework", "cloudformation", "secrets", "-f", *map(str, files)]
    with tempfile.TemporaryDirectory() as home:
        done = subprocess.run(
            command, env={"HOME": home, "PATH": "/usr/bin:/bin"}, text=True, capture_output=True, check=False
        )
    try:
        said = json.loads(done.stdout)
    except ValueError:
        raise NothingRead(done.stdout + done.stderr) from None
    reports: list[Mapping[str, Any]] = said if isinstance(said, list) else [said]
    if not any(report.get("check_type") == "cloudformation" for report in reports):
        raise NothingRead(done.stdout + done.stderr)
    for report in reports:
        if report["summary"]["parsing_errors"]:
            raise NothingRead(f"not understood: {report['results']['parsing_errors']}")
        for check in report["results"]["failed_checks"]:
            yield Finding(check["check_id"], check["resource"].rpartition(".")[2], check["check_name"])


def parliament(made: Mapping[str, Any]) -> Iterator[Finding]:
    """What parliament finds, its contributed rules included (escalation, exposed credentials)."""
    with warnings.catch_warnings(action="ignore"):
        from parliament import analyze_policy_string
    read = 0
    for name, document in policies.policies(made):
        read += 1
        for one in analyze_policy_string(json.dumps(document), include_community_auditors=True).findings:
            actions = {at["action"] for at in one.detail if isinstance(at, dict)} or {""}
            for action in sorted(actions):
                yield Finding(one.issue, f"{name} {action}".rstrip(), str(one.detail)[:300])
    if not read:
        raise NothingRead("no policy in the template")


def open_points(found: Iterable[Finding], accepted: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    """What is found and not accepted, accepted without a reason, or accepted and not found."""
    used: set[tuple[str, str]] = set()
    for finding in found:
        entry = accepted.get(finding.rule, {"only": []})
        if finding.resource in entry.get("only", [finding.resource]):
            used.add((finding.rule, finding.resource))
        else:
            yield f"{finding.rule} {finding.resource}: {finding.says}"
    for rule, entry in accepted.items():
        if not str(entry.get("why", "")).strip():
            yield f"{rule}: accepted without a reason"
        if set(entry) - {"why", "only"}:
            yield f"{rule}: `why` and `only` are all there is"
        if not any(name == rule for name, _ in used):
            yield f"{rule}: accepted, but nothing is found any more"
        for resource in entry.get("only", []):
            if (rule, resource) not in used:
                yield f"{rule}: accepted for {resource}, where nothing is found any more"


def main(linter: str, *names: str) -> None:
    """Print what is open, and end with 1 if there is anything."""
    files = [Path(name) for name in names]
    accepted = tomllib.loads(ACCEPTED.read_text())[linter]
    try:
        found = checkov(files) if linter == "checkov" else parliament(json.loads(files[0].read_text()))
        points = sorted(set(open_points(found, accepted)))
    except NothingRead as nothing:
        sys.exit(f"{linter} read nothing: {nothing}")
    if points:
        sys.exit("\n".join(points))


if __name__ == "__main__":
    main(*sys.argv[1:])
