-- Behind which tenant the last look at more lines than one look sees ended.
--: read one name
select after from holdfast_turns where name = :name
