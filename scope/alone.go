package scope

import (
	"gorm.io/gorm"
	"gorm.io/gorm/clause"
)

// With Owned alone no guard has looked at the text of a statement. Conditions are
// looked at where they are written; here is what an insert holds besides.

// standing refuses values whose SQL text would reach out of its place.
func (s *shield) standing(stmt *gorm.Statement, values ...any) error {
	if s.guard != nil {
		return nil
	}
	for _, v := range values {
		switch v.(type) {
		case nil, string, int, int64, uint, bool, []byte, *gorm.DB:
			continue
		case clause.Expression, gorm.Valuer:
		default:
			continue
		}
		scratch := &gorm.Statement{DB: stmt.DB, Table: stmt.Table, Schema: stmt.Schema, Context: stmt.Context, Clauses: map[string]clause.Clause{}}
		scratch.AddVar(scratch, v)
		if !dialectOf(stmt.Name()).closed(scratch.SQL.String()) {
			return errForm
		}
	}
	return nil
}

// standingConflict does the same for what an upsert says besides its condition.
func (s *shield) standingConflict(stmt *gorm.Statement, oc clause.OnConflict) error {
	if _, ok := plain(oc.OnConstraint); !ok && oc.OnConstraint != "" {
		return errForm
	}
	for _, c := range oc.Columns {
		if c.Raw && !dialectOf(stmt.Name()).closed(c.Name) {
			return errForm
		}
	}
	for _, a := range oc.DoUpdates {
		if err := s.standing(stmt, a.Value); err != nil {
			return err
		}
	}
	if len(oc.TargetWhere.Exprs) == 0 {
		return nil
	}
	return s.standing(stmt, group{oc.TargetWhere.Exprs})
}
