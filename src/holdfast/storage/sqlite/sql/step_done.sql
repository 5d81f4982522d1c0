-- Pieces that have come to their end.
--: read rows tenant, id, version, branch, name, nth
select 1 from holdfast_steps
where tenant = :tenant and id = :id and version = :version and branch = :branch and name = :name and nth = :nth
    and state = 'done'
