-- Takes a page of what asks for a look, and answers the gates.
--: one batch
with gone as (
    delete from "holdfast".gate_notes
    where seq = any (array (
        select seq from "holdfast".gate_notes where due <= coalesce(:now::timestamptz, statement_timestamp())
        order by due limit (select :batch::int4) for update skip locked))
    returning tenant, gate
)
select tenant, gate from gone
union
select * from (
    select tenant, name from "holdfast".gates where next_at <= coalesce(:now::timestamptz, statement_timestamp())
    order by next_at limit (select :batch::int4)) as late
