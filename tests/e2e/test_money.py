"""Many at once on the deployed stack: a balance is never spent twice."""

import json
import os
import subprocess
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx

from tests.e2e.conftest import ROOT


def admin(local: dict[str, Any], *arguments: str) -> Any:
    """One operator's command on the stack; its JSON."""
    environment = {
        **os.environ,
        "AWS_ENDPOINT_URL": local["endpoint_url"],
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
    }
    command = [ROOT / ".venv/bin/packshot-admin", "--stack-name", "packshot-local", "--json", *arguments]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads(done.stdout)


def test_a_hundred_submits_at_once_on_a_balance_for_ten_take_exactly_ten(local: dict[str, Any]) -> None:
    account = admin(
        local, "create-account", "crowd", "--topup", "20", "--monthly", "10", "--rpm", "60000", "--burst", "1000"
    )
    key = admin(local, "create-key", account["account"])["key"]
    body = {"model": "flux-2", "prompt": "a crowd [[sim:webhook=none]]", "aspect_ratio": "1:1"}  # 3 credits each
    with httpx.Client(base_url=local["api_url"], headers={"authorization": f"Bearer {key}"}, timeout=120) as http:

        def submit(_: int) -> int:
            for _ in range(20):
                answer = http.post("/packshot/v1/jobs", json=body)
                if answer.status_code not in (429, 503):  # no place, or the account's row is busy: nothing was held
                    return answer.status_code
            return 503

        with ThreadPoolExecutor(16) as crowd:
            statuses = list(crowd.map(submit, range(100)))
        assert sorted(statuses) == [202] * 10 + [402] * 90
        jobs = http.get("/packshot/v1/jobs?limit=50").json()["data"]
        assert len(jobs) == 10
        for job in jobs:
            assert http.post(f"/packshot/v1/jobs/{job['id']}/cancel", json={}).status_code == 200
        left = http.get("/packshot/v1/account").json()["credits"]["available"]
        ended = {job["state"] for job in http.get("/packshot/v1/jobs?limit=50").json()["data"]}
        assert ended <= {"canceled", "completed"}
        assert left == {"total": 30, "monthly": 10, "topup": 20} or "completed" in ended
    assert admin(local, "verify-ledger", account["account"]) is not None
