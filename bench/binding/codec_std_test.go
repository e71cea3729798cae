//go:build !sonic && !go_json

package binding_test

// codec is the JSON library of this build of gin.
const codec = "std"
