package scope_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/gin-gonic/gin"
	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"github.com/ginsec/ginsec/audit"
	"github.com/ginsec/ginsec/identity"
	"github.com/ginsec/ginsec/scope"
)

// book collects events.
type book struct {
	mu     sync.Mutex
	events []audit.Event
}

func (b *book) Record(_ context.Context, e audit.Event) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.events = append(b.events, e)
}

func (b *book) take() []audit.Event {
	b.mu.Lock()
	defer b.mu.Unlock()
	events := b.events
	b.events = nil
	return events
}

func guarded(t *testing.T, kind string, cfg scope.GuardConfig) *gorm.DB {
	t.Helper()
	db := open(t, kind, silent())
	cfg.Protect, cfg.Public = guardConfig().Protect, guardConfig().Public
	if err := db.Use(scope.Guard(cfg)); err != nil {
		t.Fatal(err)
	}
	if err := db.WithContext(scope.System(t.Context(), "create the tables")).AutoMigrate(models()...); err != nil {
		t.Fatal(err)
	}
	return db
}

func TestEveryRefusalAndEveryBypassIsOneEvent(t *testing.T) {
	t.Parallel()
	sink := &book{}
	db := guarded(t, "sqlite", scope.GuardConfig{
		Audit:    sink,
		AllowRaw: func(_ context.Context, sql string) bool { return strings.HasPrefix(sql, "SELECT COUNT(*)") },
	})
	ctx := as(t.Context(), alice)
	a, system := db.WithContext(ctx), db.WithContext(scope.System(ctx, "the nightly report"))
	sink.take()
	for _, tc := range []struct {
		what    string
		run     func()
		verdict audit.Verdict
		reason  string
		detail  string
	}{
		{"a scoped read", func() { a.Find(&[]Document{}) }, audit.Allow, "scoped", "read on documents"},
		{"nobody", func() { db.Find(&[]Document{}) }, audit.Deny, "no_principal", "read on documents"},
		{"another owner", func() { a.Create(&Document{ID: "a", OwnerID: "bob"}) }, audit.Deny, "mismatch", "create on documents"},
		{"a moved row", func() { a.Model(&Document{ID: "a"}).Update("owner_id", "bob") }, audit.Deny, "immutable", "update on documents"},
		{"a foreign parent", func() { a.Create(&Document{ID: "a", FolderID: ptr("nowhere")}) }, audit.Deny, "not_found", "create on documents"},
		{"no condition", func() { a.Delete(&Document{}) }, audit.Deny, "unconditional", "delete on documents"},
		{"a scoped create", func() { a.Create(&Document{ID: "a1"}) }, audit.Allow, "scoped", "create on documents"},
		{"raw SQL", func() { a.Exec("DELETE FROM documents") }, audit.Deny, "raw_sql", ""},
		{"raw SQL that was allowed", func() { a.Raw("SELECT COUNT(*) FROM documents").Scan(new(int)) }, audit.Allow, "raw_allowed", ""},
		{"an undeclared model", func() { a.Find(&[]Stranger{}) }, audit.Deny, "unprotected", "strangers"},
		{"the system reads", func() { system.Find(&[]Document{}) }, audit.Allow, "system", "read on documents for the nightly report by "},
		{"the system writes", func() { system.Create(&Document{ID: "b", TenantID: "x", OwnerID: "y"}) }, audit.Allow, "system", "create on documents"},
		{"the system runs raw SQL", func() { system.Exec("DELETE FROM documents") }, audit.Allow, "system", "raw SQL"},
		{"a public table", func() { db.Find(&[]Country{}) }, 0, "", ""},
	} {
		sink.take()
		tc.run()
		events := sink.take()
		if tc.verdict == 0 {
			continue
		}
		if len(events) != 1 || events[0].Verdict != tc.verdict || events[0].Reason != tc.reason || events[0].Control != "scope" {
			t.Errorf("%s: %+v", tc.what, events)
			continue
		}
		if text := events[0].Err.Error(); !strings.Contains(text, tc.detail) {
			t.Errorf("%s: %q does not say %q", tc.what, text, tc.detail)
		}
	}
}

func TestRequireExplicitRefusesAForgottenScope(t *testing.T) {
	t.Parallel()
	db := guarded(t, "sqlite", scope.GuardConfig{RequireExplicit: true})
	ctx := as(t.Context(), alice)
	if err := db.WithContext(ctx).Find(&[]Document{}).Error; !errors.Is(err, scope.ErrUnprotected) {
		t.Errorf("forgotten: %v", err)
	}
	q := func() *gorm.DB { return db.WithContext(ctx).Scopes(scope.Owned(ctx)) }
	if err := q().Create(&Document{ID: "a", Comments: []Comment{{ID: "b"}}}).Error; err != nil {
		t.Errorf("a nested write inherits the scope: %v", err)
	}
	var d []Document
	if err := q().Preload("Comments").Find(&d).Error; err != nil || len(d) != 1 || len(d[0].Comments) != 1 {
		t.Errorf("a preload inherits the scope: %v %+v", err, d)
	}
	if err := db.Find(&[]Country{}).Error; err != nil {
		t.Errorf("public: %v", err)
	}
}

