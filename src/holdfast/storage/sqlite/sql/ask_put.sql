-- A job waits for a message from now on; asked again, it is the same wait. `age`: for messages of the last so many seconds,
-- null: for those since it was enqueued.
--: one tenant, id, version, branch, name, nth, pipe, filter, secret, age
insert into holdfast_asks (tenant, id, version, branch, name, nth, pipe, filter, token, since, asked_at)
select :tenant, :id, :version, :branch, :name, :nth, :pipe, :filter, :secret,
    coalesce(cast(:now - :age * 1000000 as integer), j.created_at), :now
from holdfast_jobs j where j.tenant = :tenant and j.id = :id
on conflict do nothing
