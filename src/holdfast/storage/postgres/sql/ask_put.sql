-- A job waits for a message from now on; asked again, it is the same wait. `age`: for messages of the last so many seconds,
-- null: for those since it was enqueued.
--: one tenant, id, version, branch, name, nth, pipe, filter, secret, age
insert into "holdfast".asks (tenant, id, version, branch, name, nth, pipe, filter, token, since, asked_at)
select :tenant::text, :id::uuid, :version::int4, :branch::text, :name::text, :nth::int4, :pipe::text, :filter::text,
    :secret::text, coalesce(t.moment - :age::float8 * interval '1 second', j.created_at), t.moment
from "holdfast".jobs j
cross join (select coalesce(:now::timestamptz, statement_timestamp()) as moment) as t
where j.tenant = :tenant::text and j.id = :id::uuid
on conflict do nothing
