-- What jobs still wait for, and what has ended otherwise than they needed: 100 for one at most.
--: read rows tenant, id
select job, need, failed from holdfast_waits where tenant = :tenant and id = :id order by job limit 100
