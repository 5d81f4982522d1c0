-- What a leader should have seen to `seconds` ago: lapsed leases and due jobs, 1,000 of each at most.
--: read one seconds
select (
    select count(*) from (
        select from "holdfast".jobs
        where state = 'running'
            and lease_until < coalesce(:now::timestamptz, statement_timestamp()) - :seconds::float8 * interval '1 second'
        order by lease_until limit 1000) lapsed
), (
    select count(*) from (
        select from "holdfast".jobs
        where state = 'scheduled'
            and due < coalesce(:now::timestamptz, statement_timestamp()) - :seconds::float8 * interval '1 second'
        order by due limit 1000) overdue
)
