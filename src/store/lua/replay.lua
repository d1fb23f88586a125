-- Puts a parked task back among the due ones.
--
-- KEYS[1]..KEYS[10] see outbox.lua
-- ARGV[3]     task
-- Returns     1 | 0 (it was not there)
redis.call('HDEL', KEYS[5], ARGV[3])
if redis.call('ZREM', KEYS[4], ARGV[3]) == 0 then return 0 end
put(ARGV[3], now)
return 1
