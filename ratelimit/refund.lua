local byte, sub, char = string.byte, string.sub, string.char
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
  local stamp, cost = tonumber(ARGV[i*2-1]), tonumber(ARGV[i*2])
  local s, ttl = redis.call('GET', KEYS[i]), redis.call('PTTL', KEYS[i])
  if s and ttl > 0 then
    for j = 5, #s, 8 do
      if u32(s, j) == stamp then
        local n = u32(s, j + 4)
        local back = math.min(n, cost)
        local sum = u32(s, 1) - back
        if #s == 12 and n == back then redis.call('DEL', KEYS[i])
        else
          local event = n > back and p32(stamp) .. p32(n - back) or ''
          redis.call('SET', KEYS[i], p32(sum) .. sub(s, 5, j - 1) .. event .. sub(s, j + 8), 'PX', ttl)
        end
        break
      end
    end
  end
end
return 1
