-- Takes leases on what is due of one lane, oldest first, and reads the records along. The epoch is new
-- for every lease of the tenant, so that whoever held an older one can tell, and be told, that it is
-- over. It runs ahead of the clock, so that none comes again when a fail-over has lost the last ones.
--
-- KEYS[1]..KEYS[10] see outbox.lua
-- ARGV[3..]   place of the lane among the KEYS, count, leaseMs, holder, prefix of the records' keys,
--             "again" when the answer to this very command was lost: then its own leases are looked up
-- Returns     {1 when more is due, else 0, task...}, each task
--             {member, epoch, attempts, end of the lease (epoch ms), unable, deaths, record | false}
local lane, count, leaseMs, holder = KEYS[tonumber(ARGV[3])], tonumber(ARGV[4]), ARGV[5], ARGV[6]

local function read(member)
  local id = string.match(member, '^([^:]+):[^:]+$')
  local record = id and redis.pcall('GET', ARGV[7] .. id)
  -- Somebody has put something else there: nothing of ours, and no reason to fail.
  return type(record) == 'string' and record or (type(record) == 'table' and '?')
end

local function answer(member, lease)
  local ends = redis.call('ZSCORE', KEYS[1], member) or '0'
  return { member, lease.epoch, lease.attempts, ends, lease.unable, lease.deaths, read(member) }
end

if ARGV[8] == 'again' then
  local found = { 0 }
  local all = redis.call('HGETALL', KEYS[2])
  for i = 1, #all, 2 do
    local lease = leaseOf(all[i])
    if lease and lease.holder == holder and laneOf(all[i]) == lane then
      found[#found + 1] = answer(all[i], lease)
    end
  end
  if #found > 1 then return found end
end

local taken = { 0 }
for _ = 1, 20 do
  local members = redis.call('ZRANGEBYSCORE', lane, '-inf', string.format('%.0f', now), 'LIMIT', 0, count + 1)
  if #members == 0 then return taken end
  for _, member in ipairs(members) do
    local due = redis.call('ZSCORE', KEYS[1], member)
    if not due then
      redis.call('ZREM', lane, member)
    elseif tonumber(due) > now then
      -- Moved by somebody who knows of no lanes.
      put(member, tonumber(due))
    elseif #taken > count then
      taken[1] = 1
      return taken
    else
      local lease = leaseOf(member) or { epoch = '0', attempts = 0, holder = '-', unable = 0, deaths = 0 }
      -- Whoever had it never said how it ended.
      if lease.holder ~= '-' then lease.deaths = lease.deaths + 1 end
      lease.epoch = string.format('%.0f', math.max(tonumber(redis.call('GET', KEYS[3]) or 0) + 1, now))
      lease.attempts, lease.holder = lease.attempts + 1, holder
      redis.call('SET', KEYS[3], lease.epoch)
      setLease(member, lease)
      put(member, now + leaseMs)
      taken[#taken + 1] = answer(member, lease)
    end
  end
end
return taken
