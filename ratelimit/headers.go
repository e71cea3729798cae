package ratelimit

import (
	"strconv"
	"strings"
	"time"
)

// The header fields of draft-ietf-httpapi-ratelimit-headers, in the spelling of
// Go's header map: structured-field lists (RFC 9651) with an item per policy.
const (
	headerPolicy = "Ratelimit-Policy"
	headerState  = "Ratelimit"
	headerRetry  = "Retry-After"
)

// policyHeader is a policy's item of RateLimit-Policy: its quota q and window w,
// which is in whole seconds and never 0.
func policyHeader(name string, limit int64, window time.Duration) string {
	return `"` + name + `";q=` + strconv.FormatInt(limit, 10) + ";w=" + strconv.FormatInt(seconds(window), 10)
}

// appendState appends a policy's item of RateLimit: r units remain, and t seconds
// pass until more do.
func appendState(b []byte, quoted string, remaining int64, wait time.Duration) []byte {
	b = append(b, quoted...)
	b = strconv.AppendInt(b, remaining, 10)
	b = append(b, ";t="...)
	return strconv.AppendInt(b, seconds(wait), 10)
}

// values makes header values out of texts, a few dozen with one allocation. Nothing
// is written twice: a value is the response's for ever.
type values struct {
	text  strings.Builder
	lists []string
}

func (v *values) of(text []byte) []string {
	if v.text.Cap()-v.text.Len() < len(text) {
		v.text.Reset()
		v.text.Grow(max(1024, len(text)))
	}
	if len(v.lists) == 0 {
		v.lists = make([]string, 24)
	}
	from := v.text.Len()
	v.text.Write(text)
	list := v.lists[:1:1] // whoever appends to it gets another one
	v.lists = v.lists[1:]
	list[0] = v.text.String()[from:]
	return list
}

// seconds rounds up, to 1 at least: a client that comes back then is not early.
func seconds(d time.Duration) int64 {
	return max(int64((d+time.Second-1)/time.Second), 1)
}

// writeHeaders sets the headers of everything charged for this request so far and
// of the items of this step. A nil gate means that the step refuses.
func (l *Limiter) writeHeaders(d *batch, g *gate) {
	h := d.c.Writer.Header()
	earlier := len(d.visit.charged) > 0
	shown := 0
	d.buf = d.buf[:0]
	if earlier {
		for i := range d.visit.charged {
			shown += d.appendItem(&d.visit.charged[i])
		}
	}
	for i := range d.items {
		shown += d.appendItem(&d.items[i])
	}
	if shown == 0 {
		return
	}
	h[headerState] = d.visit.values.of(d.buf)
	if !earlier && g != nil && shown == g.shown {
		h[headerPolicy] = g.quotas
		return
	}
	quotas := ""
	if earlier {
		quotas = appendQuotas(quotas, d.visit.charged)
	}
	h[headerPolicy] = []string{appendQuotas(quotas, d.items)}
}

// appendItem appends the state of an item that is to be seen and returns how many
// that are.
func (d *batch) appendItem(it *item) int {
	if it.lock || it.unknown || it.policy.Hidden {
		return 0
	}
	if len(d.buf) > 0 {
		d.buf = append(d.buf, ", "...)
	}
	d.buf = appendState(d.buf, it.policy.quoted, it.remaining, it.wait)
	return 1
}

func appendQuotas(list string, items []item) string {
	for i := range items {
		it := &items[i]
		if it.lock || it.unknown || it.policy.Hidden {
			continue
		}
		header := it.policy.header
		if it.rule.limit != it.policy.Limit || it.window != it.policy.Window { // a plan
			header = policyHeader(it.policy.Name, it.rule.limit, it.window)
		}
		list = joined(list, header)
	}
	return list
}

func joined(list, item string) string {
	if list == "" {
		return item
	}
	return list + ", " + item
}
