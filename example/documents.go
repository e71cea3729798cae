package main

import (
	"net/http"

	"github.com/gin-gonic/gin"
	"gorm.io/gorm"

	"github.com/ginsec/ginsec/binding"
	"github.com/ginsec/ginsec/scope"
)

// documents is the resource of the API. No handler names an owner or a tenant:
// scope takes them from the verified token.
type documents struct{ db *gorm.DB }

// content is all a client may say about a document.
type content struct {
	Title string `json:"title" strict:"required" binding:"min=1,max=200"`
	Body  string `json:"body"  binding:"max=10000"`
}

// page is all a client may say about a list.
type page struct {
	Limit  int `form:"limit"  binding:"omitempty,min=1,max=100"`
	Offset int `form:"offset" binding:"omitempty,min=0,max=10000"`
}

func (d documents) list(c *gin.Context) {
	p, err := binding.Query[page](c)
	if err != nil {
		binding.Abort(c, err)
		return
	}
	if p.Limit == 0 {
		p.Limit = 50
	}
	docs := []Document{}
	err = d.db.WithContext(c.Request.Context()).Scopes(scope.Owned(c)).
		Order("created_at").Limit(p.Limit).Offset(p.Offset).Find(&docs).Error
	if scope.Abort(c, err) {
		return
	}
	c.JSON(http.StatusOK, docs)
}

func (d documents) create(c *gin.Context) {
	in, err := binding.JSON[content](c)
	if err != nil {
		binding.Abort(c, err)
		return
	}
	d.insert(c, in)
}

// insert answers with the new row, stamped with its owner.
func (d documents) insert(c *gin.Context, in content) {
	doc := Document{ID: scope.NewID(), Title: in.Title, Body: in.Body}
	if !scope.One(c, d.db.WithContext(c.Request.Context()).Scopes(scope.Owned(c)).Create(&doc)) {
		return
	}
	c.JSON(http.StatusCreated, doc)
}

func (d documents) read(c *gin.Context) {
	id, ok := scope.ParamID(c, "id")
	if !ok {
		return
	}
	var doc Document
	if !scope.One(c, d.db.WithContext(c.Request.Context()).Scopes(scope.Owned(c)).First(&doc, "id = ?", id)) {
		return
	}
	c.JSON(http.StatusOK, doc)
}

func (d documents) update(c *gin.Context) {
	id, ok := scope.ParamID(c, "id")
	if !ok {
		return
	}
	in, err := binding.JSON[content](c)
	if err != nil {
		binding.Abort(c, err)
		return
	}
	tx := d.db.WithContext(c.Request.Context()).Scopes(scope.Owned(c)).
		Model(&Document{}).Where("id = ?", id).Updates(map[string]any{"title": in.Title, "body": in.Body})
	if !scope.One(c, tx) {
		return
	}
	c.JSON(http.StatusOK, gin.H{"updated": true})
}

func (d documents) remove(c *gin.Context) {
	id, ok := scope.ParamID(c, "id")
	if !ok {
		return
	}
	if !scope.One(c, d.db.WithContext(c.Request.Context()).Scopes(scope.Owned(c)).Delete(&Document{}, "id = ?", id)) {
		return
	}
	c.Status(http.StatusNoContent)
}
