package scope

import (
	"reflect"
	"strings"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"
)

// A statement is more than its expressions: gorm lets code choose which clauses are
// written, name them, and put text around each. All of it stands where it could take
// the predicate's meaning away, or add rows and assignments nobody has judged.

// beginnings are the clauses each kind of statement begins with.
var beginnings = [...][2]string{
	reading:  {"SELECT", "FROM"},
	updating: {"UPDATE", "SET"},
	deleting: {"DELETE", "FROM"},
	creating: {"INSERT", "VALUES"},
}

// shape refuses a statement that is not built as its kind is, WHERE included.
func shape(stmt *gorm.Statement, op operation) error {
	built := stmt.BuildClauses
	begin := &beginnings[op]
	if len(built) < 2 || built[0] != begin[0] || built[1] != begin[1] {
		return refuse(ErrUnsupported, "a statement built of other clauses than its kind has")
	}
	where := op == creating
	for _, name := range built[2:] {
		switch {
		case name == "WHERE":
			where = true
		case name != "FROM" && !trailing(name):
			return refuse(ErrUnsupported, "a statement built with an unknown clause")
		}
	}
	if !where {
		return refuse(ErrUnsupported, "a statement built without WHERE")
	}
	return nil
}

// trailing reports whether a clause stands behind the conditions or the values.
func trailing(name string) bool {
	switch name {
	case "GROUP BY", "ORDER BY", "LIMIT", "FOR", "RETURNING", "ON CONFLICT":
		return true
	default:
		return false
	}
}

// framed judges all that is no condition in a statement whose WHERE is about to be
// written.
func (s *shield) framed(stmt *gorm.Statement) error {
	if len(stmt.BuildClauses) > 0 { // none where rows are only counted once more
		if err := shape(stmt, s.op); err != nil {
			return err
		}
	}
	if s.guard == nil && !dialectOf(stmt.Name()).whole(stmt.SQL.String(), len(stmt.Vars)-int(s.bound)) {
		return errForm
	}
	if s.guard == nil && s.op == reading {
		if err := s.standingSelect(stmt); err != nil {
			return err
		}
	}
	return s.frame(stmt)
}

// buildHead begins a query or a delete with Owned alone, where no callback has looked
// at what the statement is built of.
func buildHead(c clause.Clause, b clause.Builder) {
	build(c, b, func(*shield, *gorm.Statement) error { return nil })
}

// hookHead lets buildHead build a clause, unless somebody else builds it, which is
// refused when the conditions are written.
func hookHead(stmt *gorm.Statement, name string) {
	if b := stmt.Clauses[name].Builder; b == nil || isHead(b) {
		hook(stmt, name, buildHead)
	}
}

func isHead(b clause.ClauseBuilder) bool {
	return reflect.ValueOf(b).Pointer() == reflect.ValueOf(buildHead).Pointer()
}

// frame looks at what surrounds the expressions of a statement's clauses.
func (s *shield) frame(stmt *gorm.Statement) error {
	for name, c := range stmt.Clauses {
		behind := trailing(name)
		switch {
		case behind || name == "SELECT" || name == "FROM" || name == "SET":
			if s.guard == nil && c.Builder != nil && !isHead(c.Builder) { // a guard has looked
				return refuse(ErrUnsupported, "a clause with a builder of its own")
			}
		case name != "INSERT" && name != "VALUES" && name != "UPDATE" && name != "DELETE":
			continue // WHERE, which writes nothing of the kind, and what is never built
		}
		if c.Name != name && c.Expression != nil && (c.Name != "" || !nameless(c.Expression)) {
			return refuse(ErrUnsupported, "a clause under another name")
		}
		if behind || s.guard == nil || s.op != reading { // else a guard's rule for fragments is enough
			for _, e := range [...]clause.Expression{c.BeforeExpression, c.AfterNameExpression, c.AfterExpression} {
				if e != nil && !hinting(stmt, e) {
					return refuse(ErrUnsupported, "text around a clause that is no hint")
				}
			}
		}
		if behind && s.guard == nil {
			if err := s.standingBehind(stmt, c.Expression); err != nil {
				return err
			}
		}
	}
	return nil
}

var errName = refuse(ErrUnsupported, "a name with an empty part")

// hollow reports whether a name has a part between its dots that is empty, or has
// quotes but one pair around it: gorm's dialects then lose count of their quotes, and
// what follows is text.
func hollow(name string) bool {
	for i := range len(name) {
		if c := name[i]; c == '.' || quoteByte(c) || c == 0 {
			return hollowParts(name)
		}
	}
	return name == ""
}

