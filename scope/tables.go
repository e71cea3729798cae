package scope

import "gorm.io/gorm/clause"

// track follows the lists of tables, in which SQLite takes strings for names.
func (l *lexer) track(tok string, kind tokenKind) {
	l.last = false
	switch {
	case kind == tokOther && tok == "(":
		l.nest++ // next has seen to it that there is room
		l.froms[l.nest] = l.froms[l.nest-1] && l.before
		l.last = true
	case kind == tokOther && tok == ")":
		if l.nest > 0 {
			l.nest--
		}
	case kind == tokOther && tok == ",":
		l.last = true
	case kind == tokWord && among(tok, "FROM", "JOIN", "INTO", "UPDATE", "TABLE"):
		l.froms[l.nest], l.last = true, true
	case kind == tokWord && among(tok, "WHERE", "SET", "SELECT", "VALUES", "GROUP", "ORDER", "HAVING", "LIMIT", "UNION", "RETURNING"):
		l.froms[l.nest] = false
	}
}

// joinType reports whether t is a kind of join and no other text.
func joinType(t clause.JoinType) bool {
	return among(string(t), "", "CROSS", "INNER", "LEFT", "RIGHT", "FULL", "FULL OUTER", "LEFT OUTER", "RIGHT OUTER")
}
