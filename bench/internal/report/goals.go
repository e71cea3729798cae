package report

import "fmt"

const (
	cpu    = "cpu-ns/op"
	wall   = "ns/op"
	allocs = "allocs/op"
	rate   = "req/s"
)

// goals are what the controls and the whole have to show.
func goals() []goal {
	var all []goal
	for _, part := range [][]goal{chainGoals(), authGoals(), limitGoals(), replayGoals(), bindingGoals(), scopeGoals(), egressGoals()} {
		all = append(all, part...)
	}
	return all
}

func chainGoals() []goal {
	const byHand, ginJWT, auth0 = "/peer/golang-jwt+keyfunc+ulule", "/peer/gin-jwt+keyfunc+ulule", "/peer/auth0+ulule"
	var all []goal
	for _, route := range []struct{ name, text string }{
		{"json", "auth and two limits"}, {"bind", "and a strict body"}, {"order", "auth, limits and an owned row"}, {"quote", "all together"},
	} {
		at := "wire/Wire/" + route.name
		all = append(all, atLeast("chain", "requests/s of bare gin through wrk: "+route.text, 0.85, ratio(at+"/ginsec", at+"/bare", rate)).
			with("with the predicate by hand and nothing else", ratio(at+"/bare/predicate", at+"/bare", rate)))
	}
	const json, bare = "wire/Wire/json", "bare gin itself"
	return append(all,
		atLeast("chain", "requests/s of gin-jwt + keyfunc + ulule through wrk: auth and two limits", 4.5, ratio(json+"/ginsec", json+ginJWT, rate)).
			with(bare, ratio(json+"/bare", json+ginJWT, rate)),
		atLeast("chain", "requests/s of auth0 + ulule through wrk: auth and two limits", 7.5, ratio(json+"/ginsec", json+auth0, rate)).
			with(bare, ratio(json+"/bare", json+auth0, rate)),
		atMost("chain", "over bare gin in process: auth and two limits", 1.3, "µs", over("chain/Process/json/ginsec", "chain/Process/json/bare", cpu, 1e-3)),
		atMost("chain", "allocations over bare gin: auth and two limits", 6, "", over("chain/Process/json/ginsec", "chain/Process/json/bare", allocs, 1)),
		atMost("chain", "a fresh token each request, of golang-jwt + keyfunc + ulule: auth and two limits", 1.0, "×", ratio("chain/Fresh/json/ginsec", "chain/Fresh/json"+byHand, cpu)),
		atMost("chain", "a fresh token each request, of golang-jwt + keyfunc + ulule: one-time tokens and a strict body", 1.0, "×", ratio("chain/Fresh/once/ginsec", "chain/Fresh/once"+byHand, cpu)),
		atMost("chain", "Redis round trips for the limits of a request", 1, "", value("chain/RedisTrips/json/ginsec", "trips/req")),
		atMost("chain", "Redis round trips on a one-time route", 2, "", value("chain/RedisTrips/once/ginsec", "trips/req")),
	)
}

func authGoals() []goal {
	all := []goal{
		atMost("auth", "Verify of a remembered token", 1, "µs", scaled("auth/Verify/RS256/ginsec/warm", cpu, 1e-3)),
		atMost("auth", "allocations of Verify of a remembered token", 0, "", value("auth/Verify/RS256/ginsec/warm", allocs)),
		atMost("auth", "middleware over bare gin, remembered token", 1.5, "µs", over("auth/Middleware/ginsec/warm", "auth/Middleware/bare", cpu, 1e-3)),
		atMost("auth", "allocations of the middleware over bare gin, remembered token", 4, "", over("auth/Middleware/ginsec/warm", "auth/Middleware/bare", allocs, 1)),
	}
	for _, alg := range []string{"RS256", "ES256", "EdDSA"} {
		ours, peer := "auth/Verify/"+alg+"/ginsec/cold", "auth/Verify/"+alg+"/peer/golang-jwt+keyfunc"
		all = append(all,
			atMost("auth", "cold Verify of golang-jwt + keyfunc, "+alg, 1.0, "×", ratio(ours, peer, cpu)),
			atMost("auth", "allocations of cold Verify of golang-jwt + keyfunc, "+alg, 0.99, "×", ratio(ours, peer, allocs)))
	}
	for _, why := range []string{"wrong-issuer", "wrong-audience", "expired"} {
		all = append(all, atMost("auth", "Verify refuses: "+why, 5, "µs", scaled("auth/RefuseVerify/"+why+"/ginsec/cold", cpu, 1e-3)))
	}
	for _, why := range []string{"wrong-issuer", "wrong-audience", "expired"} {
		all = append(all, atMost("auth", "a whole refused request through gin: "+why, 5, "µs", scaled("auth/Refuse/"+why+"/ginsec/cold", cpu, 1e-3)))
	}
	return all
}

