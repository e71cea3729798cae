package meter

import (
	"fmt"
	"os"
	"strconv"
	"strings"
)

// ticks is how many units of /proc's processor times are in a second.
const ticks = 100

// ProcessCPU returns the processor time of another process, in nanoseconds, as
// Linux counts it.
func ProcessCPU(pid int) (float64, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, err
	}
	// The program's name may hold anything; the numbers follow its closing bracket.
	fields := strings.Fields(string(text[strings.LastIndexByte(string(text), ')')+1:]))
	const utime, stime = 11, 12
	user, err := strconv.ParseFloat(fields[utime], 64)
	if err != nil {
		return 0, err
	}
	system, err := strconv.ParseFloat(fields[stime], 64)
	if err != nil {
		return 0, err
	}
	return (user + system) / ticks * 1e9, nil
}
