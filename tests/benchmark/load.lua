-- What wrk sends, and what it counts. An answer that is not a success is an error of the run.
--
-- KIND      page, get, set, certificate (of BODY): for the time of the run; fill, order (of BODY), grant, identity: numbers
--           FROM to TO, once each
-- HOST      the Host header;  TOKEN: the bearer token;  RANGE: how many names a get draws from
-- For peers: METHOD, TARGET and BODY of the one request, and HEADER, a name and a value.
local kind, range = os.getenv("KIND"), tonumber(os.getenv("RANGE") or "1")
local from, to = tonumber(os.getenv("FROM") or "0"), tonumber(os.getenv("TO") or "0")
local count = kind == "fill" or kind == "order" or kind == "grant" or kind == "identity"
if os.getenv("HOST") then wrk.headers["Host"] = os.getenv("HOST") end
if os.getenv("TOKEN") and kind ~= "page" then wrk.headers["Authorization"] = "Bearer " .. os.getenv("TOKEN") end
if os.getenv("HEADER") then
  local name, value = os.getenv("HEADER"):match("^(%S+) (.*)$")
  wrk.headers[name] = value
end
wrk.headers["Content-Type"] = "application/json"
local value = '{"value":"a value of thirty-two characters"}'

local threads, next_thread = {}, 0
function setup(thread)
  thread:set("number", next_thread)
  next_thread = next_thread + 1
  table.insert(threads, thread)
end

function init(args)
  refused, answered = 0, 0
  -- wrk asks its first thread for one request that it only looks at.
  sent = number == 0 and -1 or 0
  -- Each thread has its own part of the numbers.
  local parts = tonumber(os.getenv("THREADS") or "1")
  local size = math.ceil((to - from) / parts)
  first = from + number * size
  last = math.min(first + size, to)
  math.randomseed(number + 1)
end

function request()
  sent = sent + 1
  if kind == "peer" then return wrk.format(os.getenv("METHOD"), os.getenv("TARGET"), nil, os.getenv("BODY")) end
  if kind == "page" then return wrk.format("GET", "/healthz") end
  if kind == "get" then
    return wrk.format("GET", "/secrets/s-" .. math.random(0, range - 1) .. "?api-version=7.6")
  end
  -- A few thousand names, so that neither one name nor the list of names grows without end.
  if kind == "set" then
    return wrk.format("PUT", "/secrets/bench-" .. number .. "-" .. sent % 1000 .. "?api-version=7.6", nil, value)
  end
  if kind == "certificate" then
    local target = "/certificates/bench-" .. number .. "-" .. sent % 1000 .. "/create?api-version=7.6"
    return wrk.format("POST", target, nil, os.getenv("BODY"))
  end
  local n = math.max(first, math.min(first + sent - 1, last - 1))
  if kind == "fill" then return wrk.format("PUT", "/secrets/s-" .. n .. "?api-version=7.6", nil, value) end
  if kind == "order" then
    return wrk.format("POST", "/certificates/order-" .. n .. "/create?api-version=7.6", nil, os.getenv("BODY"))
  end
  if kind == "identity" then
    return wrk.format("POST", "/api/v1/workloads", nil, '{"name":"figures-' .. n .. '","secret":false}')
  end
  return wrk.format("POST", "/api/v1/assignments", nil, '{"issuer":"https://figures.example","subject":"s-' .. n
    .. '","role":"Key Vault Secrets User","scope":"/vaults/figures-' .. n % 6 .. '/secrets/s-' .. n % 100 .. '"}')
end

function response(status)
  answered = answered + 1
  -- The last number may be sent more than once, and a grant is not given twice.
  local again = sent > last - first and status == 409
  if (status < 200 or status > 299) and not again then refused = refused + 1 end
  -- wrk itself waits for its time to be over, so whoever started it is told.
  if count and answered == last - first then
    local done = io.open(os.getenv("DONE"), "a")
    done:write("x")
    done:close()
  end
end

function done(summary, latency)
  local bad = summary.errors.connect + summary.errors.read + summary.errors.write + summary.errors.timeout
  for _, thread in ipairs(threads) do bad = bad + thread:get("refused") end
  io.write(string.format("RESULT %d %d %.0f %.0f %d\n", summary.requests, summary.duration,
    latency:percentile(50), latency:percentile(99), bad))
end
