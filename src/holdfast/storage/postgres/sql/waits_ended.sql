-- Jobs and batches have ended: who waited for each, whether that is as it needed, and whether it is a batch. Where
-- 1,000 or more are answered for one, more may be left.
--: rows tenant, job, state
with found as materialized (
    select w.place, w.id, w.ok, w.batch, a.ord
    from unnest(:tenant::text[], :job::uuid[], :state::text[]) with ordinality as a (tenant, job, state, ord)
    cross join lateral (
        select ctid as place, id, batch, need = 'finished' or (need = 'succeeded') = (a.state = 'succeeded') as ok
        from "holdfast".waits
        where tenant = a.tenant and job = a.job and not failed
        order by tenant, job, id
        limit 1000
        for update
    ) as w
), met as (
    delete from "holdfast".waits w using found f where w.ctid = f.place and f.ok
), unmet as (
    update "holdfast".waits w set failed = true from found f where w.ctid = f.place and not f.ok
)
select ord, id::text, ok, batch from found
