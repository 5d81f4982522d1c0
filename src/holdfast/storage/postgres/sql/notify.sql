-- Wakes the workers that listen; carries no data.
--: one channel
select pg_notify(:channel::text, '')
