-- Live jobs of a schedule that has another name by now: its overlap rule goes by them.
--: rows tenant, name, former
update holdfast_jobs set schedule_id = :name where tenant = :tenant and schedule_id = :former and schedule_id is not null
