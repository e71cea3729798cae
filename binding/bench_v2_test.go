//go:build goexperiment.jsonv2

package binding_test

// allowed is our share of what gin allocates: here gin decodes with the same
// library as we do, without our checks.
const allowed = 1.0
