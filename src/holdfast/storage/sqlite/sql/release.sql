-- Jobs have nothing to wait for any more: due at once or later, or to stand before their gates, of which each answers
-- true.
--: rows tenant, id
update holdfast_jobs
set state = case when due > :now then 'scheduled' when gates is null then 'ready' else 'blocked' end,
    reason = case when due <= :now and gates is not null then 'gate_entry' end, updated_at = :now
where tenant = :tenant and id = :id and state = 'blocked' and reason = 'dependency'
returning gates is not null
