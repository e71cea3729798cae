package scope_test

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"github.com/ginsec/ginsec/identity"
	"github.com/ginsec/ginsec/scope"
	"github.com/ginsec/ginsec/scope/policy"
)

// The models of the attacks on policies. Everything that is widened is so for alice
// of acme in another way; carol of acme and mallory of globex share nothing with her.
type (
	// Team is read by its members, whom its owner names, and deleted softly.
	Team struct {
		ID        string `gorm:"primaryKey;size:36"`
		TenantID  string `gorm:"size:36"`
		OwnerID   string `gorm:"size:36"`
		Name      string `gorm:"size:100"`
		Stars     int
		DeletedAt gorm.DeletedAt
		Seats     []Seat
		Jobs      []Job
		Stickers  []Sticker `gorm:"many2many:team_stickers"`
	}
	Seat struct {
		TeamID string `gorm:"primaryKey;size:36"`
		UserID string `gorm:"primaryKey;size:36"`
		Team   *Team  `scope:"via"`
	}
	Job struct {
		ID     string `gorm:"primaryKey;size:36"`
		TeamID string `gorm:"size:36"`
		Team   *Team  `scope:"via"`
		Name   string `gorm:"size:100"`
		Stars  int
	}
	// Sticker is the whole tenant's.
	Sticker struct {
		ID       string `gorm:"primaryKey;size:36"`
		TenantID string `gorm:"size:36"`
		OwnerID  string `gorm:"size:36"`
		Name     string `gorm:"size:100"`
		Stars    int
		Teams    []Team `gorm:"many2many:team_stickers"`
	}
	// Shop is written by its members.
	Shop struct {
		ID       string `gorm:"primaryKey;size:36"`
		TenantID string `gorm:"size:36"`
		OwnerID  string `gorm:"size:36"`
		Name     string `gorm:"size:100"`
		Stars    int
		Goods    []Good
	}
	ShopSeat struct {
		ShopID string `gorm:"primaryKey;size:36"`
		UserID string `gorm:"primaryKey;size:36"`
	}
	// Good has an owner of its own and lies in a shop.
	Good struct {
		ID       string  `gorm:"primaryKey;size:36"`
		TenantID string  `gorm:"size:36"`
		OwnerID  string  `gorm:"size:36"`
		Name     string  `gorm:"size:100"`
		ShopID   *string `gorm:"size:36"`
		Shop     *Shop
		Stars    int
	}
	// Form may be everybody's to read.
	Form struct {
		ID       string  `gorm:"primaryKey;size:36"`
		TenantID *string `gorm:"size:36"`
		OwnerID  *string `gorm:"size:36"`
		Name     string  `gorm:"size:100"`
		Stars    int
		Answers  []Answer
	}
	Answer struct {
		ID       string  `gorm:"primaryKey;size:36"`
		TenantID string  `gorm:"size:36"`
		OwnerID  string  `gorm:"size:36"`
		Name     string  `gorm:"size:100"`
		FormID   *string `gorm:"size:36"`
		Form     *Form
		Stars    int
	}
	// Branch is read across sub-tenants, by its owner.
	Branch struct {
		ID       string `gorm:"primaryKey;size:36"`
		TenantID string `gorm:"size:36"`
		OwnerID  string `gorm:"size:36"`
		Name     string `gorm:"size:100"`
		Stars    int
	}
	// Ticket is read by auditors, and written by everybody of the tenant while open.
	Ticket struct {
		ID       string `gorm:"primaryKey;size:36"`
		TenantID string `gorm:"size:36"`
		OwnerID  string `gorm:"size:36"`
		Name     string `gorm:"size:100"`
		State    string `gorm:"size:10"`
		Stars    int
	}
	// Folio has a composite key and embedded, renamed columns, and is the tenant's.
	Folio struct {
		Whose
		ID    string `gorm:"primaryKey;size:36"`
		Part  int    `gorm:"primaryKey;autoIncrement:false"`
		Name  string `gorm:"size:100"`
		Stars int
	}
)

var carol = &identity.Principal{Subject: "carol", Tenant: "acme"}

