package auth_test

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ginsec/ginsec/auth"
	"github.com/ginsec/ginsec/auth/authtest"
)

// The payload's text; ISS, NOW, EXP, OLD and NEXT stand for what they say.
func rawPayload(a *authtest.Issuer, text string) []byte {
	now := time.Now().Unix()
	return []byte(strings.NewReplacer("ISS", a.URL(), "NOW", fmt.Sprint(now), "EXP", fmt.Sprint(now+300),
		"OLD", fmt.Sprint(now-7200), "NEXT", fmt.Sprint(now+7200)).Replace(text))
}

// ASVS 1.5.3, 9.2.3, 10.3.1.
func TestPayloadAttacks(t *testing.T) {
	t.Parallel()
	a := newArena(t, nil)
	const rest = `"iss":"ISS","aud":"api","sub":"alice","iat":NOW`
	runAll(t, map[string]struct {
		payload string
		status  int
	}{
		"the plain one":                    {`{` + rest + `,"exp":EXP}`, 200},
		"white space":                      {" {\n" + rest + " ,\t\"exp\" : EXP } ", 200},
		"an escaped name":                  {`{` + rest + `,"e\u0078p":EXP}`, 200},
		"an escaped issuer":                {`{"\u0069ss":"ISS","aud":"\u0061pi","sub":"alice","iat":NOW,"exp":EXP}`, 200},
		"a fraction of a second":           {`{` + rest + `,"exp":EXP.75}`, 200},
		"an exponent":                      {`{` + rest + `,"exp":2.5e11}`, 200},
		"the year 9999":                    {`{` + rest + `,"exp":253402300799}`, 200},
		"beyond the year 9999":             {`{` + rest + `,"exp":253402300800}`, 401},
		"exp of a hundred digits":          {`{` + rest + `,"exp":` + strings.Repeat("9", 100) + `}`, 401},
		"exp of many digits after a point": {`{` + rest + `,"exp":EXP.` + strings.Repeat("0", 3000) + `1}`, 200},
		"exp with an exponent out of all":  {`{` + rest + `,"exp":1e999999999}`, 401},
		"exp with a tiny exponent":         {`{` + rest + `,"exp":1e-999999999}`, 401},
		"exp minus nothing":                {`{` + rest + `,"exp":-0}`, 401},
		"iat of a hundred digits":          {`{"iss":"ISS","aud":"api","sub":"a","iat":` + strings.Repeat("9", 100) + `,"exp":EXP}`, 401},
		"aud a list of ours twice":         {`{"iss":"ISS","aud":["api","api"],"sub":"a","iat":NOW,"exp":EXP}`, 200},
		"aud a list of everybody else":     {`{"iss":"ISS","aud":["x","y","API","api/"],"sub":"a","iat":NOW,"exp":EXP}`, 401},
		"aud with a slash":                 {`{"iss":"ISS","aud":"api/","sub":"a","iat":NOW,"exp":EXP}`, 401},
		"iss with a slash":                 {`{"iss":"ISS/","aud":"api","sub":"a","iat":NOW,"exp":EXP}`, 401},
		"iss with a NUL":                   {`{"iss":"ISS\u0000","aud":"api","sub":"a","iat":NOW,"exp":EXP}`, 401},
		"iss in a list":                    {`{"iss":["ISS"],"aud":"api","sub":"a","iat":NOW,"exp":EXP}`, 401},
		"sub with a line break":            {`{"iss":"ISS","aud":"api","sub":"a\nb","iat":NOW,"exp":EXP}`, 401},
		"sub with a NUL":                   {`{"iss":"ISS","aud":"api","sub":"alice\u0000","iat":NOW,"exp":EXP}`, 401},
		"a token within":                   {`"eyJhbGciOiJSUzI1NiJ9.e30.AAAA"`, 401},
		"exp overflows":                    {`{` + rest + `,"exp":9223372036854775808}`, 401},
		"exp overflows a float":            {`{` + rest + `,"exp":1e400}`, 401},
		"exp negative":                     {`{` + rest + `,"exp":-1}`, 401},
		"exp zero":                         {`{` + rest + `,"exp":0}`, 401},
		"exp a string":                     {`{` + rest + `,"exp":"EXP"}`, 401},
		"exp null":                         {`{` + rest + `,"exp":null}`, 401},
		"exp true":                         {`{` + rest + `,"exp":true}`, 401},
		"exp a list":                       {`{` + rest + `,"exp":[EXP]}`, 401},
		"exp an object":                    {`{` + rest + `,"exp":{}}`, 401},
		"exp missing":                      {`{` + rest + `}`, 401},
		"exp in milliseconds":              {`{` + rest + `,"exp":EXP000}`, 401},
		"exp past":                         {`{` + rest + `,"exp":OLD}`, 401},
		"exp twice, past first":            {`{` + rest + `,"exp":OLD,"exp":EXP}`, 401},
		"exp twice, past last":             {`{` + rest + `,"exp":EXP,"exp":OLD}`, 401},
		"exp twice, one escaped":           {`{` + rest + `,"exp":OLD,"\u0065xp":EXP}`, 401},
		"EXP does not prolong":             {`{` + rest + `,"exp":OLD,"Exp":NEXT}`, 401},
		"EXP alone":                        {`{` + rest + `,"Exp":EXP}`, 401},
		"nbf in an hour":                   {`{` + rest + `,"exp":EXP,"nbf":NEXT}`, 401},
		"nbf past":                         {`{` + rest + `,"exp":EXP,"nbf":OLD}`, 200},
		"nbf overflows":                    {`{` + rest + `,"exp":EXP,"nbf":1e19}`, 401},
		"nbf a string":                     {`{` + rest + `,"exp":EXP,"nbf":"OLD"}`, 401},
		"nbf null":                         {`{` + rest + `,"exp":EXP,"nbf":null}`, 401},
		"iat in an hour":                   {`{"iss":"ISS","aud":"api","sub":"a","iat":NEXT,"exp":EXP}`, 401},
		"iat missing":                      {`{"iss":"ISS","aud":"api","sub":"a","exp":EXP}`, 401},
		"iat a string":                     {`{"iss":"ISS","aud":"api","sub":"a","iat":"NOW","exp":EXP}`, 401},
		"iat null":                         {`{"iss":"ISS","aud":"api","sub":"a","iat":null,"exp":EXP}`, 401},
		"iat two days ago":                 {`{"iss":"ISS","aud":"api","sub":"a","iat":1,"exp":EXP}`, 401},
		"iss missing":                      {`{"aud":"api","sub":"a","iat":NOW,"exp":EXP}`, 401},
		"iss null":                         {`{"iss":null,"aud":"api","sub":"a","iat":NOW,"exp":EXP}`, 401},
		"iss empty":                        {`{"iss":"","aud":"api","sub":"a","iat":NOW,"exp":EXP}`, 401},
		"iss twice":                        {`{"iss":"https://evil.example","iss":"ISS","aud":"api","sub":"a","iat":NOW,"exp":EXP}`, 401},
		"Iss beside iss":                   {`{"iss":"ISS","Iss":"https://evil.example","aud":"api","sub":"a","iat":NOW,"exp":EXP}`, 200},
		"iss by a Unicode look-alike":      {"{\"i\u017fs\":\"ISS\",\"aud\":\"api\",\"sub\":\"a\",\"iat\":NOW,\"exp\":EXP}", 401},
		"aud missing":                      {`{"iss":"ISS","sub":"a","iat":NOW,"exp":EXP}`, 401},
		"aud null":                         {`{"iss":"ISS","aud":null,"sub":"a","iat":NOW,"exp":EXP}`, 401},
		"aud empty":                        {`{"iss":"ISS","aud":"","sub":"a","iat":NOW,"exp":EXP}`, 401},
		"aud an empty list":                {`{"iss":"ISS","aud":[],"sub":"a","iat":NOW,"exp":EXP}`, 401},
		"aud a list":                       {`{"iss":"ISS","aud":["x","api"],"sub":"a","iat":NOW,"exp":EXP}`, 200},
		"aud a list with a number":         {`{"iss":"ISS","aud":["api",1],"sub":"a","iat":NOW,"exp":EXP}`, 401},
		"aud a list with null":             {`{"iss":"ISS","aud":["api",null],"sub":"a","iat":NOW,"exp":EXP}`, 401},
		"aud a list with an empty string":  {`{"iss":"ISS","aud":["api",""],"sub":"a","iat":NOW,"exp":EXP}`, 401},
		"aud a list in a list":             {`{"iss":"ISS","aud":[["api"]],"sub":"a","iat":NOW,"exp":EXP}`, 401},
		"aud an object":                    {`{"iss":"ISS","aud":{"api":true},"sub":"a","iat":NOW,"exp":EXP}`, 401},
		"aud a number":                     {`{"iss":"ISS","aud":1,"sub":"a","iat":NOW,"exp":EXP}`, 401},
		"aud of another API":               {`{"iss":"ISS","aud":"billing","sub":"a","iat":NOW,"exp":EXP}`, 401},
		"aud in capitals":                  {`{"iss":"ISS","aud":"API","sub":"a","iat":NOW,"exp":EXP}`, 401},
		"aud with a space":                 {`{"iss":"ISS","aud":"api ","sub":"a","iat":NOW,"exp":EXP}`, 401},
		"aud that begins like ours":        {`{"iss":"ISS","aud":"api2","sub":"a","iat":NOW,"exp":EXP}`, 401},
		"aud of two words":                 {`{"iss":"ISS","aud":"api billing","sub":"a","iat":NOW,"exp":EXP}`, 401},
		"aud with a comma":                 {`{"iss":"ISS","aud":"api,billing","sub":"a","iat":NOW,"exp":EXP}`, 401},
		"aud a wildcard":                   {`{"iss":"ISS","aud":"*","sub":"a","iat":NOW,"exp":EXP}`, 401},
		"aud twice":                        {`{"iss":"ISS","aud":"x","aud":"api","sub":"a","iat":NOW,"exp":EXP}`, 401},
		"sub missing":                      {`{"iss":"ISS","aud":"api","iat":NOW,"exp":EXP}`, 401},
		"sub null":                         {`{"iss":"ISS","aud":"api","sub":null,"iat":NOW,"exp":EXP}`, 401},
		"sub empty":                        {`{"iss":"ISS","aud":"api","sub":"","iat":NOW,"exp":EXP}`, 401},
		"sub a number":                     {`{"iss":"ISS","aud":"api","sub":7,"iat":NOW,"exp":EXP}`, 401},
		"sub a list":                       {`{"iss":"ISS","aud":"api","sub":["a"],"iat":NOW,"exp":EXP}`, 401},
		"sub of 255 bytes":                 {`{"iss":"ISS","aud":"api","sub":"` + strings.Repeat("s", 255) + `","iat":NOW,"exp":EXP}`, 200},
		"sub of 256 bytes":                 {`{"iss":"ISS","aud":"api","sub":"` + strings.Repeat("s", 256) + `","iat":NOW,"exp":EXP}`, 401},
		"sub twice":                        {`{"iss":"ISS","aud":"api","sub":"bob","sub":"alice","iat":NOW,"exp":EXP}`, 401},
		"Sub does not override":            {`{` + rest + `,"Sub":"admin","exp":EXP}`, 200},
		"jti a number":                     {`{` + rest + `,"exp":EXP,"jti":1}`, 401},
		"jti null":                         {`{` + rest + `,"exp":EXP,"jti":null}`, 401},
		"client_id a number":               {`{` + rest + `,"exp":EXP,"client_id":1}`, 401},
		"azp a list":                       {`{` + rest + `,"exp":EXP,"azp":["a"]}`, 401},
		"acr a number":                     {`{` + rest + `,"exp":EXP,"acr":1}`, 401},
		"auth_time a string":               {`{` + rest + `,"exp":EXP,"auth_time":"NOW"}`, 401},
		"scope a number grants nothing":    {`{` + rest + `,"exp":EXP,"scope":1}`, 200},
		"scope null grants nothing":        {`{` + rest + `,"exp":EXP,"scope":null}`, 200},
		"an unknown claim twice":           {`{` + rest + `,"exp":EXP,"x":1,"x":2}`, 401},
		"a nested claim twice":             {`{` + rest + `,"exp":EXP,"x":{"y":[{"z":1,"z":2}]}}`, 401},
		"cnf with jkt, binding off":        {`{` + rest + `,"exp":EXP,"cnf":{"jkt":"0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"}}`, 401},
		"cnf with x5t, binding off":        {`{` + rest + `,"exp":EXP,"cnf":{"x5t#S256":"0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"}}`, 401},
		"cnf with a jwk":                   {`{` + rest + `,"exp":EXP,"cnf":{"jwk":{"kty":"EC"}}}`, 401},
		"cnf with a kid":                   {`{` + rest + `,"exp":EXP,"cnf":{"kid":"a"}}`, 401},
		"cnf empty":                        {`{` + rest + `,"exp":EXP,"cnf":{}}`, 401},
		"cnf null":                         {`{` + rest + `,"exp":EXP,"cnf":null}`, 401},
		"cnf a string":                     {`{` + rest + `,"exp":EXP,"cnf":"x"}`, 401},
		"cnf a list":                       {`{` + rest + `,"exp":EXP,"cnf":[]}`, 401},
		"cnf false":                        {`{` + rest + `,"exp":EXP,"cnf":false}`, 401},
		"Cnf is another claim":             {`{` + rest + `,"exp":EXP,"Cnf":{"jkt":"x"}}`, 200},
		"null":                             {`null`, 401},
		"an empty object":                  {`{}`, 401},
		"an array":                         {`[{` + rest + `,"exp":EXP}]`, 401},
		"a string":                         {`"ISS"`, 401},
		"a number":                         {`7`, 401},
		"another JWT":                      {`eyJhbGciOiJSUzI1NiJ9.e30.AAAA`, 401},
		"two objects":                      {`{` + rest + `,"exp":EXP}{` + rest + `,"exp":EXP}`, 401},
		"trailing text":                    {`{` + rest + `,"exp":EXP}x`, 401},
		"a trailing NUL":                   {`{` + rest + `,"exp":EXP}` + "\x00", 401},
		"a trailing comma":                 {`{` + rest + `,"exp":EXP,}`, 401},
		"a comment":                        {`{` + rest + `,"exp":EXP/**/}`, 401},
		"a byte order mark":                {"\uFEFF{" + rest + `,"exp":EXP}`, 401},
		"UTF-8 that is none":               {`{` + rest + `,"exp":EXP,"x":"` + "\xff" + `"}`, 401},
		"UTF-8 overlong":                   {`{` + rest + `,"exp":EXP,"x":"` + "\xc0\xaf" + `"}`, 401},
		"half a surrogate":                 {`{` + rest + `,"exp":EXP,"x":"\ud800"}`, 401},
		"UTF-16":                           {"\xff\xfe{\x00}\x00", 401},
		"not closed":                       {`{` + rest + `,"exp":EXP`, 401},
		"a leading zero":                   {`{` + rest + `,"exp":0EXP}`, 401},
		"a plus sign":                      {`{` + rest + `,"exp":+EXP}`, 401},
		"a hexadecimal number":             {`{` + rest + `,"exp":0xFFFFFFFF}`, 401},
		"NaN":                              {`{` + rest + `,"exp":NaN}`, 401},
		"Infinity":                         {`{` + rest + `,"exp":Infinity}`, 401},
		"a thousand unknown claims":        {`{` + rest + `,"exp":EXP` + many(1000) + `}`, 200},
		"another subject's name in a list": {`{"iss":"ISS","aud":"api","sub":{"$ne":""},"iat":NOW,"exp":EXP}`, 401},
	}, func(t *testing.T, tc struct {
		payload string
		status  int
	},
	) {
		t.Helper()
		token := mintWith(t, a.iss, nil, authtest.Token{Payload: rawPayload(a.iss, tc.payload)})
		got := a.bearer(t, token)
		got.expect(t, tc.status)
		if strings.Contains(got.body, "admin") {
			t.Errorf("the principal is %s", got.body)
		}
	})
}

