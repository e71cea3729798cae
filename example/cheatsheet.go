package main

import (
	"fmt"
	"io"
	"strings"
	"time"
)

const sheet = `The guarded API is at BASE, a page with the attacks as buttons at BASE/
The same API without any guard is at NAIVE

  TOKEN=ALICE

  # create, list and read your documents
  curl -s BASE/documents -H "Authorization: Bearer $TOKEN" -H 'Content-Type: application/json' -d '{"title":"plan","body":"text"}'
  curl -s BASE/documents -H "Authorization: Bearer $TOKEN"
  # a colleague's document does not exist
  curl -s BASE/documents/BOB -H "Authorization: Bearer $TOKEN"
  # an undeclared field is refused, and named
  curl -s BASE/documents -H "Authorization: Bearer $TOKEN" -H 'Content-Type: application/json' -d '{"title":"x","owner_id":"bob"}'
  # a payment spends its token: run it twice
  curl -s BASE/payments -H "Authorization: Bearer $TOKEN" -H 'Content-Type: application/json' -d '{"to":"bob","cents":100}'
  # five guesses a minute
  for i in 1 2 3 4 5 6; do curl -s -o /dev/null -w '%{http_code}\n' BASE/login -H 'Content-Type: application/json' -d '{"user":"alice","password":"x"}'; done
  # nothing on the inside can be fetched
  curl -s BASE/import -H "Authorization: Bearer $TOKEN" -H 'Content-Type: application/json' -d '{"url":"INSIDE"}'

Ctrl-C stops it. All of it at once: go run ./example -prove
`

// cheatSheet prints how to try the API by hand, with a token of an hour.
func (w *world) cheatSheet(out io.Writer) error {
	token, err := w.token("alice", claims{"exp": time.Now().Add(time.Hour).Unix()})
	if err != nil {
		return err
	}
	text := strings.NewReplacer("BASE", w.guarded.base, "NAIVE", w.naive.base, "ALICE", token,
		"BOB", w.guarded.docs.bob.String(), "INSIDE", w.inside.URL).Replace(sheet)
	_, err = fmt.Fprint(out, text)
	return err
}
