package main

import (
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/gin-gonic/gin"
	"gorm.io/gorm"

	"github.com/ginsec/ginsec/scope"
)

// naive is the same API as the guarded one, written the way it often is: the
// token is decoded but not verified, the limit counts whatever address the client
// names, payloads bind loosely, rows are found by id alone and URLs are fetched.
func naive(db *gorm.DB) http.Handler {
	r := gin.New()
	n := &naiveApp{db: db, hits: map[string]int{}}
	r.GET("/healthz", func(c *gin.Context) { c.Status(http.StatusNoContent) })
	for _, route := range []string{"/login", "/password-reset"} {
		r.POST(route, n.limit(5, (*gin.Context).ClientIP), n.login)
	}
	api := r.Group("/", n.user)
	api.GET("/search", n.limit(20, func(c *gin.Context) string { return c.GetHeader("X-Request-Id") }), n.list)
	api.GET("/documents", n.list)
	api.POST("/documents", n.create)
	api.GET("/documents/:id", n.read)
	api.PUT("/documents/:id", n.update)
	api.DELETE("/documents/:id", n.remove)
	api.POST("/payments", func(c *gin.Context) { c.JSON(http.StatusOK, gin.H{"paid": true}) })
	api.POST("/import", n.fetch)
	return r
}

type naiveApp struct {
	db   *gorm.DB
	mu   sync.Mutex
	hits map[string]int
}

// user believes whatever the token says.
func (n *naiveApp) user(c *gin.Context) {
	parts := strings.Split(strings.TrimPrefix(c.GetHeader("Authorization"), "Bearer "), ".")
	if len(parts) != 3 {
		c.AbortWithStatusJSON(http.StatusUnauthorized, gin.H{"error": "no token"})
		return
	}
	var claims struct{ Sub, Tenant string }
	payload, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err == nil {
		err = json.Unmarshal(payload, &claims)
	}
	if err != nil {
		c.AbortWithStatusJSON(http.StatusUnauthorized, gin.H{"error": err.Error()})
		return
	}
	c.Set("sub", claims.Sub)
	c.Set("tenant", claims.Tenant)
}

// limit counts per minute of the clock, under a key the client can choose.
func (n *naiveApp) limit(most int, key func(*gin.Context) string) gin.HandlerFunc {
	return func(c *gin.Context) {
		n.mu.Lock()
		defer n.mu.Unlock()
		k := c.FullPath() + key(c) + time.Now().Format("15:04")
		if n.hits[k]++; n.hits[k] > most {
			c.AbortWithStatus(http.StatusTooManyRequests)
		}
	}
}

func (n *naiveApp) login(c *gin.Context) {
	var in map[string]any
	if err := c.ShouldBindJSON(&in); err != nil {
		c.JSON(http.StatusBadRequest, gin.H{"error": err.Error()})
		return
	}
	c.JSON(http.StatusUnauthorized, gin.H{"error": "wrong user or password"})
}

func (n *naiveApp) list(c *gin.Context) {
	var docs []Document
	n.db.Order(c.DefaultQuery("order", "id")).Find(&docs, "owner_id = ?", c.GetString("sub"))
	c.JSON(http.StatusOK, docs)
}

// naiveDocument binds straight into the row.
type naiveDocument struct {
	Title   string `json:"title"`
	Body    string `json:"body"`
	OwnerID string `json:"owner_id"`
}

func (n *naiveApp) create(c *gin.Context) {
	in := naiveDocument{OwnerID: c.GetString("sub")}
	if err := c.ShouldBindJSON(&in); err != nil {
		c.JSON(http.StatusBadRequest, gin.H{"error": err.Error()})
		return
	}
	doc := Document{ID: scope.NewID(), TenantID: c.GetString("tenant"), OwnerID: in.OwnerID, Title: in.Title, Body: in.Body}
	n.db.Create(&doc)
	c.JSON(http.StatusCreated, doc)
}

func (n *naiveApp) read(c *gin.Context) {
	var doc Document
	if err := n.db.First(&doc, "id = ?", c.Param("id")).Error; err != nil {
		c.JSON(http.StatusNotFound, gin.H{"error": err.Error()})
		return
	}
	c.JSON(http.StatusOK, doc)
}

func (n *naiveApp) update(c *gin.Context) {
	var in naiveDocument
	if err := c.ShouldBindJSON(&in); err != nil {
		c.JSON(http.StatusBadRequest, gin.H{"error": err.Error()})
		return
	}
	n.db.Model(&Document{}).Where("id = ?", c.Param("id")).Update("title", in.Title)
	c.JSON(http.StatusOK, gin.H{"updated": true})
}

func (n *naiveApp) remove(c *gin.Context) {
	n.db.Delete(&Document{}, "id = ?", c.Param("id"))
	c.Status(http.StatusNoContent)
}

func (n *naiveApp) fetch(c *gin.Context) {
	var in struct{ URL string }
	if err := c.ShouldBindJSON(&in); err != nil {
		c.JSON(http.StatusBadRequest, gin.H{"error": err.Error()})
		return
	}
	resp, err := http.Get(in.URL) //nolint:noctx // the mistake on show
	if err != nil {
		c.JSON(http.StatusBadGateway, gin.H{"error": err.Error()})
		return
	}
	defer resp.Body.Close()
	body, _ := io.ReadAll(resp.Body)
	c.JSON(http.StatusOK, gin.H{"imported": string(body)})
}
