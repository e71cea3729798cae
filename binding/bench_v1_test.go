//go:build !goexperiment.jsonv2

package binding_test

// allowed is our share of what gin allocates.
const allowed = 0.75
