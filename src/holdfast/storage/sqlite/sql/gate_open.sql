-- Makes gates that are not there yet; one that is split from a limit is of that limit's size. In the order of names,
-- so that two who make the same ones do not wait for each other crosswise.
--: silent rows tenant, gate, base, size, spacing
insert into holdfast_gates (tenant, name, base, size, spacing, edited, updated_at)
values (:tenant, :gate, :base,
    case when exists (select 1 from holdfast_gates where tenant = :tenant and name = :base)
        then (select size from holdfast_gates where tenant = :tenant and name = :base) else :size end,
    case when exists (select 1 from holdfast_gates where tenant = :tenant and name = :base)
        then (select spacing from holdfast_gates where tenant = :tenant and name = :base) else :spacing end,
    coalesce((select edited from holdfast_gates where tenant = :tenant and name = :base), 0), :now)
on conflict (tenant, name) do nothing
