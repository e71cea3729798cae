package binding_test

import (
	"net/url"
	"strings"
	"testing"
	"time"
)

func TestATimeIsWrittenAsItsLayoutSays(t *testing.T) {
	t.Parallel()
	type target struct {
		Clock  time.Time `form:"clock"  time_format:"15:04:05"`
		Day    time.Time `form:"day"    time_format:"02 Jan 2006"`
		Short  time.Time `form:"short"  time_format:"2006-1-2"`
		Zone   time.Time `form:"zone"   time_format:"2006-01-02T15:04:05Z07:00"`
		Nano   time.Time `form:"nano"   time_format:"2006-01-02T15:04:05.999999999Z07:00"`
		Milli  time.Time `form:"milli"  time_format:"15:04:05.000"`
		Web    time.Time `form:"web"    time_format:"Mon, 02 Jan 2006 15:04:05 GMT"`
		Offset time.Time `form:"offset" time_format:"2006-01-02 15:04 -0700"`
	}
	for query, want := range map[string]bool{
		"clock=09:05:05":                           true,
		"clock=9:05:05":                            false,
		"clock=09:05:05,5":                         false,
		"clock=09:05:05.0":                         false,
		"day=02 Jan 2026":                          true,
		"day=02 jAN 2026":                          false,
		"day=2 Jan 2026":                           false,
		"day=02 Jan 2026 ":                         false,
		"short=2026-1-2":                           true,
		"short=2026-11-12":                         true,
		"short=2026-01-02":                         false,
		"zone=2026-01-02T03:04:05Z":                true,
		"zone=2026-01-02T03:04:05+00:00":           true,
		"zone=2026-01-02T03:04:05+02:00":           true,
		"zone=2026-01-02T03:04:05-00:00":           false,
		"zone=2026-01-02T03:04:05z":                false,
		"zone=2026-01-02T03:04:05.5Z":              true, // RFC 3339 has fractions
		"zone=2026-01-02T03:04:05.000Z":            true,
		"zone=2026-01-02T03:04:05,5Z":              false,
		"zone=2026-01-02T03:04:05+2:00":            false,
		"nano=2026-01-02T03:04:05Z":                true,
		"nano=2026-01-02T03:04:05.5Z":              true,
		"nano=2026-01-02T03:04:05.000Z":            true,
		"nano=2026-01-02T03:04:05.120+00:00":       true,
		"nano=2026-01-02T03:04:05.123456789+02:00": true,
		"nano=2026-01-02T03:04:05,5Z":              false,
		"nano=2026-01-02T03:04:05.1234567891Z":     false,
		"nano=2026-01-02T3:04:05.5Z":               false,
		"milli=03:04:05.120":                       true,
		"milli=03:04:05,120":                       false,
		"milli=03:04:05":                           false,
		"web=Fri, 02 Jan 2026 03:04:05 GMT":        true,
		"web=Mon, 02 Jan 2026 03:04:05 GMT":        false,
		"offset=2026-01-02 03:04 +0200":            true,
		"offset=2026-01-02 03:04 +0000":            true,
	} {
		name, value, _ := strings.Cut(query, "=")
		got := asked[target](t, name+"="+url.QueryEscape(value))
		if refused := "400, invalid_value " + name; (got == refused) == want || !want && got != refused {
			t.Errorf("%s: %s", query, got)
		}
	}
	type instant struct {
		At time.Time `form:"at" time_format:"2006-01-02T15:04:05Z07:00"`
	}
	if got := asked[instant](t, "at=2026-01-02T03:04:05%2B02:00"); got != "{2026-01-02 03:04:05 +0200 +0200}" {
		t.Error(got)
	}
}
