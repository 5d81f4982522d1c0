-- Where the next look at more lines than one look sees begins. Nobody waits for it: another that writes it knows as much.
--: silent one name, after_tenant
with held as materialized (
    select ctid as place from "holdfast".turns where name = :name::text for update skip locked
), moved as (
    update "holdfast".turns set after = :after_tenant::text where ctid = any (array (select place from held))
)
insert into "holdfast".turns (name, after)
select :name::text, :after_tenant::text where not exists (select from "holdfast".turns where name = :name::text)
on conflict do nothing
