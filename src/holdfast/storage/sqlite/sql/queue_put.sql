-- What is said of a queue from now on. A pause keeps its beginning, and a slower pace from before delays nothing for
-- longer than the new one does.
--: silent one tenant, name, display_name, paused, paused_by, concurrency, spacing, defaults
update holdfast_queues
set display_name = :display_name, paused_at = case when :paused then coalesce(paused_at, :now) end,
    paused_by = :paused_by, concurrency = :concurrency, spacing = :spacing,
    next_at = case when :spacing is not null then min(next_at, cast(:now + :spacing * 1000000 as integer)) end,
    defaults = :defaults, updated_at = :now
where tenant = :tenant and name = :name
