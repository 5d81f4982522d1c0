-- Jobs are to wait for the ends of others.
--: silent rows tenant, id, job, need
insert into "holdfast".waits (tenant, job, id, need)
select a.tenant, a.job, a.id, a.need
from unnest(:tenant::text[], :id::uuid[], :job::uuid[], :need::text[]) as a (tenant, id, job, need)
on conflict (tenant, job, id) do update set need = excluded.need, failed = false
