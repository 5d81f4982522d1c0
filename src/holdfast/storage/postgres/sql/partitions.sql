-- Makes the history partitions of the coming weeks and drops those whose time is over.
--: one
select "holdfast".ensure_history(coalesce(:now::timestamptz, statement_timestamp())),
    "holdfast".drop_history(coalesce(:now::timestamptz, statement_timestamp()))
