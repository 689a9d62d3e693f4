"""Table and buckets: what is kept, for how long, from whom, and how it comes back."""

from collections.abc import Iterator

from tests.architecture.template.reading import (
    Template,
    also,
    at,
    drop,
    dug,
    extra,
    more,
    promise,
    put,
)

FORGETS = {
    "UploadsBucket": {"assets/": 30, "thumbnails/": 30, "inbox/": 30, "inputs/": 1},
    "OutputsBucket": {"out/": 30, "outbox/": 90, "cutouts/": 30, "answers/": 1, "results/": 2},
}
"""Days, by bucket and prefix. Prefixes that are not here (keep/, profiles/) stay until somebody deletes them."""

WALL = {"BlockPublicAcls", "BlockPublicPolicy", "IgnorePublicAcls", "RestrictPublicBuckets"}


@promise(
    {
        "no way back in time": put("Table", "PointInTimeRecoverySpecification", "PointInTimeRecoveryEnabled", to=False),
        "says nothing": drop("Table", "PointInTimeRecoverySpecification"),
        "prod may be deleted": put("Table", "DeletionProtectionEnabled", to={"Fn::If": ["IsProd", False, True]}),
        "no protection": drop("Table", "DeletionProtectionEnabled"),
        "prod is called otherwise": at("made", "Conditions", "IsProd", "Fn::Equals", 1, to="production"),
        "deleted with the stack": at("made", "Resources", "Table", "DeletionPolicy", to="Delete"),
        "replaced": at("made", "Resources", "Table", "UpdateReplacePolicy", to="Delete"),
    }
)
def the_table_can_be_brought_back(template: Template) -> Iterator[str]:
    """The table can be brought back to any second, outlives the stack, and in prod cannot be deleted."""
    if template.made["Conditions"]["IsProd"] != {"Fn::Equals": [{"Ref": "Stage"}, "prod"]}:
        yield "IsProd is something else"
    for name, table in template.of("AWS::DynamoDB::Table").items():
        resource = template.resources[name]
        if dug(table, "PointInTimeRecoverySpecification", "PointInTimeRecoveryEnabled") is not True:
            yield f"{name} knows no past"
        if table.get("DeletionProtectionEnabled") != {"Fn::If": ["IsProd", True, False]}:
            yield f"{name} may be deleted in prod"
        if (resource.get("DeletionPolicy"), resource.get("UpdateReplacePolicy")) != ("Retain", "Retain"):
            yield f"{name} goes with the stack"


@promise(
    {
        "new images only": put("Table", "StreamSpecification", "StreamViewType", to="NEW_IMAGE"),
        "nothing expires": put("Table", "TimeToLiveSpecification", "Enabled", to=False),
        "another field expires": put("Table", "TimeToLiveSpecification", "AttributeName", to="due"),
        "another index": put("Table", "GlobalSecondaryIndexes", 0, "IndexName", to="late"),
        "a wide index": put("Table", "GlobalSecondaryIndexes", 0, "Projection", "ProjectionType", to="ALL"),
        "one index more": more("Table", "GlobalSecondaryIndexes", item={"IndexName": "x"}),
        "a second table": also(
            extra("Other", "AWS::DynamoDB::Table"),
            "storage.the_table_can_be_brought_back",
            "encryption.what_is_kept_is_encrypted",
        ),
    }
)
def the_table_is_what_the_code_expects(template: Template) -> Iterator[str]:
    """There is one table, with both images in its stream, one narrow index, and rows that expire."""
    tables = template.of("AWS::DynamoDB::Table")
    if list(tables) != ["Table"]:
        yield f"there are {list(tables)}"
    table = tables.get("Table", {})
    if dug(table, "StreamSpecification", "StreamViewType") != "NEW_AND_OLD_IMAGES":
        yield "the stream does not show both images"
    if table.get("TimeToLiveSpecification") != {"AttributeName": "expires", "Enabled": True}:
        yield "rows do not expire"
    indexes = [
        (one.get("IndexName"), dug(one, "Projection", "ProjectionType")) for one in table["GlobalSecondaryIndexes"]
    ]
    if indexes != [("due", "KEYS_ONLY")]:
        yield f"the indexes are {indexes}"