func many(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, `,"c%d":%d`, i, i)
	}
	return b.String()
}

// The edges of time, to the second.
// ASVS 9.2.1.
func TestTimeEdges(t *testing.T) {
	t.Parallel()
	iss := newIssuer(t, "ES256")
	for name, tc := range map[string]struct {
		change func(now int64) map[string]any
		status int
	}{
		"expires now":                     {func(now int64) map[string]any { return map[string]any{"exp": now} }, 200},
		"expired within the leeway":       {func(now int64) map[string]any { return map[string]any{"exp": now - 29} }, 200},
		"expired by the leeway":           {func(now int64) map[string]any { return map[string]any{"exp": now - 30} }, 401},
		"exp a fraction within":           {func(now int64) map[string]any { return map[string]any{"exp": float64(now) - 29.75} }, 200},
		"exp a fraction beyond":           {func(now int64) map[string]any { return map[string]any{"exp": float64(now) - 30.25} }, 401},
		"not valid before the leeway":     {func(now int64) map[string]any { return map[string]any{"nbf": now + 30} }, 200},
		"not valid before more than that": {func(now int64) map[string]any { return map[string]any{"nbf": now + 31} }, 401},
		"issued ahead by the leeway":      {func(now int64) map[string]any { return map[string]any{"iat": now + 30} }, 200},
		"issued ahead by more":            {func(now int64) map[string]any { return map[string]any{"iat": now + 31} }, 401},
		"as old as allowed":               {func(now int64) map[string]any { return map[string]any{"iat": now - 3600} }, 200},
		"as old as the leeway allows":     {func(now int64) map[string]any { return map[string]any{"iat": now - 3629} }, 200},
		"older than allowed":              {func(now int64) map[string]any { return map[string]any{"iat": now - 3630} }, 401},
		"expired before it was issued":    {func(now int64) map[string]any { return map[string]any{"exp": now - 40} }, 401},
		"valid for a hundred years":       {func(now int64) map[string]any { return map[string]any{"exp": now + 100*365*24*3600} }, 200},
		"nbf after exp":                   {func(now int64) map[string]any { return map[string]any{"nbf": now + 3600, "exp": now + 60} }, 401},
		"iat at the epoch":                {func(int64) map[string]any { return map[string]any{"iat": 0} }, 401},
	} {
		synctest.Test(t, func(t *testing.T) {
			cfg := configFor(iss)
			cfg.Issuers[0].JWKS, cfg.MaxTokenAge = iss.JWKS(), time.Hour
			v, err := auth.New(cfg)
			if err != nil {
				t.Fatal(err)
			}
			defer v.Close()
			token := mint(t, iss, tc.change(time.Now().Unix()))
			for _, round := range []string{"first", "again"} {
				if got := verify(v, token); got != tc.status {
					t.Errorf("%s, %s: %d, not %d", name, round, got, tc.status)
				}
			}
		})
	}
}

