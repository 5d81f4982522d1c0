-- How many jobs of these queues run. Leases that ran out five minutes ago are not counted: their bodies are given up, and
-- the index is full of entries of that age which mean nothing any more.
--: read one queues
select queue, count(*) from "holdfast".jobs
where state = 'running' and lease_until > coalesce(:now::timestamptz, statement_timestamp()) - interval '5 minutes'
    and queue = any (:queues::text[])
group by queue
