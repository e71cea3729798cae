package chain_test

import (
	"encoding/json"
	"fmt"
	"net/http"

	"github.com/gin-gonic/gin"
	"github.com/google/uuid"
	"gorm.io/gorm"

	"github.com/ginsec/ginsec/bench/internal/issuer"
)

// order is the row that is read.
type order struct {
	ID       string `json:"id" gorm:"primaryKey;size:36"`
	TenantID string `json:"-" gorm:"index:own,priority:1;not null"`
	OwnerID  string `json:"-" gorm:"index:own,priority:2;not null"`
	Item     string `json:"item"`
	Quantity int    `json:"quantity"`
	Price    int64  `json:"price"`
}

// quote is the body that is read: about 300 B.
type quote struct {
	Reference string            `json:"reference" binding:"required,max=64"`
	Currency  string            `json:"currency" binding:"required,len=3"`
	Address   address           `json:"address"`
	Lines     []line            `json:"lines" binding:"min=1,max=50,dive"`
	Labels    map[string]string `json:"labels" binding:"max=8"`
}

type address struct {
	Street  string `json:"street" binding:"required,max=100"`
	Country string `json:"country" binding:"required,len=2"`
}

type line struct {
	SKU      string `json:"sku" binding:"required,max=32"`
	Quantity int    `json:"quantity" binding:"min=1,max=1000"`
}

type answer struct {
	OK bool `json:"ok"`
}

type total struct {
	Order string `json:"order"`
	Total int64  `json:"total"`
}

const rows = 1000

// The ids of the row that is read, of somebody else's and of none.
var (
	ownID     = rowID(417)
	foreignID = rowID(rows)
	absentID  = rowID(rows + 1)
)

func rowID(n int) string {
	return uuid.UUID{0x01, 0x93, 0x5f, 0x7a, 0x10, 0x00, 0x70, 0x00, 0x80, 12: 1, 14: byte(n >> 8), 15: byte(n)}.String()
}

func fill(db *gorm.DB) error {
	if err := db.AutoMigrate(&order{}); err != nil {
		return err
	}
	list := make([]order, 0, rows+1)
	for n := range rows + 1 {
		o := order{rowID(n), issuer.Tenant, issuer.Subject, fmt.Sprintf("item %d", n), n%9 + 1, int64(100 + n)}
		if n == rows {
			o.OwnerID = "somebody else"
		}
		list = append(list, o)
	}
	return db.CreateInBatches(list, 100).Error
}

var goodBody = mustJSON(quote{
	Reference: "PO-2026-000417-A", Currency: "EUR",
	Address: address{"1 Long Street, Springfield", "GB"},
	Lines:   []line{{"SKU-000001", 3}, {"SKU-000002", 12}, {"SKU-000003", 1}},
	Labels:  map[string]string{"team": "procurement", "channel": "web"},
})

func mustJSON(v any) []byte {
	text, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return text
}

// routes are registered by every stack.
type routes struct{ json, bind, order, quote, once, six gin.HandlerFunc }

// The routes' paths.
const (
	jsonPath  = "/json"
	bindPath  = "/bind"
	orderPath = "/orders/"
	quotePath = "/quotes/"
	oncePath  = "/once"
	sixPath   = "/six/"
)

func (h routes) register(r *gin.Engine, once ...gin.HandlerFunc) {
	r.GET(jsonPath, h.json)
	r.POST(bindPath, h.bind)
	r.GET(orderPath+":id", h.order)
	r.POST(quotePath+":id", h.quote)
	r.POST(oncePath, append(once, h.once)...)
	r.POST(sixPath+":id", append(once, h.six)...)
}

func ok(c *gin.Context) { c.JSON(http.StatusOK, answer{OK: true}) }

func (o *order) quoted(q *quote) total {
	n := 0
	for _, l := range q.Lines {
		n += l.Quantity
	}
	return total{o.ID, o.Price * int64(n)}
}

// call tells the target, as a webhook would be.
func call(c *gin.Context, client *http.Client, target string) bool {
	req, err := http.NewRequestWithContext(c.Request.Context(), http.MethodGet, target, http.NoBody)
	if err != nil {
		return false
	}
	resp, err := client.Do(req)
	if err != nil {
		return false
	}
	return resp.Body.Close() == nil && resp.StatusCode == http.StatusNoContent
}

// mountBare is the application's own work and nothing else: a loose decode, an
// unconfined read.
func mountBare(r *gin.Engine, e *env) (func(), error) {
	return mountUnguarded(r, e, func(db *gorm.DB) *gorm.DB { return db })
}

// mountPredicate is the same with a predicate that anybody would write, for somebody
// fixed: what of the difference to bare is the database's work.
func mountPredicate(r *gin.Engine, e *env) (func(), error) {
	return mountUnguarded(r, e, func(db *gorm.DB) *gorm.DB {
		return db.Where("tenant_id = ?", issuer.Tenant).Where("owner_id = ?", issuer.Subject)
	})
}

func mountUnguarded(r *gin.Engine, e *env, confine func(*gorm.DB) *gorm.DB) (func(), error) {
	read := func(c *gin.Context) (o order, found bool) {
		if err := confine(e.db.WithContext(c.Request.Context())).First(&o, "id = ?", c.Param("id")).Error; err != nil {
			c.Status(http.StatusNotFound)
			return o, false
		}
		return o, true
	}
	decode := func(c *gin.Context) (q quote, good bool) {
		if err := json.NewDecoder(c.Request.Body).Decode(&q); err != nil {
			c.Status(http.StatusBadRequest)
			return q, false
		}
		return q, true
	}
	bind := func(c *gin.Context) {
		if _, good := decode(c); good {
			ok(c)
		}
	}
	client := &http.Client{Transport: &http.Transport{}}
	routes{
		json: ok, bind: bind, once: bind,
		six: func(c *gin.Context) {
			if q, good := decode(c); good {
				if o, found := read(c); found && call(c, client, e.target) {
					c.JSON(http.StatusOK, o.quoted(&q))
				}
			}
		},
		order: func(c *gin.Context) {
			if o, found := read(c); found {
				c.JSON(http.StatusOK, o)
			}
		},
		quote: func(c *gin.Context) {
			if q, good := decode(c); good {
				if o, found := read(c); found {
					c.JSON(http.StatusOK, o.quoted(&q))
				}
			}
		},
	}.register(r)
	return client.CloseIdleConnections, nil
}
