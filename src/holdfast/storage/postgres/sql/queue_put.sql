-- What is said of a queue from now on. A pause keeps its beginning, and a slower pace from before delays nothing for
-- longer than the new one does.
--: silent one tenant, name, display_name, paused, paused_by, concurrency, spacing, defaults
update "holdfast".queues
set display_name = :display_name::text,
    paused_at = case when :paused::boolean then coalesce(paused_at, coalesce(:now::timestamptz, statement_timestamp())) end,
    paused_by = :paused_by::text, concurrency = :concurrency::int4, spacing = :spacing::float8,
    next_at = case when :spacing::float8 is not null and next_at is not null
        then least(next_at, coalesce(:now::timestamptz, statement_timestamp()) + :spacing::float8 * interval '1 second') end,
    defaults = :defaults::text, updated_at = coalesce(:now::timestamptz, statement_timestamp())
where tenant = :tenant::text and name = :name::text
