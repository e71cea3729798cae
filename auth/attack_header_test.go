package auth_test

import (
	"strings"
	"testing"

	"github.com/ginsec/ginsec/auth"
	"github.com/ginsec/ginsec/auth/authtest"
)

// The header's text; KID and ALG stand for the signing key's.
func rawHeader(a *authtest.Issuer, text string) []byte {
	return []byte(strings.NewReplacer("KID", a.KeyID(), "ALG", "RS256").Replace(text))
}

// ASVS 9.1.2, 9.1.3, 9.2.2.
func TestHeaderAttacks(t *testing.T) {
	t.Parallel()
	a := newArena(t, nil)
	deep := strings.Repeat("[", 3000) + strings.Repeat("]", 3000)
	runAll(t, map[string]struct {
		header string
		status int
	}{
		"the plain one":                       {`{"alg":"ALG","kid":"KID","typ":"JWT"}`, 200},
		"members in another order":            {`{"kid":"KID","typ":"JWT","alg":"ALG"}`, 200},
		"white space":                         {" {\n\"alg\" : \"ALG\" ,\t\"kid\":\"KID\"} ", 200},
		"an escaped name":                     {`{"\u0061lg":"ALG","kid":"KID"}`, 200},
		"an escaped value":                    {`{"alg":"\u0052S256","kid":"KID"}`, 200},
		"unknown members":                     {`{"alg":"ALG","kid":"KID","x5t":"abc","cty":"x","org":{"a":[1,null]}}`, 200},
		"another member by case: ALG":         {`{"alg":"ALG","kid":"KID","Alg":"none","ALG2":"none"}`, 200},
		"another member by case: Crit":        {`{"alg":"ALG","kid":"KID","Crit":["exp"]}`, 200},
		"no type":                             {`{"alg":"ALG","kid":"KID"}`, 200},
		"type at+jwt":                         {`{"alg":"ALG","kid":"KID","typ":"at+jwt"}`, 200},
		"type AT+JWT":                         {`{"alg":"ALG","kid":"KID","typ":"AT+JWT"}`, 200},
		"type jwt":                            {`{"alg":"ALG","kid":"KID","typ":"jwt"}`, 200},
		"type application/at+jwt":             {`{"alg":"ALG","kid":"KID","typ":"application/at+jwt"}`, 200},
		"type Application/JWT":                {`{"alg":"ALG","kid":"KID","typ":"Application/JWT"}`, 200},
		"type with a parameter":               {`{"alg":"ALG","kid":"KID","typ":"JWT;x=1"}`, 401},
		"type dpop+jwt":                       {`{"alg":"ALG","kid":"KID","typ":"dpop+jwt"}`, 401},
		"type logout+jwt":                     {`{"alg":"ALG","kid":"KID","typ":"logout+jwt"}`, 401},
		"type secevent+jwt":                   {`{"alg":"ALG","kid":"KID","typ":"secevent+jwt"}`, 401},
		"type text/JWT":                       {`{"alg":"ALG","kid":"KID","typ":"text/JWT"}`, 401},
		"an empty type":                       {`{"alg":"ALG","kid":"KID","typ":""}`, 401},
		"a blank type":                        {`{"alg":"ALG","kid":"KID","typ":" "}`, 401},
		"a type with a space":                 {`{"alg":"ALG","kid":"KID","typ":"JWT "}`, 401},
		"a type of null":                      {`{"alg":"ALG","kid":"KID","typ":null}`, 401},
		"a type that is a number":             {`{"alg":"ALG","kid":"KID","typ":1}`, 401},
		"a type that is a list":               {`{"alg":"ALG","kid":"KID","typ":["JWT"]}`, 401},
		"alg none":                            {`{"alg":"none","kid":"KID"}`, 401},
		"alg None":                            {`{"alg":"None","kid":"KID"}`, 401},
		"alg NONE":                            {`{"alg":"NONE","kid":"KID"}`, 401},
		"alg HS256":                           {`{"alg":"HS256","kid":"KID"}`, 401},
		"alg HS512":                           {`{"alg":"HS512","kid":"KID"}`, 401},
		"alg rs256":                           {`{"alg":"rs256","kid":"KID"}`, 401},
		"alg with a space":                    {`{"alg":"RS256 ","kid":"KID"}`, 401},
		"alg RS384, not in the list":          {`{"alg":"RS384","kid":"KID"}`, 401},
		"alg RS1":                             {`{"alg":"RS1","kid":"KID"}`, 401},
		"alg ES256K":                          {`{"alg":"ES256K","kid":"KID"}`, 401},
		"alg ES256 on an RSA key":             {`{"alg":"ES256","kid":"KID"}`, 401},
		"alg PS256 on a key for RS256":        {`{"alg":"PS256","kid":"KID"}`, 401},
		"alg EdDSA on an RSA key":             {`{"alg":"EdDSA","kid":"KID"}`, 401},
		"alg RSA-OAEP":                        {`{"alg":"RSA-OAEP","kid":"KID"}`, 401},
		"alg dir":                             {`{"alg":"dir","enc":"A128GCM","kid":"KID"}`, 401},
		"alg missing":                         {`{"kid":"KID"}`, 401},
		"alg empty":                           {`{"alg":"","kid":"KID"}`, 401},
		"alg null":                            {`{"alg":null,"kid":"KID"}`, 401},
		"alg a list":                          {`{"alg":["ALG"],"kid":"KID"}`, 401},
		"alg a number":                        {`{"alg":256,"kid":"KID"}`, 401},
		"alg twice, the good one last":        {`{"alg":"none","alg":"ALG","kid":"KID"}`, 401},
		"alg twice, the good one first":       {`{"alg":"ALG","kid":"KID","alg":"none"}`, 401},
		"alg twice, one escaped":              {`{"alg":"ALG","kid":"KID","\u0061lg":"none"}`, 401},
		"alg only in capitals":                {`{"ALG":"ALG","kid":"KID"}`, 401},
		"alg with a Unicode look-alike":       {`{"a` + "\u017f" + `g":"ALG","kid":"KID"}`, 401},
		"an unknown member twice":             {`{"alg":"ALG","kid":"KID","x":1,"x":2}`, 401},
		"a nested member twice":               {`{"alg":"ALG","kid":"KID","x":{"y":1,"y":2}}`, 401},
		"crit exp":                            {`{"alg":"ALG","kid":"KID","crit":["exp"],"exp":1}`, 401},
		"crit unknown":                        {`{"alg":"ALG","kid":"KID","crit":["http://example.invalid/UNDEFINED"],"http://example.invalid/UNDEFINED":true}`, 401},
		"crit empty":                          {`{"alg":"ALG","kid":"KID","crit":[]}`, 401},
		"crit null":                           {`{"alg":"ALG","kid":"KID","crit":null}`, 401},
		"crit a string":                       {`{"alg":"ALG","kid":"KID","crit":"b64"}`, 401},
		"crit false":                          {`{"alg":"ALG","kid":"KID","crit":false}`, 401},
		"b64 false":                           {`{"alg":"ALG","kid":"KID","b64":false,"crit":["b64"]}`, 401},
		"b64 false without crit":              {`{"alg":"ALG","kid":"KID","b64":false}`, 401},
		"b64 true":                            {`{"alg":"ALG","kid":"KID","b64":true}`, 401},
		"zip":                                 {`{"alg":"ALG","kid":"KID","zip":"DEF"}`, 401},
		"enc":                                 {`{"alg":"ALG","kid":"KID","enc":"A128GCM"}`, 401},
		"jku":                                 {`{"alg":"ALG","kid":"KID","jku":"http://127.0.0.1:1/"}`, 401},
		"jku empty":                           {`{"alg":"ALG","kid":"KID","jku":""}`, 401},
		"x5u":                                 {`{"alg":"ALG","kid":"KID","x5u":"http://127.0.0.1:1/"}`, 401},
		"x5c":                                 {`{"alg":"ALG","kid":"KID","x5c":["MIIB"]}`, 401},
		"jwk":                                 {`{"alg":"ALG","jwk":{"kty":"RSA","n":"AQAB","e":"AQAB"}}`, 401},
		"jwk null":                            {`{"alg":"ALG","kid":"KID","jwk":null}`, 401},
		"a content type of a nested token":    {`{"alg":"ALG","kid":"KID","cty":"JWT"}`, 200},
		"thumbprints of certificates":         {`{"alg":"ALG","kid":"KID","x5t":"AA","x5t#S256":"AA"}`, 200},
		"jku escaped":                         {`{"alg":"ALG","kid":"KID","\u006aku":"http://127.0.0.1:1/"}`, 401},
		"crit escaped":                        {`{"alg":"ALG","kid":"KID","cri\u0074":["exp"]}`, 401},
		"b64 a string":                        {`{"alg":"ALG","kid":"KID","b64":"false"}`, 401},
		"zip empty":                           {`{"alg":"ALG","kid":"KID","zip":""}`, 401},
		"x5c null":                            {`{"alg":"ALG","kid":"KID","x5c":null}`, 401},
		"kid twice":                           {`{"alg":"ALG","kid":"KID","kid":"other"}`, 401},
		"kid with a NUL":                      {`{"alg":"ALG","kid":"KID\u0000"}`, 401},
		"kid as a URL":                        {`{"alg":"ALG","kid":"http://127.0.0.1:1/jwks"}`, 401},
		"kid as a position in the set":        {`{"alg":"ALG","kid":"0"}`, 401},
		"kid as a command":                    {`{"alg":"ALG","kid":"|id;$(id)"}`, 401},
		"kid unknown":                         {`{"alg":"ALG","kid":"other"}`, 401},
		"kid empty":                           {`{"alg":"ALG","kid":""}`, 401},
		"kid null":                            {`{"alg":"ALG","kid":null}`, 401},
		"kid a number":                        {`{"alg":"ALG","kid":1}`, 401},
		"kid a list":                          {`{"alg":"ALG","kid":["KID"]}`, 401},
		"kid with a space":                    {`{"alg":"ALG","kid":"KID "}`, 401},
		"kid in capitals":                     {`{"alg":"ALG","kid":"KEY-1"}`, 401},
		"kid of the key in another issuer":    {`{"alg":"ES256","kid":"KID"}`, 401},
		"kid as SQL":                          {`{"alg":"ALG","kid":"' OR 1=1 --"}`, 401},
		"kid as a path":                       {`{"alg":"ALG","kid":"../../../../dev/null"}`, 401},
		"kid with a line break":               {`{"alg":"ALG","kid":"a\r\nX-Evil: 1"}`, 401},
		"kid of 256 bytes, unknown":           {`{"alg":"ALG","kid":"` + strings.Repeat("k", 256) + `"}`, 401},
		"kid of 257 bytes":                    {`{"alg":"ALG","kid":"` + strings.Repeat("k", 257) + `"}`, 401},
		"no kid, several keys fit none alone": {`{"alg":"ES512"}`, 401},
		"no kid, one key fits":                {`{"alg":"ALG"}`, 200},
		"null":                                {`null`, 401},
		"an empty object":                     {`{}`, 401},
		"an array":                            {`[{"alg":"ALG","kid":"KID"}]`, 401},
		"a string":                            {`"ALG"`, 401},
		"a number":                            {`1`, 401},
		"true":                                {`true`, 401},
		"nothing but white space":             {`  `, 401},
		"two objects":                         {`{"alg":"ALG","kid":"KID"}{}`, 401},
		"trailing text":                       {`{"alg":"ALG","kid":"KID"}x`, 401},
		"a trailing NUL":                      {"{\"alg\":\"ALG\",\"kid\":\"KID\"}\x00", 401},
		"a trailing comma":                    {`{"alg":"ALG","kid":"KID",}`, 401},
		"a comment":                           {`{"alg":"ALG",/*x*/"kid":"KID"}`, 401},
		"single quotes":                       {`{'alg':'ALG','kid':'KID'}`, 401},
		"a byte order mark":                   {"\uFEFF" + `{"alg":"ALG","kid":"KID"}`, 401},
		"UTF-8 that is none":                  {"{\"alg\":\"ALG\",\"kid\":\"KID\",\"x\":\"\xff\"}", 401},
		"half a surrogate":                    {`{"alg":"ALG","kid":"KID","x":"\ud800"}`, 401},
		"a raw control character":             {"{\"alg\":\"ALG\",\"kid\":\"KID\",\"x\":\"\x01\"}", 401},
		"not closed":                          {`{"alg":"ALG","kid":"KID"`, 401},
		"deeply nested":                       {`{"alg":"ALG","kid":"KID","x":` + deep[:2000] + deep[len(deep)-2000:] + `}`, 200},
		"too deeply nested":                   {`{"alg":"ALG","kid":"KID","x":` + strings.Repeat("[", 10001) + strings.Repeat("]", 10001) + `}`, 401},
	}, func(t *testing.T, tc struct {
		header string
		status int
	},
	) {
		t.Helper()
		token := mintWith(t, a.iss, nil, authtest.Token{RawHeader: rawHeader(a.iss, tc.header)})
		a.bearer(t, token).expect(t, tc.status)
	})
}

