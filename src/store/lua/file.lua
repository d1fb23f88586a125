-- Files into their lanes what is due and does not stand there: what was due only later when it came, and what
-- came from somebody who knows of no lanes (another build, a restored file, an operator).
--
-- KEYS[1]..KEYS[10] see outbox.lua
-- ARGV[3..]   from (epoch ms or "-inf"), offset, count
-- Returns     {now (epoch ms), how many tasks were looked at, then for each lane whether some are due}
local until_ = string.format('%.0f', now)
local found = redis.call('ZRANGEBYSCORE', KEYS[1], ARGV[3], until_, 'WITHSCORES', 'LIMIT', ARGV[4], ARGV[5])
for i = 1, #found, 2 do
  local lane = laneOf(found[i])
  if redis.call('ZSCORE', lane, found[i]) ~= found[i + 1] then
    redis.call('ZADD', lane, found[i + 1], found[i])
  end
end
local result = { until_, #found / 2 }
for lane = 6, 10 do
  local first = redis.call('ZRANGEBYSCORE', KEYS[lane], '-inf', until_, 'LIMIT', 0, 1)
  result[#result + 1] = #first
end
return result
