-- Files into their lanes what is due and does not stand there: what was due only later when it came, and what
-- came from somebody who knows of no lanes (another build, a restored file, an operator).
--
-- When Redis' clock was set back, as a fail-over to another machine may do, what stands in the outbox is of a
-- time that has not come yet. What is due soon is brought along, by as much, once for all workers; what comes
-- too early so asks its record.
--
-- KEYS[1]..KEYS[10] see outbox.lua
-- ARGV[3..]   from (epoch ms or "-inf"), offset, count
-- Returns     {now (epoch ms), how many tasks were looked at, then for each lane whether some are due}
-- Redis' clock at the last look; before there was one, the epoch, which is never behind the time of a claim.
local clock, LEAST, MOST = KEYS[3] .. ':clock', 1000, 86400000
local ahead = tonumber(redis.call('GET', clock) or redis.call('GET', KEYS[3]) or '0') - now
if math.abs(ahead) >= LEAST then redis.call('SET', clock, string.format('%.0f', now)) end
if ahead >= LEAST and ahead < MOST then
  local soon = redis.call('ZRANGEBYSCORE', KEYS[1], string.format('(%.0f', now),
    string.format('%.0f', now + ahead + SOON), 'WITHSCORES')
  for i = 1, #soon, 2 do put(soon[i], math.floor(math.max(now, tonumber(soon[i + 1]) - ahead))) end
end

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
