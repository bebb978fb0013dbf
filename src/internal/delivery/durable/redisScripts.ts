/**
 * What has to happen to a stream in one step, as scripts that Redis runs.
 *
 * The sizes of the streams are kept beside them, in one hash: Redis knows how many entries a stream has, not how many
 * bytes. They begin anew with each stream that has become empty, so that nothing that was done by hand stays wrong.
 *
 * What deletes comes before what adds: a Redis that is full refuses a script's first command that needs memory, and
 * none after one that gave some back.
 */

/** Adding and removing entries with their sizes. */
const shared = `local function weigh(fields)
  local bytes = 0
  for i = 1, #fields do bytes = bytes + #fields[i] end
  return bytes
end
local function list(from, to)
  local values = {}
  for i = from, to do values[#values + 1] = ARGV[i] end
  return values
end
local function add(stream, sizes, name, fields)
  local id = redis.call("XADD", stream, "*", unpack(fields))
  if redis.call("XLEN", stream) == 1 then redis.call("HSET", sizes, name, weigh(fields))
  else redis.call("HINCRBY", sizes, name, weigh(fields)) end
  return id
end
local function drop(stream, sizes, name, id)
  local found = redis.call("XRANGE", stream, id, id)
  redis.call("XDEL", stream, id)
  if #found == 0 then return nil end
  redis.call("HINCRBY", sizes, name, -weigh(found[1][2]))
  return found[1][2]
end
local function size(sizes, name)
  return tonumber(redis.call("HGET", sizes, name)) or 0
end
local function shrink(stream, sizes, name, most)
  local lost = 0
  while redis.call("XLEN", stream) > 0 and size(sizes, name) > most do
    local id = redis.call("XRANGE", stream, "-", "+", "COUNT", 1)[1][1]
    local fields = drop(stream, sizes, name, id)
    for i = 1, #fields, 2 do
      if fields[i] == "n" then lost = lost + (tonumber(fields[i + 1]) or 0) end
    end
  end
  return lost
end
`

/**
 * `stream sizes | name most refuses doubtful fields…`: adds an entry. Gives its id, and how large the stream is.
 * Without an id it was refused, because the stream would be too large. What may have been added already, because an
 * answer got lost, is looked for among the last entries first.
 */
export const append = `${shared}
local fields = list(5, #ARGV)
local length = redis.call("XLEN", KEYS[1])
if ARGV[4] == "1" then
  for _, entry in ipairs(redis.call("XREVRANGE", KEYS[1], "+", "-", "COUNT", 64)) do
    if #entry[2] == #fields then
      local same = true
      for i = 1, #fields do same = same and entry[2][i] == fields[i] end
      if same then return { entry[1], size(KEYS[2], ARGV[1]) } end
    end
  end
end
if ARGV[3] == "1" and length > 0 and size(KEYS[2], ARGV[1]) + weigh(fields) > tonumber(ARGV[2]) then
  return { "", size(KEYS[2], ARGV[1]) }
end
local id = add(KEYS[1], KEYS[2], ARGV[1], fields)
return { id, size(KEYS[2], ARGV[1]) }`

/**
 * `stream dead sizes | group name mostDead (id dead (fields field…)…)…`: settles entries, each with the entries that
 * go to the dead letters in the same step. Gives how many events the dead letters lost for lack of room.
 */
export const settle = `${shared}
local at = 4
while at <= #ARGV do
  local id, dead = ARGV[at], tonumber(ARGV[at + 1])
  redis.call("XACK", KEYS[1], ARGV[1], id)
  local was = drop(KEYS[1], KEYS[3], ARGV[2], id)
  at = at + 2
  for _ = 1, dead do
    local fields = tonumber(ARGV[at])
    if was then add(KEYS[2], KEYS[3], "dead", list(at + 1, at + fields)) end
    at = at + fields + 1
  end
end
return shrink(KEYS[2], KEYS[3], "dead", tonumber(ARGV[3]))`

/**
 * `stream dead sizes | group name mostDead id reason`: puts an entry that nobody can read to the dead letters as it is.
 * Gives as much as `settle`.
 */
export const setAside = `${shared}
redis.call("XACK", KEYS[1], ARGV[1], ARGV[4])
local was = drop(KEYS[1], KEYS[3], ARGV[2], ARGV[4])
if was then
  local fields = { "r", "damaged", "d", ARGV[5] }
  for i = 1, math.min(#was, 64) do fields[#fields + 1] = was[i] end
  add(KEYS[2], KEYS[3], "dead", fields)
end
return shrink(KEYS[2], KEYS[3], "dead", tonumber(ARGV[3]))`

/**
 * `stream sizes | group name mostBytes mostMillis limit`: removes the oldest entries that nobody has taken yet, as long
 * as the stream is too large or they are too old. Gives them, each with the reason.
 */
