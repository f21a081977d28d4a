-- What wrk sends and says: one GET over and over, and its figures as one line of JSON.
-- Arguments after `--`: the request target (a path, or a whole address for a proxy; empty for the
-- path of wrk's own address), the host (empty for that of wrk's address), and the word `close` for
-- a new connection each time.
local request_text

function init(arguments)
  local target = arguments[1] ~= "" and arguments[1] or wrk.path
  request_text = wrk.format("GET", target, {
    ["Host"] = arguments[2] and arguments[2] ~= "" and arguments[2] or wrk.host,
    ["Connection"] = arguments[3],
    ["Accept"] = "text/html,application/xhtml+xml,*/*;q=0.8",
    ["User-Agent"] = "Mozilla/5.0 (X11; Linux x86_64) Gecko/20100101 Firefox/140.0",
    ["Accept-Language"] = "en-GB,en;q=0.5",
  })
end

function request()
  return request_text
end

function done(summary, latency, _)
  local errors = summary.errors
  io.write(string.format(
    '\nFIGURES {"requests": %d, "seconds": %.6f, "refused": %d, "failed": %d, "bytes": %d, "p50_ms": %.3f, "p99_ms": %.3f}\n',
    summary.requests,
    summary.duration / 1e6,
    errors.status,
    errors.connect + errors.read + errors.write + errors.timeout,
    summary.bytes,
    latency:percentile(50) / 1e3,
    latency:percentile(99) / 1e3
  ))
end
