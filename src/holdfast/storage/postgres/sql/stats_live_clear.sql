-- Before live jobs are counted anew: forgets what was counted.
--: silent one
delete from "holdfast".stats_live
