# Every target is a step of .ci/run, so that a laptop and the pipeline agree.
.PHONY: all test race lint fuzz prove bench bench-quick

all:
	.ci/run

test:
	go test ./...

race:
	go test -race -shuffle=on ./...

lint:
	.ci/run static

fuzz:
	FUZZTIME=60s .ci/run fuzz

prove:
	go run ./example -prove

bench:
	cd bench && go run ./cmd/run

bench-quick:
	cd bench && go run ./cmd/run -quick