func limitGoals() []goal {
	return []goal{
		atMost("ratelimit", "memory store of sethvargo, one key", 0.7, "×", ratio("ratelimit/OneKey/ginsec", "ratelimit/OneKey/peer/sethvargo", cpu)),
		atMost("ratelimit", "allocations of the memory store", 0, "", value("ratelimit/OneKey/ginsec", allocs)),
		atMost("ratelimit", "gin middleware with headers of ulule's, both over bare gin", 0.4, "×", overRatio("ratelimit/Middleware/ginsec", "ratelimit/Middleware/peer/ulule", "ratelimit/Middleware/bare", cpu)),
		atLeast("ratelimit", "Redis calls/s of redis_rate, 64 callers", 1.5, ratio("ratelimit/Redis/peer/redis_rate", "ratelimit/Redis/ginsec", wall)),
		atLeast("ratelimit", "Redis calls/s of ulule, 64 callers", 1.5, ratio("ratelimit/Redis/peer/ulule", "ratelimit/Redis/ginsec", wall)),
		atLeast("ratelimit", "three limits in one call of three redis_rate calls, 64 callers", 2.2, ratio("ratelimit/RedisThreeLimits/peer/redis_rate", "ratelimit/RedisThreeLimits/ginsec", wall)),
		atMost("ratelimit", "bytes per key in Redis at 100 events", 1126, "B", value("ratelimit/RedisBytesPerKey/ginsec", "B/key")),
	}
}

func replayGoals() []goal {
	return []goal{
		atMost("replay", "Local of one Bloom filter of the same rate under a mutex", 1.1, "×", ratio("replay/LocalFresh/ginsec", "replay/LocalFresh/peer/bloom+mutex", cpu)),
		atMost("replay", "allocations of Local", 1, "", value("replay/LocalFresh/ginsec", allocs)),
		atMost("replay", "bytes per token of Local at 10 million", 13, "B", value("growth/Tokens/default/10000000", "B/token")),
		atMost("replay", "bytes per token in Redis", 10, "B", value("replay/RedisBytes/ginsec", "B/token")),
		atLeast("replay", "Redis calls/s of SET NX PX, 64 callers", 0.7, ratio("replay/Redis/peer/set-nx-px", "replay/Redis/ginsec", wall)),
		atMost("replay", "acceptances of a token that 16 callers bring at once (Redis)", 1, "", value("replay/DoubleAcceptance/ginsec", "accepted/token")),
	}
}

func bindingGoals() []goal {
	var all []goal
	for _, of := range []struct{ size, ours string }{
		{"small-200B", "ginsec"},
		{"medium-2kB", "ginsec"},
		{"large-200kB", "ginsec/options"}, // more values than the defaults allow
	} {
		size := of.size
		ours, gin := "binding/JSON/"+size+"/"+of.ours, "binding/JSON/"+size+"/peer/gin"
		all = append(all,
			atMost("binding", "time of gin's ShouldBindJSON, "+size, 0.85, "×", ratio(ours, gin, cpu)),
			atMost("binding", "allocations of gin's ShouldBindJSON, "+size, 0.75, "×", ratio(ours, gin, allocs)))
	}
	return all
}

func scopeGoals() []goal {
	var all []goal
	for _, db := range []string{"SQLite", "Postgres"} {
		for _, op := range []string{"take", "select", "create", "update", "delete"} {
			at := fmt.Sprintf("scope/%s/%s/", db, op)
			hand := at + "peer/by-hand"
			all = append(all,
				atMost("scope", db+" "+op+", time of a hand-written predicate, worst of Owned with and without Guard", 1.15, "×",
					worst(ratio(at+"ginsec/owned", hand, cpu), ratio(at+"ginsec/owned+guard", hand, cpu))),
				atMost("scope", db+" "+op+", allocations over it", 2, "",
					worst(over(at+"ginsec/owned", hand, allocs, 1), over(at+"ginsec/owned+guard", hand, allocs, 1))))
		}
	}
	return all
}

func egressGoals() []goal {
	return []goal{
		atMost("egress", "Public, IPv4", 15, "ns", value("egress/Public/v4/ginsec", cpu)),
		atMost("egress", "Public, IPv6", 30, "ns", value("egress/Public/v6/ginsec", cpu)),
		atMost("egress", "allocations of Public", 0, "", worst(value("egress/Public/v4/ginsec", allocs), value("egress/Public/v6/ginsec", allocs))),
		atMost("egress", "processor time of a dial, of a bare dialer", 1.15, "×", ratio("egress/Dial/ginsec", "egress/Dial/bare", cpu)),
		atLeast("egress", "throughput on an open connection, of a bare client (by processor time)", 0.93, ratio("egress/KeepAlive/bare", "egress/KeepAlive/ginsec", cpu)),
	}
}
