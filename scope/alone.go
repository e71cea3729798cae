package scope

import (
	"database/sql"
	"slices"

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
		if !isText(v) {
			continue
		}
		var text string
		var bound int
		switch v := v.(type) {
		case sql.NamedArg: // gorm binds it without writing anything
			return errForm
		case *gorm.DB: // a query of gorm's own is not looked at
			text, bound = v.Statement.SQL.String(), len(v.Statement.Vars)
		default:
			text, bound = written(stmt, v)
		}
		if !dialectOf(stmt.Name()).whole(text, bound) {
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
		switch {
		case hollowColumn(c):
			return errName
		case c.Raw && !dialectOf(stmt.Name()).whole(c.Name, 0):
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

// standingBehind does the same for a clause behind the conditions.
func (s *shield) standingBehind(stmt *gorm.Statement, e clause.Expression) error {
	var texts []clause.Column
	switch e := e.(type) {
	case nil, clause.Limit, clause.OnConflict:
		return nil
	case clause.OrderBy:
		if e.Expression != nil {
			return s.standing(stmt, e.Expression)
		}
		for _, c := range e.Columns {
			texts = append(texts, c.Column)
		}
	case clause.GroupBy:
		if len(e.Having) > 0 {
			if err := s.standing(stmt, having(e.Having)); err != nil {
				return err
			}
		}
		texts = e.Columns
	case clause.Returning:
		texts = e.Columns
	default:
		return s.standing(stmt, e)
	}
	for _, c := range texts {
		switch {
		case hollowColumn(c):
			return errName
		case c.Raw && !dialectOf(stmt.Name()).closed(c.Name):
			return errForm
		}
	}
	return nil
}

// standingSelect does the same for what a query selects, where another FROM could
// begin, too.
func (s *shield) standingSelect(stmt *gorm.Statement) error {
	for _, text := range stmt.Selects {
		if !dialectOf(stmt.Name()).selectable(text) {
			return errForm
		}
	}
	switch e := stmt.Clauses["SELECT"].Expression.(type) {
	case clause.Select:
		for _, c := range e.Columns {
			switch {
			case hollowColumn(c):
				return errName
			case c.Raw && !dialectOf(stmt.Name()).selectable(c.Name):
				return errForm
			}
		}
		if e.Expression != nil && !dialectOf(stmt.Name()).selectable(textOf(stmt, e.Expression)) {
			return errForm
		}
	case nil:
	default:
		if !dialectOf(stmt.Name()).selectable(textOf(stmt, e)) {
			return errForm
		}
	}
	return nil
}

// having is conditions as they stand in HAVING, without parentheses.
type having []clause.Expression

// Build writes the conditions.
func (h having) Build(to clause.Builder) { clause.Where{Exprs: slices.Clone(h)}.Build(to) }