func widenedModels() []any {
	openOnes := func(_ context.Context, _ *identity.Principal, table string) clause.Expression {
		return clause.Expr{SQL: table + ".state = ? OR " + table + ".state = ?", Vars: []any{"open", "reopened"}}
	}
	auditors := func(_ context.Context, p *identity.Principal, _ string) clause.Expression {
		if slices.Contains(p.Scopes, "audit") {
			return clause.Expr{SQL: "1 = 1"}
		}
		return nil
	}
	return []any{
		policy.Policy{Model: &Team{}, Members: &policy.Members{Model: &Seat{}, Row: "TeamID", Subject: "UserID"}},
		&Seat{}, &Job{}, &Good{}, &Answer{},
		policy.Policy{Model: &Sticker{}, TenantWide: true},
		policy.Policy{Model: &Shop{}, Members: &policy.Members{Model: &ShopSeat{}, Row: "shop_id", Subject: "user_id"}, MembersWrite: true},
		policy.Policy{Model: &Form{}, Global: true},
		policy.Policy{Model: &Branch{}, Tenants: func(_ context.Context, p *identity.Principal) []string {
			return map[string][]string{"acme": {"acme-east"}}[p.Tenant]
		}},
		policy.Policy{Model: &Ticket{}, Read: auditors, Write: openOnes},
		&policy.Policy{Model: &Folio{}, Tenant: "Org", Owner: "usr", TenantWide: true},
	}
}

var widenedTables = []string{"team_stickers", "seats", "jobs", "goods", "answers", "teams", "stickers", "shops", "shop_seats", "forms", "branches", "tickets", "folios"}

type policyRoom struct {
	kind     string
	root, db *gorm.DB
}

func newPolicyRoom(t *testing.T, kind string) *policyRoom {
	t.Helper()
	root := open(t, kind, silent())
	all := []any{&Team{}, &Seat{}, &Job{}, &Sticker{}, &Shop{}, &ShopSeat{}, &Good{}, &Form{}, &Answer{}, &Branch{}, &Ticket{}, &Folio{}}
	if err := root.AutoMigrate(all...); err != nil {
		t.Fatal(err)
	}
	db, err := gorm.Open(root.Dialector, silent())
	if err != nil {
		t.Fatal(err)
	}
	db.ConnPool, db.Statement.ConnPool = root.ConnPool, root.ConnPool
	if err := db.Use(scope.Guard(scope.GuardConfig{Protect: widenedModels(), MySQLUpsert: strings.HasSuffix(kind, "upserts")})); err != nil {
		t.Fatal(err)
	}
	r := &policyRoom{kind: kind, root: root, db: db}
	r.fill(t)
	return r
}

// fill puts one row of everybody into every table. What alice must not read has a
// name with "hidden" in it; what she must not write says "fixed".
func (r *policyRoom) fill(t *testing.T) {
	t.Helper()
	must := func(value any) {
		t.Helper()
		if err := r.root.Omit(clause.Associations).Create(value).Error; err != nil {
			t.Fatal(err)
		}
	}
	for _, table := range widenedTables {
		if err := r.root.Exec("DELETE FROM " + table).Error; err != nil {
			t.Fatal(err)
		}
	}
	name := func(id, readable, writable string) string {
		text := id
		if !strings.Contains(readable, id) {
			text += " hidden"
		}
		if !strings.Contains(writable, id) {
			text += " fixed"
		}
		return text
	}
	for _, p := range []*identity.Principal{alice, bob, carol, mallory} {
		id, org := p.Subject, p.Tenant
		must(&Team{ID: id, TenantID: org, OwnerID: id, Name: name(id, "alice bob", "alice")})
		must(&Job{ID: id, TeamID: id, Name: name(id, "alice bob", "alice")})
		must(&Sticker{ID: id, TenantID: org, OwnerID: id, Name: name(id, "alice bob carol", "alice bob carol")})
		must(&Shop{ID: id, TenantID: org, OwnerID: id, Name: name(id, "alice bob", "alice bob")})
		must(&Good{ID: id, TenantID: org, OwnerID: id, ShopID: &id, Name: name(id, "alice", "alice")})
		must(&Form{ID: id, TenantID: &org, OwnerID: &id, Name: name(id, "alice", "alice")})
		must(&Answer{ID: id, TenantID: org, OwnerID: id, FormID: &id, Name: name(id, "alice", "alice")})
		must(&Branch{ID: id, TenantID: org, OwnerID: id, Name: name(id, "alice", "alice")})
		must(&Ticket{ID: id, TenantID: org, OwnerID: id, State: map[string]string{"bob": "open"}[id], Name: name(id, "alice", "alice bob")})
		must(&Folio{Whose: Whose{Org: org, User: id}, ID: id, Part: 1, Name: name(id, "alice bob carol", "alice bob carol")})
		must(&Seat{TeamID: id, UserID: id})
		if err := r.root.Table("team_stickers").Create(map[string]any{"team_id": id, "sticker_id": id}).Error; err != nil {
			t.Fatal(err)
		}
	}
	must(&[]Seat{{TeamID: "bob", UserID: "alice"}, {TeamID: "mallory", UserID: "alice"}})
	must(&[]ShopSeat{{"bob", "alice"}, {"mallory", "alice"}, {"carol", "Alice "}})
	must(&Form{ID: "global", Name: "global fixed"})
	must(&Branch{ID: "east-alice", TenantID: "acme-east", OwnerID: "alice", Name: "east-alice fixed"})
	must(&Branch{ID: "east-bob", TenantID: "acme-east", OwnerID: "bob", Name: "east-bob hidden fixed"})
	must(&Branch{ID: "west-alice", TenantID: "acme-west", OwnerID: "alice", Name: "west-alice hidden fixed"})
	must(&Ticket{ID: "globex-open", TenantID: "globex", OwnerID: "mallory", State: "open", Name: "globex-open hidden fixed"})
}

