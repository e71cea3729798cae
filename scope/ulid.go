package scope

import (
	"database/sql/driver"

	"gorm.io/gorm"
	"gorm.io/gorm/schema"
)

// ULID is an [ID] spelled as 26 upper-case characters of Crockford's base 32, as
// in the ULID specification. It parses from that one spelling only: no lower
// case, no letters I, L, O or U, no overflow, not the zero ULID. Make one with
// NewID().ULID().
type ULID [16]byte

const crockford = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"

// ID returns the same 128 bits as an ID.
func (u ULID) ID() ID { return ID(u) }

// IsZero reports whether u is the zero ULID, which names nothing.
func (u ULID) IsZero() bool { return u == ULID{} }

// String returns the canonical spelling.
func (u ULID) String() string {
	var b [26]byte
	// 130 bits for 128: the first character holds the upper three bits.
	acc, bits, n := uint(0), 2, 0
	for _, c := range u {
		acc = acc<<8 | uint(c)
		for bits += 8; bits >= 5; n++ {
			bits -= 5
			b[n] = crockford[acc>>bits&31]
		}
	}
	return string(b[:])
}

// MarshalText returns the canonical spelling.
func (u ULID) MarshalText() ([]byte, error) { return []byte(u.String()), nil }

// UnmarshalText parses the canonical spelling and nothing else.
func (u *ULID) UnmarshalText(text []byte) error { return u.parse(string(text)) }

// UnmarshalParam parses a path, query or form parameter for gin's binding.
func (u *ULID) UnmarshalParam(param string) error { return u.parse(param) }

func (u *ULID) parse(s string) error {
	if len(s) != 26 || s[0] > '7' {
		return errID
	}
	var out ULID
	acc, bits, n := uint(0), -2, 0
	for i := range len(s) {
		v := crockfordValue(s[i])
		if v > 31 {
			return errID
		}
		acc = acc<<5 | uint(v)
		if bits += 5; bits >= 8 {
			bits -= 8
			out[n] = byte(acc >> bits)
			n++
		}
	}
	if out.IsZero() {
		return errID
	}
	*u = out
	return nil
}

func crockfordValue(c byte) byte {
	for i := range len(crockford) {
		if crockford[i] == c {
			return byte(i)
		}
	}
	return 255
}

// Value returns the canonical spelling, or NULL for the zero ULID.
func (u ULID) Value() (driver.Value, error) {
	if u.IsZero() {
		return nil, nil //nolint:nilnil // NULL
	}
	return u.String(), nil
}

// Scan reads the canonical spelling, 16 raw bytes, or NULL as the zero ULID.
func (u *ULID) Scan(src any) error {
	switch v := src.(type) {
	case nil:
		*u = ULID{}
		return nil
	case string:
		return u.parse(v)
	case []byte:
		if len(v) == 16 {
			copy(u[:], v)
			return nil
		}
		return u.parse(string(v))
	default:
		return errID
	}
}

// GormDataType names the column type to gorm.
func (ULID) GormDataType() string { return "ulid" }

// GormDBDataType returns char(26) on every database.
func (ULID) GormDBDataType(*gorm.DB, *schema.Field) string { return "char(26)" }