// What is joined is as protected as what is read: the rules for who and how hold
// when the statement itself is about a public table.
func TestAJoinFromAPublicTableObeysTheSameRules(t *testing.T) {
	t.Parallel()
	strict, open := guarded(t, "sqlite", scope.GuardConfig{RequireExplicit: true}), guarded(t, "sqlite", scope.GuardConfig{})
	ctx := as(t.Context(), alice)
	gc, _ := gin.CreateTestContext(httptest.NewRecorder())
	gc.Request = httptest.NewRequestWithContext(ctx, http.MethodGet, "/", nil)
	derived, cancel := context.WithCancel(gc)
	defer cancel()
	joins := map[string]func(db *gorm.DB) *gorm.DB{
		"Joins":      func(db *gorm.DB) *gorm.DB { return db.Joins("Document").Find(&[]Pin{}) },
		"InnerJoins": func(db *gorm.DB) *gorm.DB { return db.InnerJoins("Document.Folder").Find(&[]Pin{}) },
		"clause.From": func(db *gorm.DB) *gorm.DB {
			return db.Clauses(clause.From{Joins: []clause.Join{{
				Type: clause.InnerJoin, Table: clause.Table{Name: "documents"},
				ON: clause.Where{Exprs: []clause.Expression{clause.Expr{SQL: "documents.id = pins.document_id"}}},
			}}}).Find(&[]Pin{})
		},
		"Preload": func(db *gorm.DB) *gorm.DB {
			if err := db.Create(&Pin{ID: 1, DocumentID: ptr("x")}).Error; err != nil {
				t.Fatal(err)
			}
			defer db.Delete(&Pin{ID: 1})
			return db.Preload("Document").Find(&[]Pin{})
		},
	}
	for name, join := range joins {
		for _, tc := range []struct {
			what string
			db   *gorm.DB
			want error
		}{
			{"nobody", open, scope.ErrNoPrincipal},
			{"the context's principal", open.WithContext(ctx), nil},
			{"a forgotten scope", strict.WithContext(ctx), scope.ErrUnprotected},
			{"a scope", strict.WithContext(ctx).Scopes(scope.Owned(ctx)), nil},
			{"a gin context", open.WithContext(gc), scope.ErrUnsupported},
			{"a context made of a gin context", open.WithContext(derived), scope.ErrUnsupported},
			{"the system", strict.WithContext(scope.System(ctx, "a job")), nil},
		} {
			if err := join(tc.db).Error; !errors.Is(err, tc.want) {
				t.Errorf("%s with %s: %v, not %v", name, tc.what, err, tc.want)
			}
		}
	}
	if err := strict.WithContext(gc).Find(&[]Pin{}).Error; err != nil {
		t.Errorf("a public table alone: %v", err)
	}
}

func TestTwoPrincipalsForOneStatementAreRefused(t *testing.T) {
	t.Parallel()
	db := guarded(t, "sqlite", scope.GuardConfig{})
	a, b := as(t.Context(), alice), as(t.Context(), bob)
	if err := db.WithContext(a).Scopes(scope.Owned(b)).Find(&[]Document{}).Error; !errors.Is(err, scope.ErrMismatch) {
		t.Errorf("context and scope: %v", err)
	}
	if err := db.WithContext(a).Scopes(scope.Owned(as(t.Context(), &identity.Principal{Subject: "alice", Tenant: "acme", TokenID: "another token"}))).Find(&[]Document{}).Error; err != nil {
		t.Errorf("two tokens of one principal: %v", err)
	}
	if err := db.Scopes(scope.Owned(b)).Find(&[]Document{}).Error; err != nil {
		t.Errorf("only a scope: %v", err)
	}
}

func TestIncompletePrincipalsAreNobody(t *testing.T) {
	t.Parallel()
	for _, guarding := range []bool{true, false} {
		db := guarded(t, "sqlite", scope.GuardConfig{})
		var typedNil *identity.Principal
		for what, p := range map[string]*identity.Principal{
			"no subject": {Tenant: "acme"}, "no tenant": {Subject: "alice"}, "nothing": {}, "a typed nil": typedNil,
		} {
			ctx := identity.With(t.Context(), p)
			tx := db.WithContext(ctx)
			if !guarding {
				tx = tx.Scopes(scope.Owned(ctx))
			}
			if err := tx.Find(&[]Document{}).Error; !errors.Is(err, scope.ErrNoPrincipal) {
				t.Errorf("%s: read: %v", what, err)
			}
			if err := tx.Session(&gorm.Session{NewDB: true}).Scopes(scope.Owned(ctx)).Create(&Document{ID: "x"}).Error; !errors.Is(err, scope.ErrNoPrincipal) {
				t.Errorf("%s: create: %v", what, err)
			}
		}
	}
}

