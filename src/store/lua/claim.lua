-- Takes a lease on one due task. The epoch is new for every lease of the tenant, so that whoever
-- held an older one can tell, and be told, that it is over. It runs ahead of the clock, so that none
-- comes again when a fail-over has lost the last ones.
--
-- KEYS[1] due     sorted set: "<change>:<task>" by due time (epoch ms)
-- KEYS[2] leases  hash: "<change>:<task>" to "<epoch> <attempts> <holder>"
-- KEYS[3] epoch   the last one
-- ARGV    task, now (epoch ms), leaseMs, holder (so that a re-sent command finds its own lease)
-- Returns {epoch, attempts} | {} (not due, already done, or held by another)
local due = redis.call('ZSCORE', KEYS[1], ARGV[1])
if not due then return {} end
local lease = redis.call('HGET', KEYS[2], ARGV[1]) or '0 0 -'
local epoch, attempts, holder = string.match(lease, '^(%d+) (%d+) (.+)$')
if holder == ARGV[4] then return { epoch, tonumber(attempts) } end
if tonumber(due) > tonumber(ARGV[2]) then return {} end
epoch = string.format('%d', math.max(tonumber(redis.call('GET', KEYS[3]) or 0) + 1, ARGV[2]))
redis.call('SET', KEYS[3], epoch)
redis.call('HSET', KEYS[2], ARGV[1], epoch .. ' ' .. (attempts + 1) .. ' ' .. ARGV[4])
redis.call('ZADD', KEYS[1], string.format('%d', ARGV[2] + ARGV[3]), ARGV[1])
return { epoch, tonumber(attempts) + 1 }
