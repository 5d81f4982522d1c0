-- Messages of before were looked through for these waits.
--: silent rows tenant, id, version, branch, name, nth
update holdfast_asks set fresh = 0
where tenant = :tenant and id = :id and version = :version and branch = :branch and name = :name and nth = :nth
