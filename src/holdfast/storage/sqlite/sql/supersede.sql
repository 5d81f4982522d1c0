-- Notes on versions that ended just now which job came in their place.
--: rows tenant, id, version, successor
update holdfast_history set superseded_by = :successor where tenant = :tenant and id = :id and version = :version
