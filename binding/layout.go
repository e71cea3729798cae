package binding

import (
	"fmt"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// layout is how a time is written, with time_format.
type layout struct {
	text string
	// bare is text without a fraction of any length (.999), which stands at cut.
	bare string
	cut  int
}

var fraction = regexp.MustCompile(`[.,]9+`)

func newLayout(text string) *layout {
	if text == time.RFC3339 { // which has an optional fraction, as browsers write it
		text = time.RFC3339Nano
	}
	l := &layout{text: text, bare: text, cut: -1}
	if at := fraction.FindStringIndex(text); at != nil {
		l.bare, l.cut = text[:at[0]]+text[at[1]:], at[0]
	}
	return l
}

// parse reads a text that is written as the layout says, to the letter: time.Parse
// takes other cases, missing zeros and fractions that no layout has.
func (l *layout) parse(text string) (time.Time, bool) {
	t, err := time.ParseInLocation(l.text, text, time.UTC)
	return t, err == nil && l.writes(t, text)
}

// writes reports whether text is how l writes t, where a fraction of any length may
// end in zeros and UTC be written as an offset.
func (l *layout) writes(t time.Time, text string) bool {
	return l.written(t, text, "Z07") || l.written(t, text, "-07")
}

func (l *layout) written(t time.Time, text, zone string) bool {
	format := strings.ReplaceAll(l.bare, "Z07", zone)
	digits := len(text) - len(t.Format(format)) - len(".")
	if l.cut >= 0 && 0 < digits && digits <= len("999999999") {
		format = format[:l.cut] + l.text[l.cut:l.cut+1] + strings.Repeat("0", digits) + format[l.cut:]
	}
	return t.Format(format) == text
}

// layout reads the tags of a time.
func (b *paramBuilder) layout(p *param, sf reflect.StructField, field string) {
	text := sf.Tag.Get("time_format")
	utc, isUTC := sf.Tag.Lookup("time_utc")
	location, isLocal := sf.Tag.Lookup("time_location")
	if p.elem != timeType {
		if text != "" || isUTC || isLocal {
			b.fault(field, "has a tag of a time, but is none")
		}
		return
	}
	if always, err := strconv.ParseBool(utc); isUTC && (err != nil || !always) || isLocal && location != "UTC" {
		b.fault(field, "has time_utc or time_location, but a time without an offset is in UTC here: take a text, and read it with time.ParseInLocation")
	}
	switch sample := time.Date(2001, 11, 12, 21, 34, 56, 789, time.UTC); {
	case text == "":
		return
	case slices.Contains([]string{"unix", "unixmilli", "unixmicro", "unixnano"}, strings.ToLower(text)):
		b.fault(field, fmt.Sprintf("has time_format %q: take an int64, and use time.Unix or one like it", text))
	case sample.Format(text) == text:
		b.fault(field, fmt.Sprintf("has time_format %q, which holds no part of a time", text))
	case strings.Contains(text, "MST") && !strings.Contains(text, "07"):
		b.fault(field, "has a time_format with the name of a zone, which tells no offset: write -0700 or Z07:00, or GMT as it is in http.TimeFormat")
	}
	p.layout = newLayout(text)
}
