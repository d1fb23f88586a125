-- Takes a claimed task out of the way, to where an operator sees it. Under a lost lease it does
-- nothing: somebody else is at it.
--
-- KEYS[1]..KEYS[10] see outbox.lua
-- ARGV[3..]   task, epoch, why
-- Returns     1 | 0 (the lease was lost)
local lease = leaseOf(ARGV[3])
if not lease or lease.epoch ~= ARGV[4] then return 0 end
drop(ARGV[3])
redis.call('HDEL', KEYS[2], ARGV[3])
redis.call('ZADD', KEYS[4], string.format('%.0f', now), ARGV[3])
redis.call('HSET', KEYS[5], ARGV[3], ARGV[5])
return 1
