package scope_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"

	"github.com/gin-gonic/gin"
	"github.com/glebarez/sqlite"
	"gorm.io/gorm"

	"github.com/ginsec/ginsec/identity"
	"github.com/ginsec/ginsec/scope"
	"github.com/ginsec/ginsec/scope/policy"
)

// Memo is the examples' model.
type Memo struct {
	ID       scope.ID `gorm:"primaryKey;uniqueIndex:idx_memo,priority:3" json:"id"`
	TenantID string   `gorm:"size:255;not null;uniqueIndex:idx_memo,priority:1" json:"-"`
	OwnerID  string   `gorm:"size:255;not null;uniqueIndex:idx_memo,priority:2" json:"-"`
	Text     string   `json:"text"`
}

// memos opens a database with one memo of alice and one of bob.
func memos(name string, plugins ...gorm.Plugin) *gorm.DB {
	db, err := gorm.Open(sqlite.Open("file:"+name+"?mode=memory&cache=shared"), silent())
	if err != nil {
		panic(err)
	}
	pool, _ := db.DB()
	pool.SetMaxOpenConns(1)
	for _, p := range plugins {
		if err := db.Use(p); err != nil {
			panic(err)
		}
	}
	system := db.WithContext(scope.System(context.Background(), "create the table"))
	_ = system.AutoMigrate(&Memo{})
	system.Create(&[]Memo{
		{ID: scope.NewID(), TenantID: "acme", OwnerID: "alice", Text: "buy milk"},
		{ID: scope.NewID(), TenantID: "acme", OwnerID: "bob", Text: "resign"},
	})
	return db
}

func aliceContext() context.Context {
	return identity.With(context.Background(), &identity.Principal{Subject: "alice", Tenant: "acme"})
}

func texts(m []Memo) string {
	var s []string
	for _, memo := range m {
		s = append(s, memo.Text)
	}
	return strings.Join(s, ", ")
}

func ExampleOwned() {
	db, ctx := memos("owned"), aliceContext()
	var own []Memo
	err := db.WithContext(ctx).Scopes(scope.Owned(ctx)).Where("text = ?", "x").Or("1 = 1").Find(&own).Error
	fmt.Println(texts(own), err)

	memo := Memo{ID: scope.NewID(), Text: "call mum"}
	err = db.WithContext(ctx).Scopes(scope.Owned(ctx)).Create(&memo).Error
	fmt.Println(memo.TenantID, memo.OwnerID, err)
	// Output:
	// buy milk <nil>
	// acme alice <nil>
}

// A condition among others is not a scope: Or takes it apart.
func ExampleOwned_incorrect() {
	db := memos("incorrect")
	own := func(db *gorm.DB) *gorm.DB { return db.Where("tenant_id = ? AND owner_id = ?", "acme", "alice") }
	var leaked []Memo
	db.Scopes(own).Where("text = ?", "resign").Or("text = ?", "x").Find(&leaked)
	fmt.Println(texts(leaked)) // text = 'resign' OR (text = 'x' AND tenant_id = … AND owner_id = …)
	// Output: resign
}

func ExampleGuard() {
	db := memos("guard", scope.Guard(scope.GuardConfig{Protect: []any{&Memo{}}}))
	var own []Memo
	err := db.WithContext(aliceContext()).Find(&own).Error // the scope was forgotten
	fmt.Println(texts(own), err)
	fmt.Println(db.Find(&own).Error) // nobody is authenticated
	fmt.Println(db.WithContext(aliceContext()).Exec("DELETE FROM memos").Error)
	fmt.Println(db.WithContext(aliceContext()).Model(&own[0]).Update("owner_id", "bob").Error)
	// Output:
	// buy milk <nil>
	// scope: no principal
	// scope: raw SQL names a protected table
	// scope: owner and tenant cannot be changed
}

// The guard sees what goes through gorm. The pool beneath is not gorm.
func ExampleGuard_incorrect() {
	db := memos("beneath", scope.Guard(scope.GuardConfig{Protect: []any{&Memo{}}}))
	pool, _ := db.DB()
	var n int
	_ = pool.QueryRow("SELECT COUNT(*) FROM memos").Scan(&n)
	fmt.Println(n, "memos, bob's among them: use Tx and RLS on PostgreSQL, or do not hand the pool out")
	// Output: 2 memos, bob's among them: use Tx and RLS on PostgreSQL, or do not hand the pool out
}

