//go:build !unix

package binding_test

import "time"

// cpu stands in for processor time.
func cpu() int64 { return time.Now().UnixNano() }