// rows is every row of every table by its key, with who it belongs to.
func (r *policyRoom) rows(t *testing.T) map[string]string {
	t.Helper()
	all := map[string]string{}
	for _, table := range widenedTables {
		var rows []map[string]any
		if err := r.root.Table(table).Find(&rows).Error; err != nil {
			t.Fatal(err)
		}
		for _, row := range rows {
			key := table
			for _, k := range []string{"id", "part", "team_id", "user_id", "shop_id", "sticker_id"} {
				if v, ok := row[k]; ok && (k == "id" || k == "part" || row["id"] == nil) {
					key += fmt.Sprint(" ", v)
				}
			}
			for k, v := range row {
				if b, ok := v.([]byte); ok {
					row[k] = string(b)
				}
			}
			all[key] = fmt.Sprint(row)
		}
	}
	return all
}

// judge looks at what an attack of alice's got and left.
func (r *policyRoom) judge(t *testing.T, what string, result any, err error, before map[string]string) map[string]string {
	t.Helper()
	shown, _ := json.Marshal(result)
	if strings.Contains(string(shown), "hidden") {
		t.Errorf("%s: hidden content came back: %s", what, shown)
	}
	if body := shownToClient(err); strings.Contains(body, "hidden") || len(body) > 120 {
		t.Errorf("%s: the client sees %s", what, body)
	}
	after := r.rows(t)
	same := len(before) == len(after)
	for key, was := range before {
		now, there := after[key]
		if same = same && there && now == was; now == was {
			continue
		}
		table, _, _ := strings.Cut(key, " ")
		fixed := strings.Contains(was, "fixed") || slices.Contains([]string{"shop_seats"}, table)
		if table == "seats" || table == "team_stickers" {
			fixed = !strings.Contains(was, "team_id:alice")
		}
		switch {
		case fixed:
			t.Errorf("%s: %s\nwas %s\nis  %s (%v)", what, key, was, now, err)
		case there && whose(now) != whose(was):
			t.Errorf("%s: a row moved: %s\nwas %s\nis  %s", what, key, was, now)
		}
	}
	for key, now := range after {
		if _, there := before[key]; there {
			continue
		}
		table, _, _ := strings.Cut(key, " ")
		switch table {
		case "seats", "jobs", "team_stickers":
			if !strings.Contains(now, "team_id:alice") {
				t.Errorf("%s: planted below another's: %s", what, now)
			}
		case "shop_seats":
			t.Errorf("%s: a member by its own doing: %s", what, now)
		default:
			if whose(now) != "acme alice" {
				t.Errorf("%s: planted: %s", what, now)
			}
		}
	}
	if !same {
		r.fill(t)
	}
	return before
}

// whose reads the owner from a row printed as a map.
func whose(row string) string {
	field := func(names ...string) string {
		for _, n := range names {
			if _, rest, ok := strings.Cut(row, n+":"); ok {
				v, _, _ := strings.Cut(rest, " ")
				return strings.TrimRight(v, "]")
			}
		}
		return ""
	}
	return field("tenant_id", "org") + " " + field("owner_id", "usr")
}