@promise(
    {
        "public lists": put("OutputsBucket", "PublicAccessBlockConfiguration", "BlockPublicAcls", to=False),
        "a public policy": drop("UploadsBucket", "PublicAccessBlockConfiguration", "RestrictPublicBuckets"),
        "no wall": drop("OutputsBucket", "PublicAccessBlockConfiguration"),
        "objects of others": drop("UploadsBucket", "OwnershipControls"),
        "lists of who may": put("UploadsBucket", "OwnershipControls", "Rules", 0, "ObjectOwnership", to="ObjectWriter"),
        "a public bucket": put("OutputsBucket", "AccessControl", to="PublicRead"),
        "a web site": put("OutputsBucket", "WebsiteConfiguration", to={"IndexDocument": "index.html"}),
    }
)
def a_bucket_is_private(template: Template) -> Iterator[str]:
    """Buckets are private: all four walls, no access lists, no web site."""
    for name, bucket in template.of("AWS::S3::Bucket").items():
        wall = bucket.get("PublicAccessBlockConfiguration", {})
        if {flag for flag, up in wall.items() if up is True} != WALL:
            yield f"{name} has a hole"
        if dug(bucket, "OwnershipControls", "Rules") != [{"ObjectOwnership": "BucketOwnerEnforced"}]:
            yield f"{name} knows access lists"
        if "AccessControl" in bucket or "WebsiteConfiguration" in bucket:
            yield f"{name} is shown to the world"


@promise(
    {
        "kept longer": put("OutputsBucket", "LifecycleConfiguration", "Rules", 0, "ExpirationInDays", to=365),
        "switched off": put("OutputsBucket", "LifecycleConfiguration", "Rules", 0, "Status", to="Disabled"),
        "a prefix is forgotten": drop("UploadsBucket", "LifecycleConfiguration", "Rules", 3),
        "everything goes": more(
            "OutputsBucket",
            "LifecycleConfiguration",
            "Rules",
            item={"Id": "all", "Status": "Enabled", "ExpirationInDays": 1},
        ),
        "what was never finished stays": drop(
            "OutputsBucket", "LifecycleConfiguration", "Rules", 5, "AbortIncompleteMultipartUpload"
        ),
        "old versions stay": drop("UploadsBucket", "LifecycleConfiguration", "Rules", 4, "NoncurrentVersionExpiration"),
    }
)
def a_bucket_forgets(template: Template) -> Iterator[str]:
    """A bucket forgets each kind of picture after its days, and after one what was never finished."""
    for name, bucket in template.of("AWS::S3::Bucket").items():
        rules = [one for one in dug(bucket, "LifecycleConfiguration", "Rules") or [] if one["Status"] == "Enabled"]
        days = {one.get("Prefix"): one["ExpirationInDays"] for one in rules if "ExpirationInDays" in one}
        if days != FORGETS.get(name):
            yield f"{name} forgets after {days}"
        if not any(dug(one, "AbortIncompleteMultipartUpload", "DaysAfterInitiation") == 1 for one in rules):
            yield f"{name} keeps what was never finished"
        versioned = dug(bucket, "VersioningConfiguration", "Status") == "Enabled"
        if versioned and not any(dug(one, "NoncurrentVersionExpiration", "NoncurrentDays") == 1 for one in rules):
            yield f"{name} keeps old versions"


@promise(
    {
        "deleted with the stack": at("made", "Resources", "OutputsBucket", "DeletionPolicy", to="Delete"),
        "replaced": at("made", "Resources", "UploadsBucket", "UpdateReplacePolicy", to="Delete"),
        "what a caller overwrites is gone": put("UploadsBucket", "VersioningConfiguration", "Status", to="Suspended"),
    }
)
def pictures_outlive_the_stack(template: Template) -> Iterator[str]:
    """Pictures outlive the stack; an upload that is overwritten comes back for a day."""
    for name in template.of("AWS::S3::Bucket"):
        resource = template.resources[name]
        if (resource.get("DeletionPolicy"), resource.get("UpdateReplacePolicy")) != ("Retain", "Retain"):
            yield f"{name} goes with the stack"
    if dug(template.of("AWS::S3::Bucket"), "UploadsBucket", "VersioningConfiguration", "Status") != "Enabled":
        yield "UploadsBucket keeps no versions"
