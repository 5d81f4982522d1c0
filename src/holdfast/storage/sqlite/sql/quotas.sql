-- Whether any tenant has had a quota.
--: read one
select count(*) from holdfast_meta where name = 'quotas'
