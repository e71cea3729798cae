// Package binding_test measures reading a JSON body into a validated struct on
// gin: the same bytes, the same type, the same rules.
package binding_test

import (
	"encoding/json"
	"fmt"
)

// order is the target. The rules stand twice: for gin's validator, and for a
// framework that makes a JSON Schema of them.
type order struct {
	Reference string  `json:"reference" binding:"required,max=64" maxLength:"64"`
	Customer  string  `json:"customer" binding:"required,max=64" maxLength:"64"`
	Email     string  `json:"email" binding:"required,email" format:"email"`
	Quantity  int     `json:"quantity" binding:"min=1,max=1000" minimum:"1" maximum:"1000"`
	Express   bool    `json:"express" required:"false"`
	Address   address `json:"address"`
	Items     []item  `json:"items,omitempty" binding:"dive" required:"false"`
}

type address struct {
	Street  string `json:"street" binding:"required,max=100" maxLength:"100"`
	Country string `json:"country" binding:"required,len=2" minLength:"2" maxLength:"2"`
}

type item struct {
	SKU    string   `json:"sku" binding:"required,max=32" maxLength:"32"`
	Title  string   `json:"title" binding:"required,max=120" maxLength:"120"`
	Amount int64    `json:"amount" binding:"min=1" minimum:"1"`
	Price  float64  `json:"price" binding:"gt=0" exclusiveMinimum:"0"`
	Tags   []string `json:"tags" binding:"max=8,dive,max=32" maxItems:"8" required:"false"`
}

type payload struct {
	name string
	body []byte
}

// payloads are about 200 B, 2 kB and 200 kB.
func payloads() []payload {
	return []payload{
		{"small-200B", document(0)},
		{"medium-2kB", document(13)},
		{"large-200kB", document(1400)},
	}
}

func document(items int) []byte {
	o := order{
		Reference: "PO-2026-000417", Customer: "Example Ltd", Email: "buying@example.com", Quantity: 12,
		Express: true, Address: address{"1 Long Street, Springfield", "GB"},
	}
	for i := range items {
		o.Items = append(o.Items, item{
			SKU: fmt.Sprintf("SKU-%06d", i), Title: "A thing that is sold by the dozen, boxed",
			Amount: int64(i + 1), Price: 19.5 + float64(i), Tags: []string{"new", "heavy"},
		})
	}
	text, err := json.Marshal(o)
	if err != nil {
		panic(err)
	}
	return text
}
