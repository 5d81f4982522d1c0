-- The first piece of a job's version makes its journal.
--: silent rows tenant, id, token, version, code
insert into holdfast_journals (tenant, id, version, code, look_at)
select :tenant, :id, :version, :code, :now + 86400000000
where exists (select 1 from holdfast_jobs where tenant = :tenant and id = :id and token = :token)
on conflict do nothing
