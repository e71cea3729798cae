-- KEYS: the logs. ARGV: for each the tick to take back from, the units, and 1 when
-- the log is exact. See the script that charges for what a log is.
local byte, sub, char, floor, M = string.byte, string.sub, string.char, math.floor, 4294967296
local function u32(s, i)
  local a, b, c, d = byte(s, i, i + 3)
  return ((a * 256 + b) * 256 + c) * 256 + d
end
local function p32(v)
  local d = v % 256; v = (v - d) / 256
  local c = v % 256; v = (v - c) / 256
  local b = v % 256; v = (v - b) / 256
  return char(v % 256, b, c, d)
end
for i = 1, #KEYS do
  local tick, cost, exact = tonumber(ARGV[i*3-2]), tonumber(ARGV[i*3-1]), ARGV[i*3] == '1'
  local mark = exact and sub(p32(floor(tick / M)), 2) .. p32(tick % M) or p32(tick % M)
  local s, ttl = redis.call('GET', KEYS[i]), redis.call('PTTL', KEYS[i])
  if s and ttl > 0 then
    for j = 5, #s, 8 do
      if sub(s, j, j + #mark - 1) == mark then
        local n = exact and byte(s, j + 7) or u32(s, j + 4)
        local back = math.min(n, cost)
        if #s == 12 and n == back then redis.call('DEL', KEYS[i])
        else
          local event = ''
          if n > back then event = mark .. (exact and char(n - back) or p32(n - back)) end
          redis.call('SET', KEYS[i], p32(u32(s, 1) - back) .. sub(s, 5, j - 1) .. event .. sub(s, j + 8), 'PX', ttl)
        end
        break
      end
    end
  end
end
return 1
