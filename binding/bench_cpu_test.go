//go:build unix

package binding_test

import "syscall"

// cpu is the processor time of this process, which a busy machine moves less
// than the clock.
func cpu() int64 {
	var r syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &r)
	return r.Utime.Nano() + r.Stime.Nano()
}