export const trim = `${shared}
local last = "0-0"
if redis.call("EXISTS", KEYS[1]) == 1 then
  for _, group in ipairs(redis.call("XINFO", "GROUPS", KEYS[1])) do
    local about = {}
    for i = 1, #group, 2 do about[group[i]] = group[i + 1] end
    if about["name"] == ARGV[1] then last = about["last-delivered-id"] end
  end
end
local now = tonumber(redis.call("TIME")[1]) * 1000
local most, age = tonumber(ARGV[3]), tonumber(ARGV[4])
local removed = {}
while #removed < tonumber(ARGV[5]) do
  local entry = redis.call("XRANGE", KEYS[1], "(" .. last, "+", "COUNT", 1)[1]
  if not entry then break end
  local reason = nil
  if age and now - tonumber(string.match(entry[1], "^%d+")) > age then reason = "expired"
  elseif redis.call("XLEN", KEYS[1]) > 1 and size(KEYS[2], ARGV[2]) > most then reason = "queue_full" end
  if not reason then break end
  drop(KEYS[1], KEYS[2], ARGV[2], entry[1])
  removed[#removed + 1] = { reason, entry }
end
return removed`

/**
 * `stream | group consumer late id…`: says that this consumer still works on what it has taken, so that nobody else
 * claims it. Gives all that it has taken, and which of the ids somebody else has. When it is late others may be through
 * with some: what is not there any more, though the stream has got as far, was theirs, too.
 */
export const refresh = `
local mine, own = {}, {}
for _, entry in ipairs(redis.call("XPENDING", KEYS[1], ARGV[1], "-", "+", 1000, ARGV[2])) do
  mine[entry[1]] = true
  own[#own + 1] = entry[1]
end
if #own > 0 then
  local claim = { "XCLAIM", KEYS[1], ARGV[1], ARGV[2], 0 }
  for _, id in ipairs(own) do claim[#claim + 1] = id end
  claim[#claim + 1] = "JUSTID"
  redis.call(unpack(claim))
end
local others = {}
local last = "0-0"
if ARGV[3] == "1" then
  local about = redis.call("XINFO", "STREAM", KEYS[1])
  for i = 1, #about, 2 do
    if about[i] == "last-generated-id" then last = about[i + 1] end
  end
end
local function isPassed(id)
  local millis, number = string.match(id, "^(%d+)-(%d+)$")
  local lastMillis, lastNumber = string.match(last, "^(%d+)-(%d+)$")
  if millis ~= lastMillis then return tonumber(millis) < tonumber(lastMillis) end
  return tonumber(number) <= tonumber(lastNumber)
end
for i = 4, #ARGV do
  local id = ARGV[i]
  if not mine[id] and (isPassed(id) and ARGV[3] == "1" or #redis.call("XRANGE", KEYS[1], id, id) > 0) then
    others[#others + 1] = id
  end
end
return { own, others }`

/**
 * `stream | group id…`: gives entries that were taken and never seen, because an answer got lost. What is not there
 * any more counts as settled.
 */
export const fetch = `
local found = {}
for i = 2, #ARGV do
  local entry = redis.call("XRANGE", KEYS[1], ARGV[i], ARGV[i])[1]
  if entry then found[#found + 1] = entry else redis.call("XACK", KEYS[1], ARGV[1], ARGV[i]) end
end
return found`

/**
 * `stream | group consumer`: gives back what this consumer has taken, as idle as if nobody had ever looked at it, and
 * removes the consumer if there is nothing. Gives how many entries it were.
 */
export const depart = `
local own = redis.call("XPENDING", KEYS[1], ARGV[1], "-", "+", 1000, ARGV[2])
if #own == 0 then
  redis.call("XGROUP", "DELCONSUMER", KEYS[1], ARGV[1], ARGV[2])
else
  local claim = { "XCLAIM", KEYS[1], ARGV[1], ARGV[2], 0 }
  for _, entry in ipairs(own) do claim[#claim + 1] = entry[1] end
  for _, option in ipairs({ "TIME", 1, "JUSTID" }) do claim[#claim + 1] = option end
  redis.call(unpack(claim))
end
return #own`

/** `stream | group millis`: removes consumers that have taken nothing and have been gone for so long. */
export const sweep = `
local removed = 0
for _, consumer in ipairs(redis.call("XINFO", "CONSUMERS", KEYS[1], ARGV[1])) do
  local about = {}
  for i = 1, #consumer, 2 do about[consumer[i]] = consumer[i + 1] end
  if about["pending"] == 0 and about["idle"] > tonumber(ARGV[2]) then
    redis.call("XGROUP", "DELCONSUMER", KEYS[1], ARGV[1], about["name"])
    removed = removed + 1
  end
end
return removed`

/**
 * `dead sizes stream | id name fields field… fields field…`: replaces a dead letter by an entry that will be sent,
 * by another dead letter, by both, or by nothing. Gives 0 when it is not there any more; then nothing was done.
 */
export const unbury = `${shared}
if not drop(KEYS[1], KEYS[2], "dead", ARGV[1]) then return 0 end
local send = tonumber(ARGV[3])
if send > 0 then add(KEYS[3], KEYS[2], ARGV[2], list(4, 3 + send)) end
local keep = tonumber(ARGV[4 + send])
if keep > 0 then add(KEYS[1], KEYS[2], "dead", list(5 + send, 4 + send + keep)) end
return 1`
