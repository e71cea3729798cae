package egress

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// The headers of Standard Webhooks, in canonical form.
const (
	headerID        = "Webhook-Id"
	headerTimestamp = "Webhook-Timestamp"
	headerSignature = "Webhook-Signature"
)

// tolerance is how far a message's time may lie from now, either way.
const tolerance = 5 * time.Minute

// A signature header is at most 2 KiB, which is room for 42 signatures.
const (
	mostSignatures = 2048
	mostSecrets    = 42
)

// ErrSignature means that a webhook message is not a fresh one of the sender's: a
// header is missing, repeated or malformed, the time is more than five minutes off, or
// no signature fits.
var ErrSignature = errors.New("egress: webhook signature not valid")

// Verify is the receiver's side of [Client.Deliver], and of any sender that keeps to
// Standard Webhooks with v1 signatures. body is the request's body as it came, byte
// for byte. It returns the message's id and the time after which Verify would refuse
// it: a store must remember the attempt, id and Webhook-Timestamp together, until then,
// or it can be played again. The id alone comes again with each retry: a handler tells by
// it what it has already done. Any of the secrets may fit. The error is [ErrSignature], or a
// [*ConfigError] when the secrets themselves are unusable.
func Verify(secrets []string, h http.Header, body []byte) (id string, notAfter time.Time, err error) {
	keys, err := decodeSecrets(secrets)
	if err != nil {
		return "", time.Time{}, err
	}
	id, timestamp, signatures := single(h, headerID), single(h, headerTimestamp), single(h, headerSignature)
	seconds, err := strconv.ParseInt(timestamp, 10, 64)
	if err != nil || strconv.FormatInt(seconds, 10) != timestamp || !validID(id) || len(signatures) > mostSignatures {
		return "", time.Time{}, ErrSignature
	}
	at := time.Unix(seconds, 0)
	if off := time.Since(at); off > tolerance || off < -tolerance {
		return "", time.Time{}, ErrSignature
	}
	for _, key := range keys {
		expected := signature(key, id, timestamp, body)
		for given := range strings.SplitSeq(signatures, " ") {
			if hmac.Equal([]byte(given), []byte(expected)) {
				return id, at.Add(tolerance), nil
			}
		}
	}
	return "", time.Time{}, ErrSignature
}

// single returns a header's only value; several are as good as none.
func single(h http.Header, name string) string {
	if values := h[name]; len(values) == 1 {
		return values[0]
	}
	return ""
}

// validID keeps the signed text unambiguous: an id has no dot.
func validID(id string) bool {
	for i := range len(id) {
		if !isAlnum(id[i]) && strings.IndexByte("-_~:", id[i]) < 0 {
			return false
		}
	}
	return id != "" && len(id) <= 256
}

// signature is version, comma and base64 of HMAC-SHA256 over id.timestamp.body.
func signature(key []byte, id, timestamp string, body []byte) string {
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(id))
	mac.Write([]byte{'.'})
	mac.Write([]byte(timestamp))
	mac.Write([]byte{'.'})
	mac.Write(body)
	return "v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil))
}

// decodeSecrets reads keys. Its error never shows one.
func decodeSecrets(secrets []string) ([][]byte, error) {
	keys := make([][]byte, 0, len(secrets))
	for _, s := range secrets {
		key, err := base64.StdEncoding.Strict().DecodeString(strings.TrimPrefix(s, "whsec_"))
		if err != nil || len(key) < 24 || len(key) > 64 {
			return nil, &ConfigError{Field: "Secrets", Reason: "not whsec_ and base64 of 24 to 64 bytes"}
		}
		keys = append(keys, key)
	}
	if len(keys) == 0 {
		return nil, &ConfigError{Field: "Secrets", Reason: "required"}
	}
	return keys, nil
}
