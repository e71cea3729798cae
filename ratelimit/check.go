package ratelimit

import (
	"errors"
	"fmt"
)

// Check reports every mistake of p and of the policies that are to be charged
// beside it in one step: what [Limiter.Use] and [Limiter.Around] would panic for.
// The errors are of type [*Error]. Use it on policies that come from outside the
// program, such as its configuration.
func (p Policy) Check(beside ...Policy) error {
	return check(append([]Policy{p}, beside...))
}

func check(policies []Policy) error {
	var errs []error
	seen := map[string]bool{}
	for i := range policies {
		p := &policies[i]
		faults := p.faults()
		if len(faults) == 0 {
			name := p.Name
			if name == "" {
				name = derivedName(p)
			}
			if seen[name] {
				faults = append(faults, &Error{"Policy.Name", "is that of another policy beside it"})
			}
			seen[name] = true
		}
		if len(faults) > 0 {
			errs = append(errs, fmt.Errorf("policy %d: %w", i+1, errors.Join(faults...)))
		}
	}
	switch {
	case len(policies) == 0:
		errs = append(errs, &Error{"policies", "are none"})
	case len(policies) > maxCharges:
		errs = append(errs, &Error{"policies", "are more than 8"})
	}
	return errors.Join(errs...)
}
