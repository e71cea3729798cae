package scope_test

import (
	"context"
	"testing"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"github.com/ginsec/ginsec/identity"
	"github.com/ginsec/ginsec/scope"
)

type relationAttack struct {
	name string
	run  func(ctx context.Context, q func() *gorm.DB) (any, error)
}

func relationReads() []relationAttack {
	find := func(name string, tx func(q func() *gorm.DB) *gorm.DB, dest func() any) relationAttack {
		return relationAttack{name, func(_ context.Context, q func() *gorm.DB) (any, error) {
			rows := dest()
			err := tx(q).Find(rows).Error
			return rows, err
		}}
	}
	teams := func() any { return &[]Team{} }
	jobs := func() any { return &[]Job{} }
	goods := func() any { return &[]Good{} }
	answers := func() any { return &[]Answer{} }
	maps := func() any { return &[]map[string]any{} }
	always := func(tx *gorm.DB) *gorm.DB { return tx.Where("1 = 0").Or("1 = 1") }
	return []relationAttack{
		find("jobs preloaded", func(q func() *gorm.DB) *gorm.DB { return q().Preload("Jobs", always) }, teams),
		find("all preloaded", func(q func() *gorm.DB) *gorm.DB { return q().Preload(clause.Associations) }, teams),
		find("stickers preloaded", func(q func() *gorm.DB) *gorm.DB {
			return q().Preload("Stickers", always).Preload("Stickers.Teams", always)
		}, teams),
		find("teams of stickers preloaded", func(q func() *gorm.DB) *gorm.DB { return q().Preload("Teams", always).Preload("Teams.Jobs", always) }, func() any { return &[]Sticker{} }),
		find("a job's team preloaded", func(q func() *gorm.DB) *gorm.DB { return q().Preload("Team", always).Preload("Team.Seats", always) }, jobs),
		find("a job's team joined", func(q func() *gorm.DB) *gorm.DB { return q().Joins("Team").Or("1 = 1") }, jobs),
		find("a job's team joined inside", func(q func() *gorm.DB) *gorm.DB { return q().InnerJoins("Team").Or("1 = 1") }, jobs),
		find("a good's shop joined", func(q func() *gorm.DB) *gorm.DB { return q().Joins("Shop", q().Where("1 = 0").Or("1 = 1")).Or("1 = 1") }, goods),
		find("a good's shop and goods", func(q func() *gorm.DB) *gorm.DB { return q().Preload("Shop.Goods", always) }, goods),
		find("goods of shops", func(q func() *gorm.DB) *gorm.DB { return q().Preload("Goods", always) }, func() any { return &[]Shop{} }),
		find("answers of a global form", func(q func() *gorm.DB) *gorm.DB { return q().Preload("Answers", always) }, func() any { return &[]Form{} }),
		find("an answer's form", func(q func() *gorm.DB) *gorm.DB { return q().Joins("Form").Or("1 = 1") }, answers),
		find("a raw join on the members", func(q func() *gorm.DB) *gorm.DB {
			return q().Model(&Team{}).Select("m.user_id AS hidden").Joins("JOIN seats m ON 1 = 1")
		}, maps),
		find("a join by name on the members", func(q func() *gorm.DB) *gorm.DB {
			return q().Model(&Team{}).Select("teams.name, shop_seats.user_id").Clauses(clause.From{Joins: []clause.Join{{
				Table: clause.Table{Name: "shop_seats"}, ON: clause.Where{Exprs: []clause.Expression{sqlText("1 = 1")}},
			}}})
		}, maps),
		find("the members themselves", func(q func() *gorm.DB) *gorm.DB { return q().Table("shop_seats") }, maps),
		find("seats of teams not hers", func(q func() *gorm.DB) *gorm.DB {
			return q().Model(&Seat{}).Where("team_id IN ?", []string{"carol", "mallory"}).Select("'hidden' AS x")
		}, maps),
		find("the predicate's alias", func(q func() *gorm.DB) *gorm.DB {
			return q().Model(&Team{}).Where("ginsec_m1.user_id = 'alice' OR ginsec_s1.name <> ''")
		}, maps),
		find("the predicate's alias as the table's", func(q func() *gorm.DB) *gorm.DB { return q().Table("teams AS ginsec_s1").Where("1 = 1") }, maps),
		find("the members' alias as the table's", func(q func() *gorm.DB) *gorm.DB { return q().Table("teams AS ginsec_m1").Where("1 = 1") }, maps),
		find("the parent's alias as the table's", func(q func() *gorm.DB) *gorm.DB { return q().Table("jobs AS ginsec_p1").Where("1 = 1") }, maps),
		find("the parent's alias of a second", func(q func() *gorm.DB) *gorm.DB { return q().Table("jobs AS ginsec_m2").Where("1 = 1") }, maps),
		find("the parent's own parent's alias", func(q func() *gorm.DB) *gorm.DB { return q().Table("jobs AS ginsec_s2").Where("1 = 1") }, maps),
		find("folios of another tenant", func(q func() *gorm.DB) *gorm.DB {
			return q().Where(&Folio{Whose: Whose{Org: "globex"}, ID: "mallory", Part: 1}).Or("part = 1")
		}, func() any { return &[]Folio{} }),
		find("folios by their composite key", func(q func() *gorm.DB) *gorm.DB {
			return q().Where("(id, part) IN ?", [][]any{{"mallory", 1}, {"carol", 1}})
		}, func() any { return &[]Folio{} }),
		{"a generic one", func(ctx context.Context, q func() *gorm.DB) (any, error) {
			return gorm.G[Team](q()).Where("1 = 0").Or("1 = 1").Find(ctx)
		}},
		{"a generic one with a join", func(ctx context.Context, q func() *gorm.DB) (any, error) {
			return gorm.G[Job](q()).Joins(clause.Has("Team"), nil).Where("1 = 0").Or("1 = 1").Find(ctx)
		}},
		{"a generic preload", func(ctx context.Context, q func() *gorm.DB) (any, error) {
			return gorm.G[Team](q()).Preload("Jobs", func(b gorm.PreloadBuilder) error { b.Where("1 = 0").Or("1 = 1"); return nil }).Find(ctx)
		}},
		{"a generic preload with a limit", func(ctx context.Context, q func() *gorm.DB) (any, error) {
			return gorm.G[Team](q()).Preload("Jobs", func(b gorm.PreloadBuilder) error { b.LimitPerRecord(3); return nil }).Find(ctx)
		}},
		{"jobs of a colleague's team, by association", func(_ context.Context, q func() *gorm.DB) (any, error) {
			var found []Job
			err := q().Model(&Team{ID: "carol"}).Association("Jobs").Find(&found)
			return found, err
		}},
		{"stickers of another tenant's team, by association", func(_ context.Context, q func() *gorm.DB) (any, error) {
			var found []Sticker
			err := q().Model(&Team{ID: "mallory"}).Association("Stickers").Find(&found)
			return found, err
		}},
		{"a count by association", func(_ context.Context, q func() *gorm.DB) (any, error) {
			if n := q().Model(&Team{ID: "mallory"}).Association("Seats").Count(); n > 0 {
				return "hidden", nil
			}
			return nil, nil
		}},
		{"batches", func(_ context.Context, q func() *gorm.DB) (any, error) {
			var all, batch []Team
			err := q().FindInBatches(&batch, 1, func(tx *gorm.DB, _ int) error {
				var more []Team
				err := tx.Session(&gorm.Session{NewDB: true}).Find(&more).Error
				all = append(append(all, batch...), more...)
				return err
			}).Error
			return all, err
		}},
		{"a deleted one of another", func(_ context.Context, q func() *gorm.DB) (any, error) {
			var all []Team
			err := q().Unscoped().Where("deleted_at IS NULL").Or("deleted_at IS NOT NULL").Find(&all).Error
			return all, err
		}},
	}
}

