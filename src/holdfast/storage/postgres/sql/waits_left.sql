-- Whether jobs still wait for something, and whether something has ended otherwise than they needed. A statement of its
-- own after wait_lock.sql, for what that waited for must be seen.
--: read rows tenant, id
select a.ord,
    exists (select from "holdfast".waits w where w.tenant = a.tenant and w.id = a.id and w.tenant <> '' and not w.failed offset 0),
    exists (select from "holdfast".waits w where w.tenant = a.tenant and w.id = a.id and w.tenant <> '' and w.failed offset 0)
from unnest(:tenant::text[], :id::uuid[]) with ordinality as a (tenant, id, ord)
