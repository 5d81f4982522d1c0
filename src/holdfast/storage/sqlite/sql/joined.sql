-- The job that answers an input: the live one, or one that ended not longer ago than `age` and succeeded (or failed,
-- where failures count).
--: read rows tenant, name, age, failures
select j.id, j.version
from holdfast_marks m join holdfast_jobs j on j.tenant = m.tenant and j.id = m.id
where m.tenant = :tenant and m.kind = 'input' and m.name = :name
union all
select h.id, h.version
from holdfast_marks m join holdfast_history h on h.tenant = m.tenant and h.id = m.id
where m.tenant = :tenant and m.kind = 'input' and m.name = :name
    and h.version = (select max(n.version) from holdfast_history n where n.tenant = m.tenant and n.id = m.id)
    and h.stub = 0 and (h.state = 'succeeded' or (h.state = 'failed' and :failures > 0))
    and h.finished_at + cast(:age * 1000000 as integer) > :now
limit 1