func relationWrites() []relationAttack {
	write := func(name string, run func(q func() *gorm.DB) error) relationAttack {
		return relationAttack{name, func(_ context.Context, q func() *gorm.DB) (any, error) { return nil, run(q) }}
	}
	on := func(q func() *gorm.DB, team, name string) *gorm.Association {
		return q().Model(&Team{ID: team}).Association(name)
	}
	list := []relationAttack{
		write("a member by her own doing", func(q func() *gorm.DB) error { return q().Create(&Seat{TeamID: "carol", UserID: "alice"}).Error }),
		write("a member of a team she only reads", func(q func() *gorm.DB) error { return q().Create(&Seat{TeamID: "bob", UserID: "eve"}).Error }),
		write("a member in a list", func(q func() *gorm.DB) error {
			return q().Create(&[]Seat{{TeamID: "alice", UserID: "eve"}, {TeamID: "carol", UserID: "alice"}}).Error
		}),
		write("a member by an upsert", func(q func() *gorm.DB) error {
			return q().Clauses(clause.OnConflict{DoNothing: true}).Create(&Seat{TeamID: "carol", UserID: "alice"}).Error
		}),
		write("a member by Save", func(q func() *gorm.DB) error { return q().Save(&Seat{TeamID: "carol", UserID: "alice"}).Error }),
		write("a member by moving a seat", func(q func() *gorm.DB) error {
			return q().Model(&Seat{}).Where("team_id = 'alice'").Update("team_id", "carol").Error
		}),
		write("another member out of a seat", func(q func() *gorm.DB) error {
			return q().Model(&Seat{}).Where("team_id = 'bob'").Update("user_id", "eve").Error
		}),
		write("a member away", func(q func() *gorm.DB) error { return q().Where("team_id <> 'alice'").Delete(&Seat{}).Error }),
		write("a member with her team", func(q func() *gorm.DB) error {
			return q().Create(&Seat{UserID: "alice", Team: &Team{ID: "carol", Name: "x"}}).Error
		}),
		write("a member of a shop", func(q func() *gorm.DB) error { return q().Create(&ShopSeat{"carol", "alice"}).Error }),
		write("a member of a shop in a map", func(q func() *gorm.DB) error {
			return q().Table("shop_seats").Create(map[string]any{"shop_id": "carol", "user_id": "alice"}).Error
		}),
		write("a job below a team she only reads", func(q func() *gorm.DB) error { return q().Create(&Job{ID: "new", TeamID: "bob"}).Error }),
		write("a job moved to a colleague's", func(q func() *gorm.DB) error { return q().Model(&Job{ID: "alice"}).Update("team_id", "carol").Error }),
		write("a job moved to one she only reads", func(q func() *gorm.DB) error { return q().Model(&Job{ID: "alice"}).Update("team_id", "bob").Error }),
		write("a job stolen", func(q func() *gorm.DB) error { return q().Model(&Job{ID: "bob"}).Update("team_id", "alice").Error }),
		write("a job stolen by Save", func(q func() *gorm.DB) error { return q().Save(&Job{ID: "bob", TeamID: "alice"}).Error }),
		write("a job stolen with its team", func(q func() *gorm.DB) error {
			return q().Session(&gorm.Session{FullSaveAssociations: true}).Save(&Team{ID: "alice", Jobs: []Job{{ID: "bob", Name: "x"}}}).Error
		}),
		write("a team that is a job's", func(q func() *gorm.DB) error {
			return q().Session(&gorm.Session{FullSaveAssociations: true}).Updates(&Job{ID: "alice", Team: &Team{ID: "bob", Name: "taken"}}).Error
		}),
		write("a good in a colleague's shop", func(q func() *gorm.DB) error { return q().Model(&Good{ID: "alice"}).Update("shop_id", "carol").Error }),
		write("a good in another tenant's shop", func(q func() *gorm.DB) error { return q().Create(&Good{ID: "new", ShopID: ptr("mallory")}).Error }),
		write("a colleague's good through a shop she writes", func(q func() *gorm.DB) error {
			return q().Session(&gorm.Session{FullSaveAssociations: true}).Save(&Shop{ID: "bob", Goods: []Good{{ID: "bob", Name: "taken"}}}).Error
		}),
		write("goods away with a shop she writes", func(q func() *gorm.DB) error {
			return q().Select("Goods").Where("1 = 0").Delete(&Shop{ID: "bob"}).Error
		}),
		write("an answer to a colleague's form", func(q func() *gorm.DB) error { return q().Create(&Answer{ID: "new", FormID: ptr("carol")}).Error }),
		write("a global form with an answer", func(q func() *gorm.DB) error {
			return q().Session(&gorm.Session{FullSaveAssociations: true}).Create(&Answer{ID: "new", Form: &Form{ID: "global", Name: "taken"}}).Error
		}),
		write("answers by a global form", func(q func() *gorm.DB) error {
			return q().Model(&Form{ID: "global"}).Association("Answers").Append(&Answer{ID: "carol"})
		}),
		write("a form made global", func(q func() *gorm.DB) error {
			return q().Model(&Form{ID: "alice"}).Updates(map[string]any{"tenant_id": nil}).Error
		}),
		write("a form made global by Save", func(q func() *gorm.DB) error {
			return q().Select("*").Where("id = 'alice'").Updates(&Form{ID: "alice", Name: "alice"}).Error
		}),
		write("a form born global", func(q func() *gorm.DB) error {
			return q().Model(&Form{}).Create(map[string]any{"id": "new", "tenant_id": gorm.Expr("NULL")}).Error
		}),
		write("a form born global by Select", func(q func() *gorm.DB) error { return q().Select("ID", "Name").Create(&Form{ID: "new"}).Error }),
		write("a folio of another tenant", func(q func() *gorm.DB) error {
			return q().Save(&Folio{Whose: Whose{Org: "globex", User: "mallory"}, ID: "mallory", Part: 1, Name: "taken"}).Error
		}),
		write("a folio of another tenant as hers", func(q func() *gorm.DB) error {
			return q().Save(&Folio{Whose: Whose{Org: "acme", User: "alice"}, ID: "mallory", Part: 1, Name: "taken"}).Error
		}),
		write("a folio moved", func(q func() *gorm.DB) error {
			return q().Model(&Folio{}).Where("id = 'carol'").Updates(map[string]any{"usr": "alice"}).Error
		}),
		write("a folio of a list", func(q func() *gorm.DB) error {
			return q().Save(&[]Folio{{ID: "alice", Part: 1}, {ID: "mallory", Part: 1, Name: "taken"}}).Error
		}),
		write("folios away", func(q func() *gorm.DB) error {
			return q().Where("name LIKE '%fixed%'").Or("org = 'globex'").Delete(&Folio{}).Error
		}),
		write("a link to a colleague's team", func(q func() *gorm.DB) error { return on(q, "carol", "Stickers").Append(&Sticker{ID: "alice"}) }),
		write("a link to a team she only reads", func(q func() *gorm.DB) error { return on(q, "bob", "Stickers").Append(&Sticker{ID: "alice"}) }),
		write("a link to another tenant's sticker", func(q func() *gorm.DB) error { return on(q, "alice", "Stickers").Append(&Sticker{ID: "mallory"}) }),
		write("links away", func(q func() *gorm.DB) error { return on(q, "bob", "Stickers").Clear() }),
		write("a link away", func(q func() *gorm.DB) error { return on(q, "bob", "Stickers").Delete(&Sticker{ID: "bob"}) }),
		write("links replaced", func(q func() *gorm.DB) error { return on(q, "carol", "Stickers").Replace(&Sticker{ID: "alice"}) }),
		write("a link from the other side", func(q func() *gorm.DB) error {
			return q().Model(&Sticker{ID: "alice"}).Association("Teams").Append(&Team{ID: "carol"})
		}),
		write("a link in the join table", func(q func() *gorm.DB) error {
			return q().Table("team_stickers").Create(map[string]any{"team_id": "bob", "sticker_id": "alice"}).Error
		}),
		write("links of others deleted in the join table", func(q func() *gorm.DB) error {
			return q().Table("team_stickers").Where("team_id <> 'alice'").Delete(map[string]any{}).Error
		}),
		write("jobs replaced", func(q func() *gorm.DB) error { return on(q, "bob", "Jobs").Replace(&Job{ID: "alice"}) }),
		write("jobs cleared", func(q func() *gorm.DB) error { return on(q, "bob", "Jobs").Unscoped().Clear() }),
		write("a job appended from another", func(q func() *gorm.DB) error { return on(q, "alice", "Jobs").Append(&Job{ID: "carol"}) }),
		write("a deletion with all below", func(q func() *gorm.DB) error {
			return q().Select("Jobs", "Seats", "Stickers").Delete(&Team{ID: "bob"}).Error
		}),
		write("a team brought back", func(q func() *gorm.DB) error {
			return q().Unscoped().Model(&Team{}).Where("id = 'bob'").Update("deleted_at", nil).Error
		}),
	}
	return append(list,
		relationAttack{"a generic update", func(ctx context.Context, q func() *gorm.DB) (any, error) {
			return gorm.G[Team](q()).Where("1 = 0").Or("id = ?", "bob").Update(ctx, "stars", 7)
		}},
		relationAttack{"a generic set of the owner", func(ctx context.Context, q func() *gorm.DB) (any, error) {
			return gorm.G[Shop](q()).Where("id = ?", "bob").Set(clause.Assignment{Column: clause.Column{Name: "owner_id"}, Value: "alice"}).Update(ctx)
		}},
		relationAttack{"a generic delete", func(ctx context.Context, q func() *gorm.DB) (any, error) {
			return gorm.G[Team](q()).Where("1 = 0").Or("id <> ?", "alice").Delete(ctx)
		}},
		relationAttack{"a generic create", func(ctx context.Context, q func() *gorm.DB) (any, error) {
			return nil, gorm.G[Job](q()).Create(ctx, &Job{ID: "new", TeamID: "bob"})
		}},
	)
}