func TestTheSystemEndsWhereAnotherPrincipalBegins(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "sqlite")
	system := scope.System(as(t.Context(), alice), "a job")
	count := func(ctx context.Context, scopes ...func(*gorm.DB) *gorm.DB) int {
		var d []Document
		if err := w.db.WithContext(ctx).Scopes(scopes...).Find(&d).Error; err != nil {
			t.Error(err)
		}
		return len(d)
	}
	if n := count(system); n != 6 {
		t.Errorf("the system sees %d", n)
	}
	if n := count(identity.With(system, bob)); n != 2 {
		t.Errorf("bob inside the system sees %d", n)
	}
	if n := count(system, scope.Owned(as(t.Context(), alice))); n != 2 {
		t.Errorf("a scope of alice's inside the system sees %d", n)
	}
	if n := count(as(t.Context(), alice), scope.Owned(system)); n != 6 {
		t.Errorf("a scope of the system's sees %d", n)
	}
	defer func() {
		if recover() == nil {
			t.Error("an empty reason did not panic")
		}
	}()
	scope.System(t.Context(), "")
}

func TestOptionsMustAgreeWithTheGuard(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "sqlite")
	ctx := as(t.Context(), alice)
	for what, opt := range map[string]scope.Option{
		"tenant only": scope.TenantOnly(), "owner only": scope.OwnerOnly(), "other columns": scope.Columns("title", ""),
	} {
		if err := w.db.WithContext(ctx).Scopes(scope.Owned(ctx, opt)).Find(&[]Document{}).Error; !errors.Is(err, scope.ErrUnsupported) {
			t.Errorf("%s: %v", what, err)
		}
	}
	if err := w.db.WithContext(ctx).Scopes(scope.Owned(ctx, scope.Columns("org", "User"))).Find(&[]Ledger{}).Error; err != nil {
		t.Errorf("the same columns: %v", err)
	}
}

