-- Batches wait for the ends of jobs; each that they did not wait for already is answered.
--: rows tenant, id, job
with asked as materialized (
    select a.* from unnest(:tenant::text[], :id::uuid[], :job::uuid[]) with ordinality as a (tenant, id, job, ord)
), made as (
    insert into "holdfast".waits (tenant, job, id, need, batch)
    select tenant, job, id, 'finished', true from asked
    on conflict (tenant, job, id) do nothing
    returning job, id
), new as materialized (
    select coalesce(jsonb_object_agg(job::text || id::text, true), '{}') as keys from made
)
select a.ord from asked a cross join new where jsonb_exists(new.keys, a.job::text || a.id::text)
