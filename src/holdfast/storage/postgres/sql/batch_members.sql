-- A page of the jobs that a batch still waits for.
--: read one tenant, id, after, batch
select w.job::text from "holdfast".waits w
where w.tenant = :tenant::text and w.tenant <> '' and w.id = :id::uuid and w.job > coalesce(:after::uuid, '00000000-0000-0000-0000-000000000000')
order by w.tenant, w.id, w.job
limit :batch::int4
