package ratelimit

// Error is one mistake in a [Config], a [Policy], a rule's text or a [Charge].
// Several are joined with errors.Join. It never contains the value at fault.
type Error struct {
	// Field is the field or the part of a rule, such as "Config.Timeout" or
	// "rule.window".
	Field string
	// Reason says what is wrong with it.
	Reason string
}

// Error names the field and the mistake.
func (e *Error) Error() string { return "ratelimit: " + e.Field + " " + e.Reason }