// The algorithm in the header is not what decides how a signature is checked: a
// public key must never become a secret.
// ASVS 9.1.2, 10.3.3.
func TestKeyConfusionAttacks(t *testing.T) {
	t.Parallel()
	a := newArena(t, func(cfg *auth.Config) { cfg.Algorithms = []string{"RS256", "PS256", "ES256", "EdDSA"} })
	kids := a.iss.KeyIDs() // RS256, ES256, EdDSA, PS256
	runAll(t, map[string]struct {
		token  authtest.Token
		change map[string]any
		status int
	}{
		"each key with its own algorithm: ES256":    {authtest.Token{KeyID: kids[1]}, nil, 200},
		"each key with its own algorithm: EdDSA":    {authtest.Token{KeyID: kids[2]}, nil, 200},
		"each key with its own algorithm: PS256":    {authtest.Token{KeyID: kids[3]}, nil, 200},
		"a key for RS256 signs PS256":               {authtest.Token{KeyID: kids[0], Algorithm: "PS256"}, nil, 401},
		"a key for PS256 signs RS256":               {authtest.Token{KeyID: kids[3], Algorithm: "RS256"}, nil, 401},
		"the Ed25519 name is not in the list":       {authtest.Token{KeyID: kids[2], Header: map[string]any{"alg": "Ed25519"}}, nil, 401},
		"the kid of another key":                    {authtest.Token{KeyID: kids[0], Header: map[string]any{"kid": kids[3]}}, nil, 401},
		"the kid of a key of another kind":          {authtest.Token{KeyID: kids[0], Header: map[string]any{"kid": kids[1]}}, nil, 401},
		"without a kid, two RSA keys but one alg":   {authtest.Token{KeyID: kids[0], Header: map[string]any{"kid": nil}}, nil, 200},
		"without a kid, the other RSA key":          {authtest.Token{KeyID: kids[3], Header: map[string]any{"kid": nil}}, nil, 200},
		"without a kid, the wrong RSA key's alg":    {authtest.Token{KeyID: kids[0], Header: map[string]any{"kid": nil, "alg": "PS256"}}, nil, 401},
		"in the name of the other issuer":           {authtest.Token{KeyID: kids[1]}, map[string]any{"iss": "SECOND", "aud": "api2"}, 401},
		"in the name of the other issuer, no kid":   {authtest.Token{KeyID: kids[1], Header: map[string]any{"kid": nil}}, map[string]any{"iss": "SECOND", "aud": "api2"}, 401},
		"in the name of the other issuer, its kid":  {authtest.Token{KeyID: kids[1], Header: map[string]any{"kid": "key-1"}}, map[string]any{"iss": "SECOND", "aud": "api2"}, 401},
		"in the name of the other, own audience":    {authtest.Token{KeyID: kids[1]}, map[string]any{"iss": "SECOND"}, 401},
		"own name, the other issuer's audience":     {authtest.Token{KeyID: kids[1]}, map[string]any{"aud": "api2"}, 401},
		"own name, both audiences":                  {authtest.Token{KeyID: kids[1]}, map[string]any{"aud": []string{"api2", "api"}}, 200},
		"a list with both issuers":                  {authtest.Token{KeyID: kids[1]}, map[string]any{"iss": []string{"FIRST", "SECOND"}}, 401},
		"an issuer that nobody configured":          {authtest.Token{KeyID: kids[1]}, map[string]any{"iss": "https://evil.example"}, 401},
		"an issuer that begins like the right one":  {authtest.Token{KeyID: kids[1]}, map[string]any{"iss": "FIRST.evil.example"}, 401},
		"an issuer with a user before the host":     {authtest.Token{KeyID: kids[1]}, map[string]any{"iss": "http://evil@FIRSTHOST"}, 401},
		"an issuer with a slash at the end":         {authtest.Token{KeyID: kids[1]}, map[string]any{"iss": "FIRST/"}, 401},
		"an issuer in capitals":                     {authtest.Token{KeyID: kids[1]}, map[string]any{"iss": "HTTP:FIRSTHOST"}, 401},
		"an issuer with a space":                    {authtest.Token{KeyID: kids[1]}, map[string]any{"iss": "FIRST "}, 401},
		"an issuer that is a number":                {authtest.Token{KeyID: kids[1]}, map[string]any{"iss": 1}, 401},
		"the second issuer itself, its own keys":    {authtest.Token{}, map[string]any{"second": true}, 200},
		"the second issuer with the first's aud":    {authtest.Token{}, map[string]any{"second": true, "aud": "api"}, 401},
		"the same subject twice is two principals?": {authtest.Token{}, map[string]any{"second": true, "sub": "bob"}, 200},
	}, func(t *testing.T, tc struct {
		token  authtest.Token
		change map[string]any
		status int
	},
	) {
		t.Helper()
		names := strings.NewReplacer("FIRSTHOST", strings.TrimPrefix(a.iss.URL(), "http:"), "FIRST", a.iss.URL(), "SECOND", a.second.URL())
		change, from := map[string]any{}, a.iss
		for name, value := range tc.change {
			switch v := value.(type) {
			case string:
				value = names.Replace(v)
			case []string:
				for i := range v {
					v[i] = names.Replace(v[i])
				}
			}
			change[name] = value
		}
		want := ""
		if change["second"] != nil {
			from, want = a.second, "two:"
			if change["aud"] == nil {
				change["aud"] = "api2"
			}
		}
		got := a.bearer(t, mintWith(t, from, change, tc.token))
		got.expect(t, tc.status)
		if tc.status == 200 && want != "" && !strings.HasPrefix(got.body, want) {
			t.Errorf("the principal is %q", got.body)
		}
	})
}
