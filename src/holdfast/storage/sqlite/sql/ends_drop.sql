-- Ends that nobody hears any more: they trigger nothing, and no job waits for one.
--: one
delete from holdfast_heard
where seen_at < :now - 3600000000
    and not exists (select 1 from holdfast_triggers t where t.pipe = holdfast_heard.pipe)
    and not exists (select 1 from holdfast_asks a where a.pipe = holdfast_heard.pipe and a.taken_at is null)
returning 1