func TestOwnedAloneHoldsForItsStatement(t *testing.T) {
	t.Parallel()
	for _, kind := range kinds {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, kind)
			ctx := as(t.Context(), alice)
			q := func(opts ...scope.Option) *gorm.DB { return w.root.Scopes(scope.Owned(ctx, opts...)) }
			for what, err := range map[string]error{
				"Or":               affected(q().Where("title = 'x'").Or("1 = 1").Find(&[]Document{}), 2),
				"a later Or scope": affected(q().Scopes(func(db *gorm.DB) *gorm.DB { return db.Or("1 = 1") }).Find(&[]Note{}), 2),
				"tags":             affected(q().Or("1 = 1").Find(&[]Ledger{}), 2),
				"tenant only":      affected(q(scope.TenantOnly()).Or("1 = 1").Find(&[]Document{}), 4),
				"owner only":       affected(q(scope.OwnerOnly()).Or("1 = 1").Find(&[]Document{}), 2),
				"an update":        affected(q().Model(&Document{}).Where("1 = 1").Or("1 = 1").Update("title", "t"), 2),
				"an update, again": affected(q().Model(&Document{}).Where("1 = 2").Or("1 = 1").Update("stars", 5), 2),
				"a delete":         affected(q().Where("1 = 1").Or("1 = 1").Delete(&Cover{}), 2),
				"a create":         affected(q().Create(&Document{ID: "o1"}), 1),
				"a foreign update": affected(q().Model(&Document{}).Where("id = 'bob-doc-1'").Update("title", "x"), 0),
				"a subquery":       affected(w.root.Scopes(scope.Owned(ctx)).Where("id IN (?)", q().Model(&Document{}).Select("folder_id").Or("1 = 1")).Find(&[]Folder{}), 1),
				"Rows and Or": func() error {
					rows, err := q().Model(&Note{}).Where("slug = 'x'").Or("1 = 1").Rows()
					if err != nil {
						return err
					}
					defer rows.Close()
					n := 0
					for rows.Next() {
						n++
					}
					return want(n, 2, rows.Err())
				}(),
				"generics": affected(w.root.Model(&Tag{}).Scopes(func(db *gorm.DB) *gorm.DB { scope.Stmt(ctx)(db.Statement); return db }).Or("1 = 1").Find(&[]Tag{}), 2),
			} {
				if err != nil {
					t.Errorf("%s: %v", what, err)
				}
			}
			for what, tc := range map[string]struct{ got, want error }{
				"Preload":            {q().Preload("Folder").Find(&[]Document{}).Error, scope.ErrUnsupported},
				"Joins":              {q().Joins("Folder").Find(&[]Document{}).Error, scope.ErrUnsupported},
				"Table":              {q().Table("documents d").Find(&[]Document{}).Error, scope.ErrUnsupported},
				"no columns":         {q().Find(&[]Comment{}).Error, scope.ErrUnprotected},
				"a missing column":   {q(scope.Columns("nothing", "")).Find(&[]Document{}).Error, scope.ErrUnprotected},
				"a scope in a group": {w.root.Where(q()).Or("1 = 1").Find(&[]Document{}).Error, scope.ErrUnsupported},
				"one with a model":   {w.root.Where(q().Model(&Document{})).Find(&[]Document{}).Error, scope.ErrUnsupported},
				"children in Select": {q().Select("Comments").Delete(&Document{ID: "bob-doc-1"}).Error, scope.ErrUnsupported},
				"no condition":       {q().Delete(&Tag{}).Error, gorm.ErrMissingWhereClause},
				"another owner":      {q().Create(&Document{ID: "o2", OwnerID: "bob"}).Error, scope.ErrMismatch},
				"a moved row":        {q().Model(&Document{ID: "alice-doc-1"}).Update("owner_id", "bob").Error, scope.ErrImmutable},
				"a nested write":     {q().Create(&Document{ID: "o3", Comments: []Comment{{ID: "bob-comment-1"}}}).Error, scope.ErrUnsupported},
				"a nested update":    {q().Updates(&Document{ID: "alice-doc-1", Title: "x", Folder: &Folder{ID: "bob-folder-1"}}).Error, scope.ErrUnsupported},
				"a parenthesis":      {q().Where("1 = 1) OR (1 = 1").Find(&[]Document{}).Error, scope.ErrUnsupported},
				"a comment before":   {q().Model(&Document{}).Select("title FROM documents --").Find(&[]map[string]any{}).Error, scope.ErrUnsupported},
				"no principal":       {w.root.Scopes(scope.Owned(t.Context())).Find(&[]Document{}).Error, scope.ErrNoPrincipal},
				"no principal, free": {w.root.Scopes(scope.Owned(t.Context())).Create(&Document{ID: "o4"}).Error, scope.ErrNoPrincipal},
			} {
				if !errors.Is(tc.got, tc.want) {
					t.Errorf("%s: %v, not %v", what, tc.got, tc.want)
				}
			}
			if tx := q().Save(&Document{ID: "bob-doc-2", Title: "x"}); tx.Error == nil && tx.RowsAffected > 0 {
				t.Error("Save took a foreign row")
			}
			var d Document
			w.root.First(&d, "id = ?", "bob-doc-2")
			if d.OwnerID != "bob" || strings.Contains(d.Title, "x ") {
				t.Errorf("bob's row is now %+v", d)
			}
		})
	}
}

func TestGuardNamesEveryFaultOfItsConfiguration(t *testing.T) {
	t.Parallel()
	type noColumns struct{ ID int }
	type readOnly struct {
		ID       int
		TenantID string `gorm:"<-:false"`
	}
	type lostParent struct {
		ID       int
		ParentID int
		Parent   *noColumns `scope:"via"`
	}
	type circle struct {
		ID       int
		CircleID *int
		Circle   *circle `scope:"via"`
	}
	if err := open(t, "sqlite", silent()).Use(scope.Guard(scope.GuardConfig{Protect: []any{&circle{}}})); !errors.Is(err, scope.ErrUnprotected) {
		t.Errorf("a model owned through itself: %v", err)
	}
	err := open(t, "sqlite", silent()).Use(scope.Guard(scope.GuardConfig{Protect: []any{&noColumns{}, &readOnly{}, &Document{}, &Folder{}}}))
	for _, text := range []string{"noColumns", "readOnly"} {
		if err == nil || !strings.Contains(err.Error(), text) {
			t.Errorf("%s is not named in: %v", text, err)
		}
	}
	if err := open(t, "sqlite", silent()).Use(scope.Guard(scope.GuardConfig{Protect: []any{&lostParent{}}})); err == nil {
		t.Error("a via whose target is not protected passed")
	}
	if err := open(t, "sqlite", silent()).Use(scope.Guard(scope.GuardConfig{})); err == nil {
		t.Error("nothing to protect passed")
	}
	db := open(t, "sqlite", silent())
	if err := db.Use(scope.Guard(guardConfig())); err != nil {
		t.Fatal(err)
	}
	if err := db.Use(scope.Guard(guardConfig())); !errors.Is(err, gorm.ErrRegistered) {
		t.Errorf("a second guard: %v", err)
	}
}
