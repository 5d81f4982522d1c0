-- Whether jobs still wait for something, and whether something has ended otherwise than they needed. A statement of its
-- own after wait_lock.sql, for what that waited for must be seen.
--: read rows tenant, id
select exists (select 1 from holdfast_waits where tenant = :tenant and id = :id and not failed),
    exists (select 1 from holdfast_waits where tenant = :tenant and id = :id and failed)
