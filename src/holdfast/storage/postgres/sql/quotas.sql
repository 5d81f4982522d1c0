-- Whether any tenant has had a quota.
--: read one
select count(*) from "holdfast".meta where name = 'quotas'
