-- Makes gates that are not there yet; one that is split from a limit is of that limit's size. In the order of names,
-- so that two who make the same ones do not wait for each other crosswise.
--: silent rows tenant, gate, base, size, spacing, lane
insert into holdfast_gates (tenant, name, base, lane, size, spacing, edited, updated_at)
with given as (:rows)
select n.tenant, n.gate, n.base, n.lane, case when b.name is null then n.size else b.size end,
    case when b.name is null then n.spacing else b.spacing end, coalesce(b.edited, 0), n.now
from given n left join holdfast_gates b on b.tenant = n.tenant and b.name = n.base
where true
on conflict (tenant, name) do nothing
