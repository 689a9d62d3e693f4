"""What happens to a job, one file per verb, in the order of a job's life:

serve (a request comes in) → submit → relay (the stream turns rows into work) → dispatch or render → provider_webhook or
poll → ingest → relay again → callback. `query` looks, `upload` is another way in, `sweep` finds what stood still.
`apply` is how every one of them changes a job: gather a fact, apply it under the version that was read, repeat on a
conflict. `tend` is what poll and sweep do to one overdue job.
"""
