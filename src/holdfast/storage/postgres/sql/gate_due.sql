-- Whether a gate is to be looked at now, in how many seconds the next one is, and whether there are gates at all.
--: read one
select exists (select from "holdfast".gate_notes where due <= coalesce(:now::timestamptz, statement_timestamp()))
        or exists (select from "holdfast".gates where next_at <= coalesce(:now::timestamptz, statement_timestamp()))
        or exists (select from "holdfast".jobs
            where state = 'blocked' and reason <> 'gate' and reason = 'gate_entry'),
    extract(epoch from least(
        (select due from "holdfast".gate_notes order by due limit 1),
        (select next_at from "holdfast".gates where next_at is not null order by next_at limit 1))
        - coalesce(:now::timestamptz, statement_timestamp()))::float8,
    exists (select from "holdfast".gates)
