-- Which of these jobs a request has changed.
--: read rows tenant, id, request
select 1 from holdfast_audit where tenant = :tenant and id = :id and request = :request limit 1