// What a configuration demands beyond the defaults.
func TestDemandedClaims(t *testing.T) {
	t.Parallel()
	iss := newIssuer(t, "ES256")
	for name, tc := range map[string]struct {
		cfg    func(*auth.Config)
		change map[string]any
		header map[string]any
		ok     bool
	}{
		"a required claim is there":       {func(c *auth.Config) { c.RequiredClaims = []string{"jti", "role"} }, map[string]any{"jti": "1", "role": 7}, nil, true},
		"a required claim is missing":     {func(c *auth.Config) { c.RequiredClaims = []string{"role"} }, nil, nil, false},
		"a required claim is null":        {func(c *auth.Config) { c.RequiredClaims = []string{"role"} }, map[string]any{"role": []any(nil)}, nil, false},
		"a required claim in capitals":    {func(c *auth.Config) { c.RequiredClaims = []string{"role"} }, map[string]any{"Role": "x"}, nil, false},
		"a required value":                {func(c *auth.Config) { c.RequiredValues = map[string][]string{"use": {"a", "b"}} }, map[string]any{"use": "b"}, nil, true},
		"another value":                   {func(c *auth.Config) { c.RequiredValues = map[string][]string{"use": {"a", "b"}} }, map[string]any{"use": "c"}, nil, false},
		"a value in a list":               {func(c *auth.Config) { c.RequiredValues = map[string][]string{"use": {"a"}} }, map[string]any{"use": []string{"a"}}, nil, false},
		"a value missing":                 {func(c *auth.Config) { c.RequiredValues = map[string][]string{"use": {"a"}} }, nil, nil, false},
		"a value of a standard claim":     {func(c *auth.Config) { c.RequiredValues = map[string][]string{"sub": {"alice"}} }, nil, nil, true},
		"the client by client_id":         {func(c *auth.Config) { c.ClientIDs = []string{"web"} }, map[string]any{"client_id": "web"}, nil, true},
		"the client by azp":               {func(c *auth.Config) { c.ClientIDs = []string{"web"} }, map[string]any{"azp": "web"}, nil, true},
		"the client by a claim of choice": {func(c *auth.Config) { c.ClientIDs, c.ClientClaims = []string{"web"}, []string{"cid"} }, map[string]any{"cid": "web", "azp": 7}, nil, true},
		"the client by another claim":     {func(c *auth.Config) { c.ClientIDs = []string{"web"} }, map[string]any{"cid": "web"}, nil, false},
		"a cid that is a number":          {func(*auth.Config) {}, map[string]any{"cid": 7}, nil, true},
		"another client":                  {func(c *auth.Config) { c.ClientIDs = []string{"web"} }, map[string]any{"client_id": "evil"}, nil, false},
		"no client":                       {func(c *auth.Config) { c.ClientIDs = []string{"web"} }, nil, nil, false},
		"client_id outranks azp":          {func(c *auth.Config) { c.ClientIDs = []string{"web"} }, map[string]any{"azp": "web", "client_id": "evil"}, nil, false},
		"the order is the configured one": {func(c *auth.Config) { c.ClientIDs, c.ClientClaims = []string{"web"}, []string{"azp", "client_id"} }, map[string]any{"client_id": "evil", "azp": "web"}, nil, true},
		"the tenant is there":             {func(c *auth.Config) { c.TenantClaim = "org" }, map[string]any{"org": "acme"}, nil, true},
		"the tenant is missing":           {func(c *auth.Config) { c.TenantClaim = "org" }, nil, nil, false},
		"the tenant is empty":             {func(c *auth.Config) { c.TenantClaim = "org" }, map[string]any{"org": ""}, nil, false},
		"the tenant is a number":          {func(c *auth.Config) { c.TenantClaim = "org" }, map[string]any{"org": 7}, nil, false},
		"the tenant is a list":            {func(c *auth.Config) { c.TenantClaim = "org" }, map[string]any{"org": []string{"acme", "evil"}}, nil, false},
		"the tenant by case":              {func(c *auth.Config) { c.TenantClaim = "org" }, map[string]any{"Org": "acme"}, nil, false},
		"the tenant is the subject":       {func(c *auth.Config) { c.TenantClaim = "sub" }, nil, nil, true},
		"RFC 9068 complete":               {func(c *auth.Config) { c.Profile = auth.RFC9068 }, map[string]any{"client_id": "a", "jti": "1"}, nil, true},
		"RFC 9068 with the long type":     {func(c *auth.Config) { c.Profile = auth.RFC9068 }, map[string]any{"client_id": "a", "jti": "1"}, map[string]any{"typ": "application/at+jwt"}, true},
		"RFC 9068 with typ JWT":           {func(c *auth.Config) { c.Profile = auth.RFC9068 }, map[string]any{"client_id": "a", "jti": "1"}, map[string]any{"typ": "JWT"}, false},
		"RFC 9068 without typ":            {func(c *auth.Config) { c.Profile = auth.RFC9068 }, map[string]any{"client_id": "a", "jti": "1"}, map[string]any{"typ": nil}, false},
		"RFC 9068 without client_id":      {func(c *auth.Config) { c.Profile = auth.RFC9068 }, map[string]any{"azp": "a", "jti": "1"}, nil, false},
		"RFC 9068 without jti":            {func(c *auth.Config) { c.Profile = auth.RFC9068 }, map[string]any{"client_id": "a"}, nil, false},
		"only a type that was listed":     {func(c *auth.Config) { c.Types = []string{"at+jwt"} }, nil, map[string]any{"typ": "JWT"}, false},
		"audience in client_id":           {func(c *auth.Config) { c.AudienceClaim = "client_id" }, map[string]any{"aud": nil, "client_id": "api"}, nil, true},
		"audience in client_id, aud good": {func(c *auth.Config) { c.AudienceClaim = "client_id" }, map[string]any{"aud": "api", "client_id": "evil"}, nil, false},
		"no leeway":                       {func(c *auth.Config) { c.Leeway = -1 }, map[string]any{"exp": time.Now().Unix() - 2}, nil, false},
		"no end of age":                   {func(c *auth.Config) { c.MaxTokenAge = -1 }, map[string]any{"iat": 1}, nil, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cfg := configFor(iss)
			tc.cfg(&cfg)
			v := newVerifier(t, cfg)
			_, err := v.Verify(t.Context(), mintWith(t, iss, tc.change, authtest.Token{Header: tc.header}))
			if (err == nil) != tc.ok {
				t.Errorf("%v", err)
			}
		})
	}
}
