-- Puts a parked task back among the due ones.
--
-- KEYS[1] parked  sorted set: "<change>:<task>" by the time it was parked (epoch ms)
-- KEYS[2] due     sorted set: "<change>:<task>" by due time (epoch ms)
-- ARGV    task, now (epoch ms)
-- Returns 1 | 0 (it was not there)
if redis.call('ZREM', KEYS[1], ARGV[1]) == 0 then return 0 end
redis.call('ZADD', KEYS[2], ARGV[2], ARGV[1])
return 1
