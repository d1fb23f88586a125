-- Tells the time, finds out whether Redis takes writes (by one that changes nothing), and whether it has
-- lost some. swap.lua keeps for each process the time of its last acknowledged write: one that is older
-- than the process remembers means that an older state was put back. A worker that starts remembers
-- nothing: if Redis itself was started since the last write, it notes that nobody knows what was between.
--
-- KEYS[1]  pulse    hash: process to the time of its last acknowledged write (epoch ms)
-- KEYS[2]  lost     string: when a loss was found last (epoch ms)
-- KEYS[3]  gaps     list: "<from> <to>" of silences before a start (epoch ms)
-- ARGV     shift (ms), process, what it remembers (epoch ms), for how long Redis runs (ms) or -1: no start
-- Returns  {now (epoch ms, with a fraction), 1 when writes were lost, else 0}
local time = redis.call('TIME')
local now = time[1] * 1000 + time[2] / 1000 + ARGV[1]
redis.call('SET', KEYS[1] .. ':none', 1, 'XX')
local lost = 0
if tonumber(redis.call('HGET', KEYS[1], ARGV[2]) or '0') < tonumber(ARGV[3]) then
  lost = 1
  redis.call('SET', KEYS[2], string.format('%.0f', now))
  -- Told once.
  redis.call('HSET', KEYS[1], ARGV[2], ARGV[3])
elseif ARGV[4] ~= '-1' then
  local last, all = 0, redis.call('HGETALL', KEYS[1])
  for i = 2, #all, 2 do last = math.max(last, tonumber(all[i])) end
  -- Of processes long gone: those that live are among the latest.
  for i = 1, #all > 1000 and #all or 0, 2 do
    if tonumber(all[i + 1]) < last - 60000 then redis.call('HDEL', KEYS[1], all[i]) end
  end
  if last > 0 and last < now - tonumber(ARGV[4]) then
    redis.call('RPUSH', KEYS[3], string.format('%.0f %.0f', last, now))
    redis.call('LTRIM', KEYS[3], -50, -1)
  end
end
return { string.format('%.3f', now), lost }
