-- Workers that have not been seen for an hour beyond their lease leave the list.
--: one batch
delete from "holdfast".workers
where boot in (select boot from "holdfast".workers
    where expires_at < coalesce(:now::timestamptz, statement_timestamp()) - interval '1 hour' limit :batch::int4)
returning 1
