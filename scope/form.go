package scope

var errForm = refuse(ErrUnsupported, "SQL text that does not stand on its own")

type form uint8

const (
	formOpen form = iota // read on
	formGood
	formBad
)

// form follows parentheses, and ends a text that would reach out of its place.
func (l *lexer) form(tok string, kind tokenKind) form {
	switch {
	case kind == tokOpaque, l.unclosed:
		return formBad
	case kind == tokEnd:
		if l.depth == l.floor {
			return formGood
		}
		return formBad
	case kind == tokWord && l.depth == 0 && reaching(tok):
		return formBad
	case kind != tokOther:
		return formOpen
	}
	switch tok {
	case "(":
		l.depth++
	case ")":
		l.depth--
	case ";":
		return formBad
	}
	if l.depth < l.floor {
		return formBad
	}
	return formOpen
}

// reaching reports whether a keyword outside parentheses begins another part of a
// statement than the one the text was put into.
func reaching(word string) bool {
	return among(word, "WHERE", "UNION", "EXCEPT", "INTERSECT")
}

// closed reports whether text, a whole part of a statement, stands on its own.
func (d dialect) closed(text string) bool {
	_, ok := d.counted(text)
	return ok
}

// counted is closed, and counts the "?".
func (d dialect) counted(text string) (marks int, ok bool) {
	l := lexer{sql: text, dialect: d}
	for {
		tok, kind := l.next()
		if kind == tokOther && tok[0] == '?' {
			if marks++; len(tok) > 1 {
				return marks, false // "?1" is counted in another way than gorm does
			}
		}
		switch l.form(tok, kind) {
		case formGood:
			return marks, true
		case formBad:
			return marks, false
		case formOpen:
		}
	}
}

// single is closed for text that is one value of a list: another one behind a comma could
// be assigned to any column.
func (d dialect) single(text string) bool {
	l := lexer{sql: text, dialect: d}
	brackets := 0 // of PostgreSQL's arrays
	for {
		tok, kind := l.next()
		switch {
		case kind != tokOther:
		case tok == "[":
			brackets++
		case tok == "]":
			brackets--
		case tok == "," && l.depth == 0 && brackets <= 0:
			return false
		}
		switch l.form(tok, kind) {
		case formGood:
			return true
		case formBad:
			return false
		case formOpen:
		}
	}
}

// whole is closed for text that has as many "?" as values are bound in it: one more or
// less would shift those of the predicate. To PostgreSQL parameters are numbered.
func (d dialect) whole(text string, bound int) bool {
	marks, ok := d.counted(text)
	return ok && (d.postgres || marks == bound)
}

// selectable is closed for text in a list of columns: a FROM outside parentheses would
// take the place of the one behind it.
func (d dialect) selectable(text string) bool {
	l := lexer{sql: text, dialect: d}
	for {
		tok, kind := l.next()
		if kind == tokWord && l.depth == 0 && l.bare(tok) && among(tok, "FROM", "INTO") {
			return false
		}
		switch l.form(tok, kind) {
		case formGood:
			return true
		case formBad:
			return false
		case formOpen:
		}
	}
}
