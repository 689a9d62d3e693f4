"""Uploads queue: S3 events of the uploads bucket.  A picture in the inbox becomes a job, an awaited asset is ready."""

import os
import time
from dataclasses import dataclass
from typing import Any

from packshot import env
from packshot.aws.accounts import AccountTable
from packshot.aws.assets import AssetTable
from packshot.aws.bus import EventBus
from packshot.aws.jobs import JobTable
from packshot.aws.pictures import Bucket
from packshot.aws.presets import PresetTable
from packshot.aws.profiles import ProfileTable
from packshot.aws.timing import TimingTable
from packshot.messages import each
from packshot.steps.keep import Keeper
from packshot.steps.settle import Lookups
from packshot.steps.submit import Intake
from packshot.steps.upload import Gate, upload


@dataclass(frozen=True, slots=True)
class Settings:
    """What this function is given."""

    table_name: str
    uploads_bucket: str
    bus_name: str


def now() -> int:
    """Milliseconds since 1970."""
    return time.time_ns() // 1_000_000


settings = env.load(Settings)
bucket, assets = Bucket(settings.uploads_bucket), AssetTable(settings.table_name)
accounts = AccountTable(settings.table_name)
lookups = Lookups(PresetTable(settings.table_name), ProfileTable(settings.table_name), "")
timings = TimingTable(settings.table_name)
intake = Intake(JobTable(settings.table_name), Keeper(assets, bucket), lookups, accounts, timings, now, os.urandom)
room = Gate(intake, accounts, assets, bucket, EventBus(settings.bus_name), now)


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """A batch of the uploads queue; what fails comes again by itself."""
    return each(event, lambda body, receives: upload(body["detail"], room=room))
