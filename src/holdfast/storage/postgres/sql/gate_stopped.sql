-- A page of gates that a failure keeps shut, by name.
--: read one tenant, after, batch
select distinct on (tenant, gate) gate from "holdfast".gate_jobs
where tenant = :tenant::text and gate > :after::text and stop
order by tenant, gate limit (select :batch::int4)
