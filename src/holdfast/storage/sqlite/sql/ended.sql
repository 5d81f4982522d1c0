-- The newest version of jobs that ended, without what they carry.
--: read rows tenant, id
select max(h.version), h.state, h.stub, exists (
        select 1 from holdfast_jobs where tenant = :tenant and id = :id)
from holdfast_history h
where h.tenant = :tenant and h.id = :id
