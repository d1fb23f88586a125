-- Takes a claimed task out of the way, to where an operator sees it. Under a lost lease it does
-- nothing: somebody else is at it.
--
-- KEYS[1] due     sorted set: "<change>:<task>" by due time (epoch ms)
-- KEYS[2] leases  hash: "<change>:<task>" to "<epoch> <attempts> <holder>"
-- KEYS[3] parked  sorted set: "<change>:<task>" by the time it was parked (epoch ms)
-- ARGV    task, epoch, now (epoch ms)
-- Returns 1 | 0 (the lease was lost)
local lease = redis.call('HGET', KEYS[2], ARGV[1])
if not lease or string.match(lease, '^%d+') ~= ARGV[2] then return 0 end
redis.call('ZREM', KEYS[1], ARGV[1])
redis.call('HDEL', KEYS[2], ARGV[1])
redis.call('ZADD', KEYS[3], ARGV[3], ARGV[1])
return 1
