-- SPDX-License-Identifier: BSD-2-Clause
-- For wrk: every other request is for the JSON view; at the end one line of JSON.
-- (wrk's own --latency lacks the 95th percentile.)
local n = 0

function request()
	n = n + 1
	return wrk.format("GET", n % 2 == 0 and "/api" or "/")
end

function done(summary, latency, requests)
	local errors = summary.errors
	io.write(string.format(
		'BENCH {"requests": %d, "seconds": %.6f, "p50_ms": %.3f, "p95_ms": %.3f, ' ..
		'"p99_ms": %.3f, "max_ms": %.3f, "errors": %d}\n',
		summary.requests, summary.duration / 1e6, latency:percentile(50) / 1e3,
		latency:percentile(95) / 1e3, latency:percentile(99) / 1e3, latency.max / 1e3,
		errors.connect + errors.read + errors.write + errors.status + errors.timeout))
end
