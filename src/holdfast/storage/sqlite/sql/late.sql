-- What a leader should have seen to `seconds` ago: lapsed leases and due jobs, 1,000 of each at most.
--: read one seconds
select (
    select count(*) from (
        select 1 from holdfast_jobs
        where state = 'running' and lease_until < :now - cast(:seconds * 1e6 as integer)
        order by lease_until limit 1000)
), (
    select count(*) from (
        select 1 from holdfast_jobs
        where state = 'scheduled' and due < :now - cast(:seconds * 1e6 as integer)
        order by due limit 1000)
)
