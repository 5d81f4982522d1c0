-- Stores messages of pipes. Answers those that are new: neither their id nor their key was there.
--: rows tenant, id, pipe, key, value, sender, keep, instant
insert into holdfast_messages (tenant, id, pipe, key, value, job, sent_at, keep_until)
values (:tenant, :id, :pipe, :key, :value, :sender, coalesce(:instant, :now), cast(:now + :keep * 1000000 as integer))
on conflict do nothing