func hollowParts(name string) bool {
	if n := len(name); n > 2 && quoteByte(name[0]) && name[n-1] == name[0] && strings.IndexByte(name[1:n-1], name[0]) < 0 {
		return false // a name in quotes, dots and all
	}
	for rest, more := name, true; more; {
		var part string
		part, rest, more = strings.Cut(rest, ".")
		if n := len(part); n > 2 && quoteByte(part[0]) && part[n-1] == part[0] {
			part = part[1 : n-1]
		}
		if part == "" || strings.ContainsAny(part, "`\"\x00") {
			return true
		}
	}
	return false
}

func quoteByte(c byte) bool { return c == '"' || c == '`' }

func hollowColumn(c clause.Column) bool {
	return !c.Raw && hollow(c.Name) || c.Alias != "" && hollow(c.Alias) || c.Table != "" && hollow(c.Table)
}

// nameless reports whether an expression writes its clause's name itself, or none.
func nameless(e clause.Expression) bool {
	switch e := e.(type) {
	case clause.Limit, clause.Values, clause.Delete, clause.Insert:
		return true
	case clause.GroupBy:
		return len(e.Columns) == 0
	default:
		return false
	}
}

// hinting reports whether an expression is nothing but a comment or a hint.
func hinting(stmt *gorm.Statement, e clause.Expression) bool {
	return dialectOf(stmt.Name()).hint(textOf(stmt, e))
}

// textOf is what a value would be in the statement's SQL.
func textOf(stmt *gorm.Statement, v any) string {
	text, _ := written(stmt, v)
	return text
}

// written is textOf, with how many values are bound.
func written(stmt *gorm.Statement, v any) (text string, bound int) {
	scratch := &gorm.Statement{DB: stmt.DB, Table: stmt.Table, Schema: stmt.Schema, Context: stmt.Context, Clauses: map[string]clause.Clause{}}
	scratch.AddVar(scratch, v)
	return scratch.SQL.String(), len(scratch.Vars)
}

// hint reports whether text consists of comments, and of words that tell a database
// how to run a statement and not what it means.
func (d dialect) hint(text string) bool {
	l := lexer{sql: text, dialect: d}
	for last, before := "", ""; ; {
		tok, kind := l.next()
		inside := l.depth > 0
		switch l.form(tok, kind) {
		case formGood:
			return true
		case formBad:
			return false
		case formOpen:
		}
		var good bool
		switch {
		case inside && kind == tokWord: // a name, or a number
			good = before == "(" || before == ","
		case inside:
			good = tok == ")" || tok == ","
		case kind == tokWord:
			name := among(before, "BY") && among(last, "INDEXED")
			good = name || l.bare(tok) && hintWord(before, tok)
		default:
			good = tok == "(" && among(before, "INDEX", "KEY", "JOIN", "BY", "PARTITION")
		}
		if !good {
			return false
		}
		last, before = before, tok
	}
}

// bare reports whether the word just read was not quoted.
func (l *lexer) bare(word string) bool { return strings.HasSuffix(l.sql[:l.at], word) }

// hintWord reports whether a word of a hint may follow another, or begin one.
func hintWord(before, word string) bool {
	switch {
	case among(word, "INDEX", "KEY"):
		return among(before, "USE", "FORCE", "IGNORE")
	case among(word, "FOR"):
		return among(before, "INDEX", "KEY")
	case among(word, "JOIN", "ORDER", "GROUP"):
		return among(before, "FOR")
	case among(word, "BY"):
		return among(before, "ORDER", "GROUP", "INDEXED")
	case among(word, "INDEXED"):
		return among(before, "", "NOT")
	case among(word, "ROLLUP", "TIES"):
		return among(before, "WITH")
	case among(word, "FIRST", "LAST"):
		return among(before, "NULLS")
	default:
		return (before == "" || before == ")") && among(word, "USE", "FORCE", "IGNORE", "NOT", "WITH", "NULLS", "PARTITION", "DISTINCT", "DISTINCTROW",
			"ALL", "STRAIGHT_JOIN", "HIGH_PRIORITY", "LOW_PRIORITY", "QUICK", "SQL_NO_CACHE", "SQL_CALC_FOUND_ROWS", "SQL_BUFFER_RESULT")
	}
}
