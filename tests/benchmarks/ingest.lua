-- Events with keys of their own in every request; EVENTS and NOW come from the environment, and
-- KEYS, where more than one account is to be asked in turn.
local events = tonumber(os.getenv("EVENTS"))
local now = os.getenv("NOW")
local keys = tonumber(os.getenv("KEYS") or "1")
local run, count, asked = 0, 0, 0
local shape = '{"event_name":"api_call","timestamp":"%s","idempotency_key":"key-%d-%d",'
  .. '"external_customer_id":"acme",'
  .. '"properties":{"region":"us-east-1","tokens":123,"cached":false}}'

function init()
  run = tonumber(os.getenv("RUN"))
end

function request()
  local batch = {}
  asked = asked + 1
  for i = 1, events do
    count = count + 1
    batch[i] = string.format(shape, now, run, count)
  end
  local body = '{"events":[' .. table.concat(batch, ",") .. "]}"
  local headers = { ["Authorization"] = "Bearer bench-" .. asked % keys, ["Content-Type"] = "application/json" }
  return wrk.format("POST", "/orb/v1/ingest", headers, body)
end
