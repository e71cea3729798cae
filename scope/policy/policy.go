// Package policy says more about a model than its columns do: who else may read
// or write its rows. A [Policy] takes a model's place in scope.GuardConfig.Protect.
package policy

import (
	"context"

	"gorm.io/gorm/clause"

	"github.com/ginsec/ginsec/identity"
)

// Policy widens what a caller may reach beyond "rows of my tenant whose owner is
// me". Reading and writing are widened separately; new rows are always stamped
// with the caller's own tenant and owner, and neither ever changes.
type Policy struct {
	_ [0]func()
	// Model is a pointer to a value of the model. Required.
	Model any
	// Tenant and Owner name the columns (or fields) where the model has neither
	// scope tags nor tenant_id and owner_id. Empty keeps those.
	Tenant, Owner string
	// TenantWide lets everybody of the tenant read and write every row of it. The
	// owner is still stamped and immutable.
	TenantWide bool
	// Members lets subjects listed in a join table read a row of the tenant.
	Members *Members
	// MembersWrite lets them update and delete it too. Needs Members.
	MembersWrite bool
	// Global lets everybody read the rows whose tenant is NULL (or whose owner is,
	// in a model without tenant). Nobody but the system writes them.
	Global bool
	// Tenants returns further tenants whose rows the caller may read, such as the
	// sub-tenants of an organisation; the owner must match as ever, unless
	// TenantWide. It runs for every statement and must be quick.
	Tenants func(ctx context.Context, p *identity.Principal) []string
	// Read and Write return conditions under which the caller may also read, or
	// update and delete, a row of the own tenant, for example that the principal
	// has a role. Columns must be qualified with table. Nil means none. The result
	// is trusted as it is: build it from values, never from input as text.
	Read, Write Rule
}

// Rule returns a condition on a row of table for one principal, or nil.
type Rule func(ctx context.Context, p *identity.Principal, table string) clause.Expression

// Members describes a join table of rows and subjects. A row of it that is deleted softly
// does not count. Where the table is protected itself, only who may write a row adds its
// members, whoever owns what the join table holds.
type Members struct {
	_ [0]func()
	// Model is a pointer to a value of the join table's model. Required.
	Model any
	// Row is its field or column with the protected model's primary key. Required.
	Row string
	// Subject is its field or column with the member, as in Principal.ID.
	// Required.
	Subject string
}
