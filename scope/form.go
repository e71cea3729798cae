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
		if l.depth == 0 {
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
	if l.depth < 0 {
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
	l := lexer{sql: text, dialect: d}
	for {
		switch l.form(l.next()) {
		case formGood:
			return true
		case formBad:
			return false
		case formOpen:
		}
	}
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
