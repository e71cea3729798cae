//go:build race

package ratelimit_test

// raceDetector reports that pools drop what they hold at random.
const raceDetector = true
