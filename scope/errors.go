package scope

import "errors"

// The reasons for which a statement is refused. They reach the caller through
// gorm's Error field, wrapped, so test with [errors.Is]; a client only ever sees
// what [Abort] makes of them.
var (
	// ErrNoPrincipal: nobody is authenticated, or the principal lacks the tenant
	// or the subject the model's columns need. No SQL was sent.
	ErrNoPrincipal = errors.New("scope: no principal")
	// ErrMismatch: a row would belong to somebody else, or two different
	// principals were given for one statement.
	ErrMismatch = errors.New("scope: the row belongs to somebody else")
	// ErrImmutable: an update would move a row to another owner or tenant.
	ErrImmutable = errors.New("scope: owner and tenant cannot be changed")
	// ErrRaw: SQL text names a protected table. Text cannot be scoped.
	ErrRaw = errors.New("scope: raw SQL names a protected table")
	// ErrUnprotected: the model is neither protected nor declared public, or it
	// has no column that says whose a row is.
	ErrUnprotected = errors.New("scope: the model is not protected")
	// ErrUnsupported: the statement has a form whose effect cannot be confined to
	// the caller's rows.
	ErrUnsupported = errors.New("scope: the statement cannot be scoped")
)

// refusal gives a sentinel a detail for operators.
type refusal struct {
	kind   error
	detail string
}

func (r *refusal) Error() string { return r.kind.Error() + ": " + r.detail }
func (r *refusal) Unwrap() error { return r.kind }

func refuse(kind error, detail string) error { return &refusal{kind: kind, detail: detail} }
