package main

import (
	"io"
	"net/http"
	"unicode/utf8"

	"github.com/gin-gonic/gin"
	"gorm.io/gorm"

	"github.com/ginsec/ginsec"
	"github.com/ginsec/ginsec/binding"
	"github.com/ginsec/ginsec/egress"
	"github.com/ginsec/ginsec/problem"
)

// api is the guarded documents API: one line puts the suite in front, groups
// tighten it.
func api(suite *ginsec.Suite, db *gorm.DB) *gin.Engine {
	r := gin.New()
	r.HandleMethodNotAllowed = true
	r.Use(suite.Middleware())
	r.GET("/healthz", func(c *gin.Context) { c.Status(http.StatusNoContent) })

	r.POST("/login", ginsec.Limit("login: 5/1m by ip"), login)
	r.POST("/password-reset", ginsec.Limit("password-reset: 5/1m by ip"), login)

	docs := documents{db}
	r.GET("/search", ginsec.Limit("search: 20/1m by user"), docs.list)
	r.GET("/documents", docs.list)
	r.POST("/documents", docs.create)
	r.GET("/documents/:id", docs.read)
	r.PUT("/documents/:id", docs.update)
	r.DELETE("/documents/:id", docs.remove)
	r.POST("/import", docs.fetch)

	pay := r.Group("/payments", ginsec.Once())
	pay.POST("", binding.Handle(transfer))
	return r
}

// credentials are what a login takes. This demo knows no passwords: tokens come
// from the issuer beside it.
type credentials struct {
	User     string `json:"user"     strict:"required" binding:"max=100"`
	Password string `json:"password" strict:"required" binding:"max=100"`
}

func login(c *gin.Context) {
	if _, err := binding.JSON[credentials](c); err != nil {
		binding.Abort(c, err)
		return
	}
	problem.Abort(c, problem.Problem{Status: http.StatusUnauthorized, Code: "wrong_credentials"})
}

// order is a payment; its token is spent by the time the handler runs.
type order struct {
	To    string `json:"to"    strict:"required" binding:"max=100"`
	Cents int64  `json:"cents" strict:"required" binding:"min=1,max=1000000"`
}

func transfer(c *gin.Context, in order) {
	c.JSON(http.StatusOK, gin.H{"paid": in.Cents})
}

// link is a page to import.
type link struct {
	URL string `json:"url" strict:"required" binding:"max=2000"`
}

// fetch imports a page as a document. Whatever went wrong outside, the answer is
// one and the same: which hosts and ports exist is nobody's business.
func (d documents) fetch(c *gin.Context) {
	in, err := binding.JSON[link](c)
	if err != nil {
		binding.Abort(c, err)
		return
	}
	text, err := download(c, in.URL)
	if err != nil {
		problem.Abort(c, problem.Problem{Status: http.StatusUnprocessableEntity, Code: "url_not_importable"})
		return
	}
	d.insert(c, content{Title: "imported", Body: text})
}

func download(c *gin.Context, url string) (string, error) {
	req, err := http.NewRequestWithContext(c.Request.Context(), http.MethodGet, url, http.NoBody)
	if err != nil {
		return "", err
	}
	resp, err := egress.From(c.Request.Context()).HTTP().Do(req)
	if err != nil {
		return "", err
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK || !utf8.Valid(body) {
		return "", errNotImportable
	}
	return string(body), nil
}
