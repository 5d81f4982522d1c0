-- Pipes of ends that trigger nothing any more.
--: silent rows pipe
delete from "holdfast".heard h using unnest(:pipe::text[]) as a (pipe)
where h.pipe = a.pipe and not exists (select from "holdfast".triggers t where t.pipe = h.pipe)
