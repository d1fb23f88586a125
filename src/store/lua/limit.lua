-- Takes from a share of so much per window, or gives back to it. What is refused is not counted, and
-- what is given back after its window does not make the next share larger.
--
-- KEYS[1] limit  counter, gone with its window
-- ARGV    points (negative: give back), window (seconds), the share's points
-- Returns {taken, ms until the window ends}; more taken than there are: refused
local points, window, share = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local taken = tonumber(redis.call('GET', KEYS[1]) or '0')
if points > 0 and taken + points > share then
  taken = taken + points
elseif points > 0 or taken > 0 then
  redis.call('SET', KEYS[1], 0, 'EX', window, 'NX')
  taken = redis.call('INCRBY', KEYS[1], points)
end
local left = redis.call('PTTL', KEYS[1])
return { taken, left < 0 and 1000 * window or left }
