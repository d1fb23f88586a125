-- Compare and swap: writes records, their follow-up tasks and the end of the task that caused them,
-- all or nothing. It compares versions and epochs; it never decides.
--
-- KEYS[1]   due      sorted set: "<change>:<task>" by due time (epoch ms)
-- KEYS[2]   leases   hash: "<change>:<task>" to "<epoch> <attempts> <holder>"
-- KEYS[3]   audit    stream of sealed lines
-- KEYS[4..] records  strings "<version> <body>"
-- ARGV[1]   plan     JSON: claim? { task, epoch, until, fate: "done"|"hold"|"later", at?, uncounted? },
--                    writes [{ version, body?, keepUntil? }] in the order of KEYS[4..]; without a
--                    body the record goes, and version 0 says that there must be none,
--                    tasks [[at, member]], announce [channel, message]?,
--                    audit [line], auditLength
-- Returns   "written" | "conflict" (a record has another version) | "stale" (the claim was lost)
local plan = cjson.decode(ARGV[1])
local claim = plan.claim

local lease
if claim then
  lease = redis.call('HGET', KEYS[2], claim.task)
  if not lease or string.match(lease, '^%d+') ~= claim.epoch then return 'stale' end
  -- Given back already, by this very write when its answer was lost.
  if string.match(lease, ' %-$') then return 'stale' end
end

for i, write in ipairs(plan.writes) do
  local stored = redis.call('GET', KEYS[3 + i])
  if (stored and string.match(stored, '^%d+') or '0') ~= write.version then return 'conflict' end
end

for i, write in ipairs(plan.writes) do
  local body = write.body and string.format('%d %s', tonumber(write.version) + 1, write.body)
  if not body then
    redis.call('DEL', KEYS[3 + i])
  elseif write.keepUntil then
    redis.call('SET', KEYS[3 + i], body, 'PXAT', write.keepUntil)
  else
    redis.call('SET', KEYS[3 + i], body)
  end
end

if claim and claim.fate == 'done' then
  -- A click that came meanwhile may have made the same task due again: that one is not done.
  if tonumber(redis.call('ZSCORE', KEYS[1], claim.task) or 0) == claim['until'] then
    redis.call('ZREM', KEYS[1], claim.task)
  end
  redis.call('HDEL', KEYS[2], claim.task)
elseif claim and claim.fate == 'later' then
  local epoch, attempts = string.match(lease, '^(%d+) (%d+)')
  if claim.uncounted then attempts = tostring(tonumber(attempts) - 1) end
  redis.call('HSET', KEYS[2], claim.task, epoch .. ' ' .. attempts .. ' -')
  redis.call('ZADD', KEYS[1], claim.at, claim.task)
end

-- After the end of the claimed task, which may come again under its own name.
for _, task in ipairs(plan.tasks) do redis.call('ZADD', KEYS[1], task[1], task[2]) end

for _, line in ipairs(plan.audit) do
  redis.call('XADD', KEYS[3], 'MAXLEN', '~', plan.auditLength, '*', 'line', line)
end

if plan.announce then redis.call('PUBLISH', plan.announce[1], plan.announce[2]) end
return 'written'