func ExampleOne() {
	db := memos("one", scope.Guard(scope.GuardConfig{Protect: []any{&Memo{}}}))
	r := gin.New()
	r.Use(func(c *gin.Context) { identity.Set(c, &identity.Principal{Subject: "alice", Tenant: "acme"}) })
	r.GET("/memos/:id", func(c *gin.Context) {
		id, ok := scope.ParamID(c, "id")
		if !ok {
			return // the 404 is written
		}
		var memo Memo
		if !scope.One(c, db.WithContext(c.Request.Context()).Scopes(scope.Owned(c)).First(&memo, "id = ?", id)) {
			return // so it is here
		}
		c.String(http.StatusOK, memo.Text)
	})
	var all []Memo
	db.WithContext(scope.System(context.Background(), "example")).Order("owner_id").Find(&all)
	for _, id := range []string{all[0].ID.String(), all[1].ID.String(), scope.NewID().String(), "nonsense"} {
		w := httptest.NewRecorder()
		r.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/memos/"+id, nil))
		fmt.Println(w.Code, w.Body)
	}
	// Output:
	// 200 buy milk
	// 404 {"type":"about:blank","title":"Not Found","status":404,"code":"not_found"}
	// 404 {"type":"about:blank","title":"Not Found","status":404,"code":"not_found"}
	// 404 {"type":"about:blank","title":"Not Found","status":404,"code":"not_found"}
}

func ExampleStmt() {
	db, ctx := memos("stmt"), aliceContext()
	own, err := gorm.G[Memo](db).Scopes(scope.Stmt(ctx)).Or("1 = 1").Find(ctx)
	fmt.Println(texts(own), err)
	// Output: buy milk <nil>
}

func ExampleBind() {
	db, ctx := memos("bind", scope.Guard(scope.GuardConfig{Protect: []any{&Memo{}}})), aliceContext()
	ids := gorm.G[Memo](db, scope.Bind(ctx)).Select("id") // built with an empty context
	var own []Memo
	err := db.WithContext(ctx).Where("id IN (?)", ids).Find(&own).Error
	fmt.Println(texts(own), err)
	// Output: buy milk <nil>
}

func ExampleSystem() {
	db := memos("system", scope.Guard(scope.GuardConfig{Protect: []any{&Memo{}}}))
	var n int64
	err := db.WithContext(scope.System(context.Background(), "the monthly report")).Model(&Memo{}).Count(&n).Error
	fmt.Println(n, err)
	// Output: 2 <nil>
}

func ExampleTx() {
	db, ctx := memos("tx", scope.Guard(scope.GuardConfig{Protect: []any{&Memo{}}})), aliceContext()
	err := scope.Tx(ctx, db, func(tx *gorm.DB) error {
		if err := tx.Create(&Memo{ID: scope.NewID(), Text: "call mum"}).Error; err != nil {
			return err
		}
		return tx.Where("text = ?", "buy milk").Delete(&Memo{}).Error
	})
	var own []Memo
	db.WithContext(ctx).Find(&own)
	fmt.Println(texts(own), err)
	// Output: call mum <nil>
}

func ExampleCheck() {
	type Draft struct {
		ID       int `gorm:"primaryKey"`
		TenantID string
		OwnerID  string `gorm:"not null"`
	}
	db := memos("check")
	_ = db.AutoMigrate(&Draft{})
	fmt.Println(scope.Check(db, &Draft{}))
	// Output:
	// scope: table drafts: column tenant_id may be NULL: such a row is nobody's
	// scope: table drafts: no index starts with tenant_id: every query reads the whole table
	// scope: table drafts: primary key id counts up: it tells how many rows exist, and ids can be guessed
}

func ExampleNewID() {
	id := scope.NewID()
	var same scope.ID
	fmt.Println(same.UnmarshalText([]byte(id.String())), same == id, id.ULID().ID() == id)
	fmt.Println(same.UnmarshalText([]byte(strings.ToUpper(id.String()))))
	// Output:
	// <nil> true true
	// scope: malformed id
}

func ExampleGuardConfig_policies() {
	db := memos("policies", scope.Guard(scope.GuardConfig{Protect: []any{
		policy.Policy{Model: &Memo{}, TenantWide: true}, // colleagues share their memos
	}}))
	var shared []Memo
	err := db.WithContext(aliceContext()).Order("text").Find(&shared).Error
	fmt.Println(texts(shared), err)
	// Output: buy milk, resign <nil>
}
