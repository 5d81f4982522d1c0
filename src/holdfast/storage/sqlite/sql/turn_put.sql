-- Where the next look at more lines than one look sees begins.
--: silent one name, after_tenant
insert into holdfast_turns (name, after) values (:name, :after_tenant)
on conflict (name) do update set after = :after_tenant
