package scope

import (
	"database/sql"
	"errors"
	"net/http"
	"reflect"

	"github.com/gin-gonic/gin"
	"gorm.io/gorm"

	"github.com/ginsec/ginsec/problem"
)

// Abort ends the request when err is not nil and reports whether it did. The
// answer depends on the kind of error only: absent, not yours, malformed id and
// dangling key are one 404 with the same bytes; no principal is 401; a duplicate
// is 409; everything else is 500 and goes to c.Errors. No text of err reaches the
// client.
func Abort(c *gin.Context, err error) bool {
	if err == nil {
		return false
	}
	status := statusOf(err)
	switch status {
	case http.StatusUnauthorized:
		if c.Writer.Header().Get("WWW-Authenticate") == "" && !c.Writer.Written() {
			c.Header("WWW-Authenticate", "Bearer")
		}
		problem.Abort(c, problem.Problem{Status: status, Code: "unauthenticated"})
	case http.StatusNotFound:
		problem.Abort(c, problem.Problem{Status: status, Code: "not_found"})
	case http.StatusConflict:
		problem.Abort(c, problem.Problem{Status: status, Code: "conflict"})
	default:
		_ = c.Error(err)
		problem.Abort(c, problem.Problem{Status: http.StatusInternalServerError, Code: "internal"})
	}
	return true
}

// One reports whether tx found or changed at least one row and otherwise ends the
// request as [Abort] does: with the error, or with the 404 when there was none.
// Pass it the result of First, Take, Create, Save, Updates or Delete. On MySQL an
// update that changes nothing is looked up once more, so that it is no 404.
func One(c *gin.Context, tx *gorm.DB) bool {
	if tx.Error != nil {
		return !Abort(c, tx.Error)
	}
	if tx.RowsAffected > 0 || matched(tx) > 0 {
		return true
	}
	return !Abort(c, gorm.ErrRecordNotFound)
}

// ParamID reads a path parameter as an [ID]. When it is none, the 404 is written
// already and ok is false: a malformed id is an id nobody has.
func ParamID(c *gin.Context, name string) (id ID, ok bool) {
	if err := id.parse(c.Param(name)); err != nil {
		Abort(c, gorm.ErrRecordNotFound)
		return ID{}, false
	}
	return id, true
}

// statusOf maps an error to what a client may know of it.
func statusOf(err error) int {
	for _, absent := range []error{
		gorm.ErrRecordNotFound, sql.ErrNoRows, gorm.ErrForeignKeyViolated, ErrMismatch, ErrImmutable, errID,
	} {
		if errors.Is(err, absent) {
			return http.StatusNotFound
		}
	}
	if errors.Is(err, ErrNoPrincipal) {
		return http.StatusUnauthorized
	}
	if errors.Is(err, gorm.ErrDuplicatedKey) {
		return http.StatusConflict
	}
	return driverStatus(err)
}

// driverStatus looks at the drivers' own errors, for connections without gorm's
// TranslateError, without importing a driver.
func driverStatus(err error) int {
	var state interface{ SQLState() string } // PostgreSQL
	if errors.As(err, &state) {
		switch state.SQLState() {
		case "22P02", "22003", "22021", // bad text for a type, a number out of range, bytes that are no text
			"23503", "42501": // foreign key, row-level security
			return http.StatusNotFound
		case "23505":
			return http.StatusConflict
		}
		return http.StatusInternalServerError
	}
	var code interface{ Code() int } // SQLite
	if errors.As(err, &code) {
		switch code.Code() {
		case 787: // SQLITE_CONSTRAINT_FOREIGNKEY
			return http.StatusNotFound
		case 1555, 2067: // SQLITE_CONSTRAINT_PRIMARYKEY, _UNIQUE
			return http.StatusConflict
		}
		return http.StatusInternalServerError
	}
	switch mysqlNumber(err) {
	case 1216, 1451, 1452: // foreign key
		return http.StatusNotFound
	case 1062: // duplicate
		return http.StatusConflict
	}
	return http.StatusInternalServerError
}

// mysqlNumber returns the number of go-sql-driver/mysql's error, which has a
// field for it and no method.
func mysqlNumber(err error) uint64 {
	for ; err != nil; err = errors.Unwrap(err) {
		rv := reflect.Indirect(reflect.ValueOf(err))
		if rv.Kind() != reflect.Struct || rv.Type().Name() != "MySQLError" {
			continue
		}
		if n := rv.FieldByName("Number"); n.IsValid() && n.CanUint() {
			return n.Uint()
		}
	}
	return 0
}
