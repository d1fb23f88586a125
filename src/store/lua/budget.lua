-- One budget of calls for all processes of a deployment: a token bucket kept as the time at which
-- it will be full again (GCRA), on the clock of Redis.
--
-- KEYS[1] budget   hash: full (ms), closed (ms, until when nobody may call), seen (ms, when it was written)
-- ARGV    action, then
--         "take"  intervalMs, burst, maxWaitMs  -> Returns {1, waitMs} taken: call after waitMs
--                                               -> Returns {0, waitMs} not taken: ask again then
--         "look"  intervalMs, burst             -> Returns {1, 0} open | {0, ms} closed for that long
--         "learn" intervalMs, burst, remaining  -> the tenant says that this many calls are left
--         "close" intervalMs, burst, ms         -> nobody calls for that long, then one by one
local time = redis.call('TIME')
local now = time[1] * 1000 + time[2] / 1000
local full = tonumber(redis.call('HGET', KEYS[1], 'full') or '0')
local closed = tonumber(redis.call('HGET', KEYS[1], 'closed') or '0')
-- The clock was set back (a fail-over): what was to be waited for is no longer than it was.
local back = math.max(tonumber(redis.call('HGET', KEYS[1], 'seen') or '0') - now, 0)
full, closed = full - back, closed - back
local interval, burst = tonumber(ARGV[2]), tonumber(ARGV[3])

local function keep(field, value)
  if field == 'full' then full = value else closed = value end
  redis.call('HSET', KEYS[1], 'full', string.format('%.3f', full), 'closed', string.format('%.3f', closed),
    'seen', string.format('%.3f', now))
  redis.call('PEXPIRE', KEYS[1], 600000)
end

if ARGV[1] == 'take' then
  local wait = math.max(full - (burst - 1) * interval - now, closed - now, 0)
  if wait > tonumber(ARGV[4]) then return { 0, math.ceil(wait) } end
  keep('full', math.max(full, now + wait) + interval)
  return { 1, math.ceil(wait) }
elseif ARGV[1] == 'learn' then
  local remaining = tonumber(ARGV[4])
  if remaining < burst then keep('full', math.max(full, now + (burst - remaining) * interval)) end
elseif ARGV[1] == 'look' then
  if closed > now then return { 0, math.ceil(closed - now) } end
elseif ARGV[1] == 'close' then
  local opens = math.max(closed, now + tonumber(ARGV[4]))
  keep('closed', opens)
  -- Whoever waited for it must not all come at once then.
  keep('full', math.max(full, opens + (burst - 1) * interval))
end
return { 1, 0 }
