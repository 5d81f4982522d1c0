-- How many jobs of these queues run. Leases that ran out five minutes ago are not counted: their bodies are given up, and
-- the index is full of entries of that age which mean nothing any more.
--: read one queues
select queue, count(*) from holdfast_jobs
where state = 'running' and lease_until > :now - 300000000 and queue in (select value from json_each(:queues))
group by queue
