-- A page of the journals to be looked at, and whether their job is still there; the next look is in a day.
--: one batch
update holdfast_journals set look_at = :now + 86400000000
where (tenant, id, version) in (
    select tenant, id, version from holdfast_journals where look_at <= :now order by look_at limit :batch)
returning tenant, id, version,
    exists (select 1 from holdfast_jobs j where j.tenant = holdfast_journals.tenant and j.id = holdfast_journals.id)
    or exists (select 1 from holdfast_history h
        where h.tenant = holdfast_journals.tenant and h.id = holdfast_journals.id
            and h.version = holdfast_journals.version and h.keep_until > :now)
