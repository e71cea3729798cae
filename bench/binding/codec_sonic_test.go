//go:build sonic

package binding_test

// codec is the JSON library of this build of gin.
const codec = "sonic"
