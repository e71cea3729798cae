//go:build !race

package testserver

// Race reports whether the race detector is on. It allocates by itself: gates on
// allocations ask for it.
const Race = false
