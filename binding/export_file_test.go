package binding

import "github.com/gin-gonic/gin"

// MultipartInto is Multipart for a type that is made at run time.
func MultipartInto(c *gin.Context, out any) error {
	s := settle(c, nil)
	f, e := s.filler(InForm, out, true)
	if e == nil {
		e = s.multipart(c.Writer, c.Request, f)
	}
	if e != nil {
		return e
	}
	return nil
}
