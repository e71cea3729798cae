package auth

import (
	"crypto/sha256"
	"unsafe"
)

// view is the bytes of s where they are, to be read only and not to be kept: the
// conversion to a slice would copy every token to the heap, on every request.
func view(s string) []byte { return unsafe.Slice(unsafe.StringData(s), len(s)) }

// hash is the SHA-256 of token.
func hash(token string) [sha256.Size]byte { return sha256.Sum256(view(token)) }