func TestNoRelationWidensAPolicyFurther(t *testing.T) {
	t.Parallel()
	all := append(relationReads(), relationWrites()...)
	t.Logf("%d attacks", len(all))
	for _, kind := range append(kinds, "mariadb with upserts") {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			r := newPolicyRoom(t, kind)
			before := r.rows(t)
			ctx := as(t.Context(), alice)
			for _, a := range all {
				for who, q := range map[string]func() *gorm.DB{
					"with the scope": func() *gorm.DB { return r.db.WithContext(ctx).Scopes(scope.Owned(ctx)) },
					"forgotten":      func() *gorm.DB { return r.db.WithContext(ctx) },
				} {
					result, err := a.run(ctx, q)
					before = r.judge(t, a.name+", "+who, result, err, before)
				}
			}
		})
	}
}

// What a policy allows must work, with everything gorm does around it.
func TestWhatAPolicyAllowsWorks(t *testing.T) {
	t.Parallel()
	for _, kind := range append(kinds, "mariadb with upserts") {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			r := newPolicyRoom(t, kind)
			ctx := as(t.Context(), alice)
			q := func() *gorm.DB { return r.db.WithContext(ctx).Scopes(scope.Owned(ctx)) }
			auditor := r.db.WithContext(as(t.Context(), &identity.Principal{Subject: "eve", Tenant: "acme", Scopes: []string{"audit"}}))
			var teams []Team
			var job Job
			var good Good
			var form Form
			var shop Shop
			rows := func(tx *gorm.DB, n int) error { return affected(tx, n) }
			for _, step := range []struct {
				what string
				run  func() error
			}{
				{"teams with all below", func() error {
					return rows(q().Preload("Jobs").Preload("Stickers").Preload("Seats").Order("id").Find(&teams), 2)
				}},
				{"their jobs", func() error { return want(len(teams[1].Jobs), 1, nil) }},
				{"their seats", func() error { return want(len(teams[1].Seats), 2, nil) }},
				{"their stickers", func() error { return want(len(teams[1].Stickers), 1, nil) }},
				{"a job with its team", func() error { return q().Joins("Team").First(&job, "jobs.id = ?", "bob").Error }},
				{"the team is there", func() error { return want(len(job.Team.ID), 3, nil) }},
				{"a member by the owner", func() error { return q().Create(&Seat{TeamID: "alice", UserID: "eve"}).Error }},
				{"a member away by the owner", func() error { return rows(q().Where("team_id = ? AND user_id = ?", "alice", "eve").Delete(&Seat{}), 1) }},
				{"a new team with all below", func() error {
					return q().Create(&Team{ID: "new", Jobs: []Job{{ID: "n1"}}, Seats: []Seat{{UserID: "bob"}}}).Error
				}},
				{"a sticker of a colleague on it", func() error { return q().Model(&Team{ID: "new"}).Association("Stickers").Append(&Sticker{ID: "carol"}) }},
				{"a shop of another written", func() error { return rows(q().Model(&Shop{ID: "bob"}).Update("name", "renamed"), 1) }},
				{"it read and saved", func() error { return q().First(&shop, "id = ?", "bob").Error }},
				{"saved", func() error { shop.Stars = 3; return q().Save(&shop).Error }},
				{"a good in it", func() error { return q().Create(&Good{ID: "new", ShopID: ptr("bob")}).Error }},
				{"the good with its shop", func() error { return q().Preload("Shop").First(&good, "id = ?", "new").Error }},
				{"the shop is there", func() error { return want(good.Shop.Stars, 3, nil) }},
				{"an answer to a global form", func() error { return q().Create(&Answer{ID: "new", FormID: ptr("global")}).Error }},
				{"the global form with the answer", func() error { return q().Preload("Answers").First(&form, "id = ?", "global").Error }},
				{"one answer", func() error { return want(len(form.Answers), 1, nil) }},
				{"sub-tenants", func() error { return rows(q().Find(&[]Branch{}), 2) }},
				{"a sticker of a colleague", func() error { return rows(q().Model(&Sticker{}).Where("id = ?", "carol").Update("stars", 9), 1) }},
				{"a folio of a colleague", func() error { return rows(q().Model(&Folio{ID: "carol", Part: 1}).Update("stars", 9), 1) }},
				{"a folio saved", func() error {
					return rows(q().Save(&Folio{Whose: Whose{"acme", "carol"}, ID: "carol", Part: 1, Name: "s"}), 1)
				}},
				{"an open ticket", func() error { return rows(q().Model(&Ticket{}).Where("id = ?", "bob").Update("stars", 2), 1) }},
				{"an auditor's tickets", func() error { return rows(auditor.Find(&[]Ticket{}), 3) }},
				{"her good out of a shop", func() error {
					return rows(q().Session(&gorm.Session{}).Where("shop_id = ? AND id <> ?", "bob", "bob").Delete(&Good{}), 1)
				}},
				{"a team away and back", func() error { return rows(q().Delete(&Team{ID: "alice"}), 1) }},
				{"it is away", func() error { return rows(q().Where("id = ?", "alice").Find(&[]Team{}), 0) }},
				{"back", func() error { return rows(q().Unscoped().Model(&Team{ID: "alice"}).Update("deleted_at", nil), 1) }},
			} {
				if err := step.run(); err != nil {
					t.Errorf("%s: %v", step.what, err)
				}
			}
		})
	}
}
