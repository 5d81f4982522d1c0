-- Pipes of ends that trigger nothing any more.
--: silent rows pipe
delete from holdfast_heard
where pipe = :pipe and not exists (select 1 from holdfast_triggers t where t.pipe = holdfast_heard.pipe)
