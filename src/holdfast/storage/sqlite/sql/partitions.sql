-- SQLite's history is one table, pruned in slices: nothing to make, nothing to drop.
--: one
select 0, 0
