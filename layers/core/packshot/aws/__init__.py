"""The only botocore in packshot: one file per service or kind of row. Nothing here decides what a job should do."""
