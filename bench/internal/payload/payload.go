// Package payload is the JSON body of the comparisons, in any size.
package payload

import (
	"encoding/json"
	"fmt"
)

// Order is the target. The rules stand twice: for gin's validator, and for a
// framework that makes a JSON Schema of them.
type Order struct {
	Reference string  `json:"reference" binding:"required,max=64" maxLength:"64"`
	Customer  string  `json:"customer" binding:"required,max=64" maxLength:"64"`
	Email     string  `json:"email" binding:"required,email" format:"email"`
	Quantity  int     `json:"quantity" binding:"min=1,max=1000" minimum:"1" maximum:"1000"`
	Express   bool    `json:"express" required:"false"`
	Address   Address `json:"address"`
	Items     []Item  `json:"items,omitempty" binding:"dive" required:"false"`
}

// Address is a nested object.
type Address struct {
	Street  string `json:"street" binding:"required,max=100" maxLength:"100"`
	Country string `json:"country" binding:"required,len=2" minLength:"2" maxLength:"2"`
}

// Item is an element of a list.
type Item struct {
	SKU    string   `json:"sku" binding:"required,max=32" maxLength:"32"`
	Title  string   `json:"title" binding:"required,max=120" maxLength:"120"`
	Amount int64    `json:"amount" binding:"min=1" minimum:"1"`
	Price  float64  `json:"price" binding:"gt=0" exclusiveMinimum:"0"`
	Tags   []string `json:"tags" binding:"max=8,dive,max=32" maxItems:"8" required:"false"`
}

// Document returns an order with that many items, about 145 bytes each after
// the first 200.
func Document(items int) []byte {
	o := Order{
		Reference: "PO-2026-000417", Customer: "Example Ltd", Email: "buying@example.com", Quantity: 12,
		Express: true, Address: Address{"1 Long Street, Springfield", "GB"},
	}
	for i := range items {
		o.Items = append(o.Items, Item{
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
