-- Sets the size of a gate and of all that are split from it by hand (edited 1), or leaves it to the code again (0).
--: one tenant, gate, base, size, spacing, edited
insert into holdfast_gates (tenant, name, base, size, spacing, edited, updated_at)
values (:tenant, :gate, :base, :size, :spacing, :edited > 0, :now)
on conflict (tenant, name) do nothing;
update holdfast_gates
set size = :size, spacing = :spacing, edited = :edited > 0, updated_at = :now
where tenant = :tenant and (base = :base or name = :gate)
returning name
