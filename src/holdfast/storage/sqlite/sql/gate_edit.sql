-- Sets the size of a gate and of all that are split from it by hand (edited 1), or leaves it to the code again (0).
--: rows tenant, gate, base, size, spacing, edited
insert into holdfast_gates (tenant, name, base, size, spacing, edited, updated_at)
values (:tenant, :gate, :base, :size, :spacing, :edited > 0, :now)
on conflict (tenant, name) do update
set size = excluded.size, spacing = excluded.spacing, edited = excluded.edited, updated_at = excluded.updated_at
returning name;
update holdfast_gates
set size = :size, spacing = :spacing, edited = :edited > 0, updated_at = :now
where base = :base and base is not null and tenant = :tenant and name <> :gate
returning name
