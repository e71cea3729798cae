package replay

import "errors"

// What [Guard.Consume] refuses with, to be told apart with errors.Is. No text of
// theirs contains anything a client sent.
var (
	// ErrReplayed: the id has been used before.
	ErrReplayed = errors.New("replay: the id has been used before")
	// ErrNoID: there is no id, or one longer than 1 KiB.
	ErrNoID = errors.New("replay: no usable id")
	// ErrLifetime: there is no expiry, it has passed, or it is further away than
	// Config.MaxLifetime.
	ErrLifetime = errors.New("replay: no usable expiry")
	// ErrIssuedBefore: the token is older than Config.RejectIssuedBefore, or does
	// not say how old it is.
	ErrIssuedBefore = errors.New("replay: issued before this process kept ids")
	// ErrUnavailable: the store could not decide. The id may or may not have been
	// recorded; it counts as used.
	ErrUnavailable = errors.New("replay: the store is unavailable")
	// ErrNoBloom: the server behind [RedisBloom] has no Bloom filter commands. It
	// comes together with ErrUnavailable and no failure policy accepts on it.
	ErrNoBloom = errors.New("replay: the Redis server has no BF commands: load the RedisBloom or valkey-bloom module, use Redis 8, or replay.Redis")
)

var (
	errNoPrincipal = errors.New("replay: nobody is authenticated")
	errClosed      = errors.New("replay: the store is closed")
	errFull        = errors.New("replay: the store has reached its MaxBytes")
	errForgot      = errors.New("replay: this process could not remember all it has accepted")
	errOpen        = errors.New("replay: not tried, the store failed moments ago")
	errAnswer      = errors.New("replay: the server's answer makes no sense")
	errBusy        = errors.New("replay: too many calls wait for the server")
	errPanic       = errors.New("replay: the client panicked")
	errReplicas    = errors.New("replay: too few replicas confirmed the write in time")
)

// ConfigError is one mistake in a Config. The constructors report all of them at
// once, joined with errors.Join.
type ConfigError struct {
	// Field is the field's name, such as "Config.MaxLifetime".
	Field string
	// Reason says what is wrong with its value.
	Reason string
}

// Error names the field and what is wrong with it.
func (e *ConfigError) Error() string { return "replay: " + e.Field + ": " + e.Reason }

// faults collects the mistakes of one configuration.
type faults struct {
	config string
	errs   []error
}

func (f *faults) unless(ok bool, field, reason string) {
	if !ok {
		f.errs = append(f.errs, &ConfigError{Field: f.config + "." + field, Reason: reason})
	}
}

func (f *faults) err() error { return errors.Join(f.errs...) }
