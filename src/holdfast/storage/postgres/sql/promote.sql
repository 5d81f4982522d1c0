-- Scheduled and suspended jobs whose time has come become ready, or come to their gates. Answers how many, in how many
-- seconds the next one is due, whether there are jobs whose own time is over, whether some came to their gates, in how
-- many seconds the next schedule is due, whether there are gates, and notes about jobs that wait.
--: one batch
with moved as (
    update "holdfast".jobs
    set state = case when gates is null then 'ready' else 'blocked' end,
        reason = case when gates is not null then 'gate_entry' end,
        updated_at = coalesce(:now::timestamptz, statement_timestamp())
    where ctid = any (array (
        select ctid from "holdfast".jobs
        where state in ('scheduled', 'suspended') and due <= coalesce(:now::timestamptz, statement_timestamp())
        order by due
        limit (select :batch::int4)
        for update skip locked
    ))
    returning gates is not null as gated
)
select (select count(*) from moved),
    (select extract(epoch from due - coalesce(:now::timestamptz, statement_timestamp()))::float8
        from "holdfast".jobs
        where state in ('scheduled', 'suspended') and due > coalesce(:now::timestamptz, statement_timestamp())
        order by due limit 1),
    exists (select from "holdfast".jobs where stop_reason is not null and state <> 'running')
        or exists (select from "holdfast".jobs where expires_at <= coalesce(:now::timestamptz, statement_timestamp())
            and expires_at is not null and state in ('scheduled', 'blocked', 'ready'))
        or exists (select from "holdfast".jobs where deadline_at <= coalesce(:now::timestamptz, statement_timestamp())
            and deadline_at is not null and stop_reason is null),
    exists (select from moved where gated)
        or exists (select from "holdfast".jobs
            where state = 'blocked' and reason <> 'gate' and reason = 'gate_entry'),
    (select extract(epoch from due_at - coalesce(:now::timestamptz, statement_timestamp()))::float8
        from "holdfast".schedules where due_at is not null order by due_at limit 1),
    exists (select from "holdfast".gates),
    exists (select from "holdfast".wait_notes)
